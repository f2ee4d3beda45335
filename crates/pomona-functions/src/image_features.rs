//! [`ImageFeaturesFunc`]: `image_features(content, network)`.

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::backbones::{Network, extract_with, list_type};
use crate::columnar::map_column;
use crate::content::content_and_signature;
use crate::extract::BadImage;
use crate::{Objects, PomonaOptions};

const NAME: &str = "image_features";

/// The features of an image from a network by name, as timm computes them: `List<Float32>` of as
/// many as the network has. `mobilenet_v2` is the fast path, in a list.
#[user_doc(
    doc_section(label = "Image Functions"),
    description = "Returns the features of an image from a network by name, as timm computes them with num_classes=0: 512 of resnet18, 1280 of efficientnet_b0 and of mobilenetv4_conv_small, 384 of dinov2_small. Images are prepared as timm prepares them for that network. The weights are fetched once from the Hugging Face Hub, or are those of the file that `pomona.backbone_weights` names. `mobilenet_v2` gives what mobilenet_v2 gives, in a list; it is many times faster than the others. NULL gives NULL. Fails where an image cannot be decoded, where the network has no such name, and where its weights cannot be had, are those of another network, or have another sha256 than `pomona.backbone_weights_sha256` pins.",
    syntax_example = "image_features(content, network)",
    sql_example = r#"```sql
> SELECT path, image_features(content, 'mobilenet_v2') AS features FROM images;
```"#,
    argument(
        name = "content",
        description = "The bytes of an image file: JPEG, PNG, WebP, BMP, GIF or TIFF."
    ),
    argument(
        name = "network",
        description = "A constant: `resnet18`, `efficientnet_b0`, `mobilenetv4_conv_small`, `dinov2_small` or `mobilenet_v2`."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ImageFeaturesFunc {
    signature: Signature,
    objects: Objects,
}

impl ImageFeaturesFunc {
    /// The function `image_features`, which reads weights with `objects`.
    pub fn new(objects: Objects) -> Self {
        Self {
            signature: content_and_signature(&[&[DataType::Utf8]]),
            objects,
        }
    }
}

impl ScalarUDFImpl for ImageFeaturesFunc {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(list_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let options = PomonaOptions::of(&args.config_options);
        let [content, network] = take_function_args(NAME, args.args)?;
        let network = Network::of(NAME, &network)?;
        map_column(&content, |files| {
            extract_with(network, files, &options, &self.objects, BadImage::Fail)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
