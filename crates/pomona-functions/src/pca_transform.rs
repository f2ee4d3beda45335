//! [`PcaTransformFunc`]: `pca_transform(features, model [, center])`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Float32Type, Float64Type};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;
use pomona_pca::{Feature, Projection};

use crate::FunctionError;
use crate::columnar::flexible_signature;
use crate::extract::features_type;
use crate::feature_rows::{FeatureRows, check_features_type, feature_type};
use crate::model::{model_from_row, model_type};

const NAME: &str = "pca_transform";

/// Projects vectors on the components of a model that `pca_fit` returned: k numbers, `List<Float32>` of
/// `f32` vectors and `List<Float64>` of all others, as scikit-learn's `transform` keeps the type.
///
/// With `center` (the default) the mean is subtracted first, as scikit-learn's `transform` does;
/// without it the numbers are those of Spark MLlib's `PCAModel.transform`. NULL gives NULL; a vector
/// with a NaN or an infinity is an error, as it is to scikit-learn and to `pca_fit`.
#[user_doc(
    doc_section(label = "PCA Functions"),
    description = "Projects vectors on the components of a model and returns a list of k numbers, of Float32 where the features are and of Float64 otherwise. With center (the default) the mean is subtracted first, as scikit-learn does; without it the numbers are those of Spark MLlib. NULL features give NULL. Fails where the features are not as long as those that the model was fitted on, where they hold NULL or a number that is not finite, where the model is not what pca_fit returns, and where center is no constant.",
    syntax_example = "pca_transform(features, model [, center])",
    sql_example = r#"```sql
> SELECT path, pca_transform(features, (SELECT model FROM pca_model)) AS pca FROM features;
```"#,
    argument(
        name = "features",
        description = "Vectors of the model's length: a list of numbers, such as mobilenet_v2 returns."
    ),
    argument(
        name = "model",
        description = "The struct that pca_fit returns. A scalar subquery is evaluated once; a joined column is copied to every row."
    ),
    argument(
        name = "center",
        description = "Whether to subtract the mean first: true by default."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PcaTransformFunc {
    signature: Signature,
}

impl Default for PcaTransformFunc {
    fn default() -> Self {
        Self::new()
    }
}

impl PcaTransformFunc {
    /// The function `pca_transform`.
    pub fn new() -> Self {
        Self {
            signature: flexible_signature([
                vec![features_type(), model_type()],
                vec![features_type(), model_type(), DataType::Boolean],
            ]),
        }
    }
}

impl ScalarUDFImpl for PcaTransformFunc {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        if let Some(model @ DataType::Null) = types.get_mut(1) {
            *model = model_type();
        }
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let (features, model, center) = match arg_types {
            [features, model] => (features, model, &DataType::Boolean),
            [features, model, center] => (features, model, center),
            _ => {
                return plan_err!(
                    "{NAME} takes two or three arguments: {NAME}(features, model [, center])"
                );
            }
        };
        check_features_type(NAME, features)?;
        if !matches!(model, DataType::Struct(_)) {
            return plan_err!("{NAME}: the model is the struct that pca_fit returns, not {model}");
        }
        if *center != DataType::Boolean {
            return plan_err!("{NAME}: center is true or false, not {center}");
        }
        Ok(DataType::new_list(feature_type(features), true))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let center = match args.args.get(2) {
            None => true,
            Some(ColumnarValue::Scalar(ScalarValue::Boolean(Some(center)))) => *center,
            Some(_) => return plan_err!("{NAME}: center is a constant, true or false"),
        };
        let all_scalars = args
            .args
            .iter()
            .all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if all_scalars { 1 } else { args.number_rows };
        let features = args.args[0].to_array(rows)?;
        let models = match &args.args[1] {
            ColumnarValue::Scalar(model) => model.to_array()?,
            ColumnarValue::Array(models) => Arc::clone(models),
        };
        let models = models.as_struct();
        let projected = match feature_type(features.data_type()) {
            DataType::Float32 => project::<Float32Type>(&features, models, center)?,
            _ => project::<Float64Type>(&features, models, center)?,
        };
        Ok(if all_scalars {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&projected, 0)?)
        } else {
            ColumnarValue::Array(projected)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// Projects every row; `models` has one row for all, or one a row.
fn project<T>(features: &ArrayRef, models: &StructArray, center: bool) -> Result<ArrayRef>
where
    T: ArrowPrimitiveType<Native: Feature>,
{
    let features = FeatureRows::<T>::try_new(NAME, features)?;
    let mut values = Vec::new();
    let mut lengths = Vec::with_capacity(features.len());
    let mut valid = Vec::with_capacity(features.len());
    let mut current: Option<(usize, Projection)> = None;

    for (row, vector) in features.iter().enumerate() {
        let model_row = if models.len() == 1 { 0 } else { row };
        let (Some(vector), true) = (vector, models.is_valid(model_row)) else {
            lengths.push(0);
            valid.push(false);
            continue;
        };
        // Packing a model costs far more than projecting one row, and a joined model is the
        // same in every row, so it is packed again only when it changes.
        let packed = match current.take() {
            Some((packed_row, projection)) if same_row(models, packed_row, model_row) => projection,
            _ => model_from_row(models, model_row)?.projection(center),
        };
        let (_, projection) = current.insert((model_row, packed));
        if vector.len() != projection.dimension() {
            return Err(FunctionError::Features {
                function: NAME,
                reason: format!(
                    "the features of a row have length {}, the model was fitted on {}",
                    vector.len(),
                    projection.dimension()
                ),
            }
            .into());
        }
        let start = values.len();
        values.resize(start + projection.k(), T::Native::default());
        projection.apply(vector, &mut values[start..]);
        // A row that is not finite has coordinates that are not; those of one that is may overflow.
        if values[start..].iter().any(|&value| !is_finite(value))
            && let Some(at) = vector.iter().position(|&value| !is_finite(value))
        {
            return Err(FunctionError::not_finite(NAME, at, vector[at].into()).into());
        }
        lengths.push(projection.k());
        valid.push(true);
    }

    Ok(Arc::new(ListArray::try_new(
        Arc::new(Field::new_list_field(T::DATA_TYPE, true)),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(PrimitiveArray::<T>::from_iter_values(values)),
        Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0),
    )?))
}

fn is_finite<T: Feature>(value: T) -> bool {
    value.into().is_finite()
}

fn same_row(models: &StructArray, a: usize, b: usize) -> bool {
    a == b || models.slice(a, 1).to_data() == models.slice(b, 1).to_data()
}
