//! [`TryMobileNetV2Func`]: `try_mobilenet_v2(content)`.

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::columnar::map_column;
use crate::content::content_signature;
use crate::extract::{BadImage, extract, features_type};
use crate::{Objects, PomonaOptions};

/// The features of an image, like [`MobileNetV2Func`](crate::MobileNetV2Func); an image that
/// cannot be decoded gives NULL.
#[user_doc(
    doc_section(label = "Image Functions"),
    description = "Returns the 1280 features of an image as mobilenet_v2 does, and NULL for an image that cannot be decoded; image_error(content) returns the reason. NULL gives NULL. Fails where `pomona.weights` names no file, one that is no MobileNetV2 of 1280 features, or one whose sha256 is not `pomona.weights_sha256`; never for an image.",
    syntax_example = "try_mobilenet_v2(content)",
    sql_example = r#"```sql
> SELECT path, try_mobilenet_v2(content) AS features FROM images;
```"#,
    argument(
        name = "content",
        description = "The bytes of an image file: JPEG, PNG, WebP, BMP, GIF or TIFF."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct TryMobileNetV2Func {
    signature: Signature,
    objects: Objects,
}

impl TryMobileNetV2Func {
    /// The function `try_mobilenet_v2`, which reads weights with `objects`.
    pub fn new(objects: Objects) -> Self {
        Self {
            signature: content_signature(),
            objects,
        }
    }
}

impl ScalarUDFImpl for TryMobileNetV2Func {
    fn name(&self) -> &str {
        "try_mobilenet_v2"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(features_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let options = PomonaOptions::of(&args.config_options);
        let [content] = take_function_args(self.name(), args.args)?;
        map_column(&content, |files| {
            extract(files, &options, &self.objects, BadImage::Null)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
