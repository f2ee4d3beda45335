//! [`MobileNetV2Func`]: `mobilenet_v2(content)`.

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
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct MobileNetV2Func {
    signature: Signature,
    objects: Objects,
}

impl MobileNetV2Func {
    /// The function `mobilenet_v2`, which reads weights with `objects`.
    pub fn new(objects: Objects) -> Self {
        Self {
            signature: content_signature(),
            objects,
        }
    }
}

impl ScalarUDFImpl for MobileNetV2Func {
    fn name(&self) -> &str {
        "mobilenet_v2"
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
            extract(files, &options, &self.objects, BadImage::Fail)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
