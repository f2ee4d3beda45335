//! [`ClassifyImageFunc`]: `classify_image(content [, top])` and `try_classify_image(content [, top])`.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::simplify::ExprSimplifyResult;
use datafusion::logical_expr::{ColumnarValue, Documentation, Expr, ScalarUDF, Signature};
use datafusion_macros::user_doc;

use crate::backbones::Network;
use crate::classes::{classes_type, classify, top};
use crate::columnar::map_column;
use crate::content::content_and_signature;
use crate::extract::extract;
use crate::image_function::{BadImage, ImageFunc, ImageFunction, try_entry};
use crate::{ClassifyFeaturesFunc, MobileNetV2Func, Objects, PomonaOptions};

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
#[derive(Debug)]
pub struct ClassifyImageFunc(pub BadImage);

/// The entry of `try_classify_image` in the reference.
static TRY_ENTRY: LazyLock<Option<Documentation>> = LazyLock::new(|| {
    try_entry(
        ClassifyImageFunc(BadImage::Fails).doc(),
        "Returns the most probable classes of an image as classify_image does, and NULL for an image that cannot be decoded; image_error(content) returns the reason. With try_mobilenet_v2 in one SELECT list it costs one pass through the network. NULL gives NULL. Fails where the weights have no classifier or do not name its classes, and where top is not a constant of 1 or more; never for an image.",
        "try_classify_image(content [, top])",
        r#"```sql
> SELECT label, count(*) FROM images WHERE try_classify_image(content, 1)[1]['label'] <> label GROUP BY label;
```"#,
    )
});

impl ImageFunction for ClassifyImageFunc {
    fn name(&self) -> &'static str {
        match self.0 {
            BadImage::Fails => "classify_image",
            BadImage::IsNull => "try_classify_image",
        }
    }

    fn signature(&self) -> Signature {
        content_and_signature(&[&[], &[DataType::Int64]])
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(classes_type())
    }

    fn network(&self, _args: &[Expr]) -> Option<Network> {
        Some(Network::MobileNetV2)
    }

    /// Features and classes are two calls, so that the planner sees that a query which asks for
    /// both computes the features once.
    fn simplify(&self, mut args: Vec<Expr>, objects: &Objects) -> Result<ExprSimplifyResult> {
        let features = ImageFunc::new(MobileNetV2Func(self.0), objects.clone());
        let classes = ImageFunc::new(ClassifyFeaturesFunc, objects.clone());
        let content = args.remove(0);
        args.insert(0, ScalarUDF::from(features).call(vec![content]));
        let classes = ScalarUDF::from(classes).call(args);
        Ok(ExprSimplifyResult::Simplified(classes))
    }

    fn call(
        &self,
        args: &[ColumnarValue],
        options: &PomonaOptions,
        objects: &Objects,
    ) -> Result<ColumnarValue> {
        let top = top(self.name(), args.get(1))?;
        map_column(&args[0], |files| {
            let features = extract(files, options, objects, self.0)?;
            classify(self.name(), &features, top, options, objects)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        match self.0 {
            BadImage::Fails => self.doc(),
            BadImage::IsNull => TRY_ENTRY.as_ref(),
        }
    }
}
