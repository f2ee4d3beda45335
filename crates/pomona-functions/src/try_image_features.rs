//! [`TryImageFeaturesFunc`]: `try_image_features(content, network)`.

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

const NAME: &str = "try_image_features";

/// The features of an image from a network by name, like
/// [`ImageFeaturesFunc`](crate::ImageFeaturesFunc); an image that cannot be decoded gives NULL.
#[user_doc(
    doc_section(label = "Image Functions"),
    description = "Returns the features of an image as image_features does, and NULL for an image that cannot be decoded; image_error(content) returns the reason. NULL gives NULL. Fails where the network has no such name, and where its weights cannot be had, are those of another network, or have another sha256 than `pomona.backbone_weights_sha256` pins; never for an image.",
    syntax_example = "try_image_features(content, network)",
    sql_example = r#"```sql
> SELECT path, try_image_features(content, 'mobilenet_v2') AS features FROM images;
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
pub struct TryImageFeaturesFunc {
    signature: Signature,
    objects: Objects,
}

impl TryImageFeaturesFunc {
    /// The function `try_image_features`, which reads weights with `objects`.
    pub fn new(objects: Objects) -> Self {
        Self {
            signature: content_and_signature(&[&[DataType::Utf8]]),
            objects,
        }
    }
}

impl ScalarUDFImpl for TryImageFeaturesFunc {
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
            extract_with(network, files, &options, &self.objects, BadImage::Null)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
