//! [`MobileNetV2Func`]: `mobilenet_v2(content)` and `try_mobilenet_v2(content)`.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{ColumnarValue, Documentation, Expr, Signature};
use datafusion_macros::user_doc;

use crate::backbones::Network;
use crate::columnar::map_column;
use crate::content::content_signature;
use crate::extract::{extract, features_type};
use crate::image_function::{BadImage, ImageFunction, try_entry};
use crate::{Objects, PomonaOptions};

/// The features of an image: MobileNetV2 without its classifier, average-pooled. An image that
/// cannot be decoded fails the query with its reason. NULL gives NULL.
///
/// The numbers are those of Keras `MobileNetV2(include_top=False, pooling='avg')` after
/// `PIL.Image.open(...).convert('RGB').resize((224, 224))` and `preprocess_input`, to 1e-4.
#[user_doc(
    doc_section(label = "Image Functions"),
    description = "Returns the 1280 features of an image: MobileNetV2 without its classifier, average-pooled, as Keras computes them. NULL gives NULL. Fails where an image cannot be decoded (the error names its row in the batch and the reason), and where `pomona.weights` names no file, one that is no MobileNetV2 of 1280 features, or one whose sha256 is not `pomona.weights_sha256`.",
    syntax_example = "mobilenet_v2(content)",
    sql_example = r#"```sql
> SELECT path, mobilenet_v2(content) AS features FROM images;
```"#,
    argument(
        name = "content",
        description = "The bytes of an image file: JPEG, PNG, WebP, BMP, GIF or TIFF."
    )
)]
#[derive(Debug)]
pub struct MobileNetV2Func(pub BadImage);

/// The entry of `try_mobilenet_v2` in the reference.
static TRY_ENTRY: LazyLock<Option<Documentation>> = LazyLock::new(|| {
    try_entry(
        MobileNetV2Func(BadImage::Fails).doc(),
        "Returns the 1280 features of an image as mobilenet_v2 does, and NULL for an image that cannot be decoded; image_error(content) returns the reason. NULL gives NULL. Fails where `pomona.weights` names no file, one that is no MobileNetV2 of 1280 features, or one whose sha256 is not `pomona.weights_sha256`; never for an image.",
        "try_mobilenet_v2(content)",
        r#"```sql
> SELECT path, try_mobilenet_v2(content) AS features FROM images;
```"#,
    )
});

impl ImageFunction for MobileNetV2Func {
    fn name(&self) -> &'static str {
        match self.0 {
            BadImage::Fails => "mobilenet_v2",
            BadImage::IsNull => "try_mobilenet_v2",
        }
    }

    fn signature(&self) -> Signature {
        content_signature()
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(features_type())
    }

    fn network(&self, _args: &[Expr]) -> Option<Network> {
        Some(Network::MobileNetV2)
    }

    fn call(
        &self,
        args: &[ColumnarValue],
        options: &PomonaOptions,
        objects: &Objects,
    ) -> Result<ColumnarValue> {
        let [content] = take_function_args(self.name(), args)?;
        map_column(content, |files| extract(files, options, objects, self.0))
    }

    fn documentation(&self) -> Option<&Documentation> {
        match self.0 {
            BadImage::Fails => self.doc(),
            BadImage::IsNull => TRY_ENTRY.as_ref(),
        }
    }
}
