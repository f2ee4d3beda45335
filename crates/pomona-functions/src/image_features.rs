//! [`ImageFeaturesFunc`]: `image_features(content, network)` and `try_image_features(content, network)`.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{ColumnarValue, Documentation, Expr, Signature};
use datafusion_macros::user_doc;

use crate::backbones::{Network, extract_with, list_type};
use crate::columnar::map_column;
use crate::content::content_and_signature;
use crate::image_function::{BadImage, ImageFunction, try_entry};
use crate::{Objects, PomonaOptions};

/// The features of an image from a network by name, as timm computes them: `List<Float32>` of as
/// many as the network has. `mobilenet_v2` is the fast path, in a list.
#[user_doc(
    doc_section(label = "Image Functions"),
    description = "Returns the features of an image from a network by name, as timm computes them with num_classes=0: 512 of resnet18, 1280 of efficientnet_b0 and of mobilenetv4_conv_small, 384 of dinov2_small. Images are prepared as timm prepares them for that network. The weights are fetched once from the Hugging Face Hub, or are those of the file that `pomona.backbone_weights` names. `mobilenet_v2` gives what mobilenet_v2 gives, in a list; it is faster than the others. NULL gives NULL. Fails where an image cannot be decoded, where the network has no such name, and where its weights cannot be had, are those of another network, or have another sha256 than `pomona.backbone_weights_sha256` pins.",
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
#[derive(Debug)]
pub struct ImageFeaturesFunc(pub BadImage);

/// The entry of `try_image_features` in the reference.
static TRY_ENTRY: LazyLock<Option<Documentation>> = LazyLock::new(|| {
    try_entry(
        ImageFeaturesFunc(BadImage::Fails).doc(),
        "Returns the features of an image as image_features does, and NULL for an image that cannot be decoded; image_error(content) returns the reason. NULL gives NULL. Fails where the network has no such name, and where its weights cannot be had, are those of another network, or have another sha256 than `pomona.backbone_weights_sha256` pins; never for an image.",
        "try_image_features(content, network)",
        r#"```sql
> SELECT path, try_image_features(content, 'mobilenet_v2') AS features FROM images;
```"#,
    )
});

impl ImageFunction for ImageFeaturesFunc {
    fn name(&self) -> &'static str {
        match self.0 {
            BadImage::Fails => "image_features",
            BadImage::IsNull => "try_image_features",
        }
    }

    fn signature(&self) -> Signature {
        content_and_signature(&[&[DataType::Utf8]])
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(list_type())
    }

    fn network(&self, args: &[Expr]) -> Option<Network> {
        match args {
            [_, Expr::Literal(name, _)] => Network::named(name.try_as_str()??).ok(),
            _ => None,
        }
    }

    fn call(
        &self,
        args: &[ColumnarValue],
        options: &PomonaOptions,
        objects: &Objects,
    ) -> Result<ColumnarValue> {
        let [content, network] = take_function_args(self.name(), args)?;
        let network = Network::of(self.name(), network)?;
        map_column(content, |files| {
            extract_with(network, files, options, objects, self.0)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        match self.0 {
            BadImage::Fails => self.doc(),
            BadImage::IsNull => TRY_ENTRY.as_ref(),
        }
    }
}
