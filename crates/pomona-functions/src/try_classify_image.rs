//! [`TryClassifyImageFunc`]: `try_classify_image(content [, top])`.

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::classes::{classes_type, classify, top};
use crate::columnar::map_column;
use crate::content::content_and_signature;
use crate::extract::{BadImage, extract};
use crate::{ClassifyFeaturesFunc, Objects, PomonaOptions, TryMobileNetV2Func};

const NAME: &str = "try_classify_image";

/// The classes of an image, like [`ClassifyImageFunc`](crate::ClassifyImageFunc); an image that
/// cannot be decoded gives NULL.
#[user_doc(
    doc_section(label = "Image Functions"),
    description = "Returns the most probable classes of an image as classify_image does, and NULL for an image that cannot be decoded; image_error(content) returns the reason. With try_mobilenet_v2 in one SELECT list it costs one pass through the network. NULL gives NULL. Fails where the weights have no classifier or do not name its classes, and where top is not a constant of 1 or more; never for an image.",
    syntax_example = "try_classify_image(content [, top])",
    sql_example = r#"```sql
> SELECT label, count(*) FROM images WHERE try_classify_image(content, 1)[1]['label'] <> label GROUP BY label;
```"#,
    argument(
        name = "content",
        description = "The bytes of an image file: JPEG, PNG, WebP, BMP, GIF or TIFF."
    ),
    argument(
        name = "top",
        description = "A constant: how many classes to return, 5 by default."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct TryClassifyImageFunc {
    signature: Signature,
    objects: Objects,
}

impl TryClassifyImageFunc {
    /// The function `try_classify_image`, which reads weights with `objects`.
    pub fn new(objects: Objects) -> Self {
        Self {
            signature: content_and_signature(&[&[], &[DataType::Int64]]),
            objects,
        }
    }
}

impl ScalarUDFImpl for TryClassifyImageFunc {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(classes_type())
    }

    /// Features and classes are two calls, so that the planner sees that a query which asks for
    /// both computes the features once.
    fn simplify(&self, mut args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let features = ScalarUDF::from(TryMobileNetV2Func::new(self.objects.clone()));
        let classes = ScalarUDF::from(ClassifyFeaturesFunc::new(self.objects.clone()));
        let content = args.remove(0);
        args.insert(0, features.call(vec![content]));
        Ok(ExprSimplifyResult::Simplified(classes.call(args)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let options = PomonaOptions::of(&args.config_options);
        let top = top(NAME, args.args.get(1))?;
        map_column(&args.args[0], |files| {
            let features = extract(files, &options, &self.objects, BadImage::Null)?;
            classify(NAME, &features, top, &options, &self.objects)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
