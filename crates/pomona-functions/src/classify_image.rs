//! [`ClassifyImageFunc`]: `classify_image(content [, top])`.

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
use crate::{ClassifyFeaturesFunc, MobileNetV2Func, Objects, PomonaOptions};

const NAME: &str = "classify_image";

/// The classes that an image most probably shows: `List<Struct(label Utf8, score Float32)>`, the
/// best first. The score is the softmax over all classes. NULL gives NULL.
///
/// It is `classify_features(mobilenet_v2(content), top)`, and that is what it is planned as.
#[user_doc(
    doc_section(label = "Image Functions"),
    description = "Returns the most probable classes of an image: a list of structs of label and score (the softmax over all classes), the best first. The labels are those in the metadata of the weights, or those of ImageNet for weights of 1000 classes (1001 with the background). It is planned as classify_features(mobilenet_v2(content), top), so that features and classes in one SELECT list cost one pass through the network. NULL gives NULL. Fails where an image cannot be decoded, as mobilenet_v2 does, where the weights have no classifier or do not name its classes, and where top is not a constant of 1 or more.",
    syntax_example = "classify_image(content [, top])",
    sql_example = r#"```sql
> SELECT path, classify_image(content, 3) AS classes, mobilenet_v2(content) AS features FROM images;
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
pub struct ClassifyImageFunc {
    signature: Signature,
    objects: Objects,
}

impl ClassifyImageFunc {
    /// The function `classify_image`, which reads weights with `objects`.
    pub fn new(objects: Objects) -> Self {
        Self {
            signature: content_and_signature(&[&[], &[DataType::Int64]]),
            objects,
        }
    }
}

impl ScalarUDFImpl for ClassifyImageFunc {
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
        let features = ScalarUDF::from(MobileNetV2Func::new(self.objects.clone()));
        let classes = ScalarUDF::from(ClassifyFeaturesFunc::new(self.objects.clone()));
        let content = args.remove(0);
        args.insert(0, features.call(vec![content]));
        Ok(ExprSimplifyResult::Simplified(classes.call(args)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let options = PomonaOptions::of(&args.config_options);
        let top = top(NAME, args.args.get(1))?;
        map_column(&args.args[0], |files| {
            let features = extract(files, &options, &self.objects, BadImage::Fail)?;
            classify(NAME, &features, top, &options, &self.objects)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
