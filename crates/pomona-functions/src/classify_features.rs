//! [`ClassifyFeaturesFunc`]: `classify_features(features [, top])`.

use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{ColumnarValue, Documentation, Expr, Signature};
use datafusion_macros::user_doc;

use crate::backbones::Network;
use crate::classes::{classes_type, classify, top};
use crate::columnar::{flexible_signature, map_column};
use crate::extract::features_type;
use crate::feature_rows::check_features_type;
use crate::image_function::ImageFunction;
use crate::{Objects, PomonaOptions};

const NAME: &str = "classify_features";

/// The classes of an image from its features, those of `mobilenet_v2` with the same weights.
/// Features that are there already, such as those of a finished run, are classified without any
/// image.
#[user_doc(
    doc_section(label = "Image Functions"),
    description = "Returns the most probable classes of an image from its features: a list of structs of label and score (the softmax over all classes), the best first, as classify_image does. The features must be those of the weights that `pomona.weights` names, for example of a finished run. NULL gives NULL. Fails where the weights have no classifier or do not name its classes, where the features have another length, and where top is not a constant of 1 or more.",
    syntax_example = "classify_features(features [, top])",
    sql_example = r#"```sql
> SELECT path, classify_features(features, 1)[1]['label'] AS class FROM features;
```"#,
    argument(
        name = "features",
        description = "A list of 1280 numbers, as mobilenet_v2 returns them."
    ),
    argument(
        name = "top",
        description = "A constant: how many classes to return, 5 by default."
    )
)]
#[derive(Debug)]
pub struct ClassifyFeaturesFunc;

impl ImageFunction for ClassifyFeaturesFunc {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> Signature {
        flexible_signature([
            vec![features_type()],
            vec![features_type(), DataType::Int64],
        ])
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = types.to_vec();
        if let Some(top) = types.get_mut(1)
            && top.is_integer()
        {
            *top = DataType::Int64;
        }
        Ok(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [features] | [features, DataType::Int64] => check_features_type(NAME, features)?,
            [_, top] => return plan_err!("{NAME}: top is a whole number, not {top}"),
            _ => return plan_err!("{NAME} takes one or two arguments: {NAME}(features [, top])"),
        }
        Ok(classes_type())
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
        let top = top(NAME, args.get(1))?;
        map_column(&args[0], |features| {
            classify(NAME, features, top, options, objects)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
