//! [`PcaFit`]: the aggregate `pca_fit(features, k)`.

use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, LargeListArray, RecordBatch};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, ColumnarValue, Documentation, Signature,
};
use datafusion_macros::user_doc;
use pomona_pca::{Components, Moments};

use crate::FunctionError;
use crate::columnar::flexible_signature;
use crate::extract::features_type;
use crate::feature_rows::{FeatureRows, check_features_type};
use crate::model::{model_to_scalar, model_type};

const NAME: &str = "pca_fit";

/// Fits a principal component analysis and returns the model, one struct (see
/// [`model_type`]). The numbers are those of scikit-learn's
/// `PCA(svd_solver='covariance_eigh')`, whatever the partitioning; NULL rows are skipped.
#[user_doc(
    doc_section(label = "PCA Functions"),
    description = "Fits a principal component analysis to vectors and returns the model: a struct of n_samples, mean, components, explained_variance and explained_variance_ratio. Equal to scikit-learn's PCA(svd_solver='covariance_eigh'). NULL rows are skipped; no rows give NULL.",
    syntax_example = "pca_fit(features, k)",
    sql_example = r#"```sql
> CREATE TABLE pca_model AS SELECT pca_fit(features, 50) AS model FROM features;
> SELECT pca_fit(features, 0.95) AS model FROM features;
```"#,
    argument(
        name = "features",
        description = "Vectors of one length: a list of numbers, such as mobilenet_v2 returns."
    ),
    argument(
        name = "k",
        description = "A constant: the number of components to keep (an integer), or the share of the variance to keep (a fraction below 1)."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PcaFit {
    signature: Signature,
}

impl Default for PcaFit {
    fn default() -> Self {
        Self::new()
    }
}

impl PcaFit {
    /// The function `pca_fit`.
    pub fn new() -> Self {
        Self {
            signature: flexible_signature([
                vec![features_type(), DataType::Int64],
                vec![features_type(), DataType::Float64],
            ]),
        }
    }
}

impl AggregateUDFImpl for PcaFit {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        if let Some(k) = types.get_mut(1) {
            if k.is_integer() {
                *k = DataType::Int64;
            } else if k.is_numeric() {
                *k = DataType::Float64;
            }
        }
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [features, k] = arg_types else {
            return plan_err!("{NAME} takes two arguments: {NAME}(features, k)");
        };
        check_features_type(NAME, features)?;
        if !k.is_numeric() {
            return plan_err!(
                "{NAME}: k is a number of components (50) or a share of the variance (0.95), \
                 not {k}"
            );
        }
        Ok(model_type())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |name, data_type| {
            Arc::new(Field::new(
                format_state_name(args.name, name),
                data_type,
                true,
            ))
        };
        Ok(vec![
            field("count", DataType::UInt64),
            field("mean", state_list_type()),
            field("comoment", state_list_type()),
        ])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{NAME} does not support DISTINCT");
        }
        Ok(Box::new(PcaFitAccumulator {
            components: components(&args)?,
            moments: None,
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// Accumulates the moments of the rows it sees, and solves at the end.
#[derive(Debug)]
struct PcaFitAccumulator {
    components: Components,
    /// `None` until the first row tells the dimension.
    moments: Option<Moments>,
}

impl Accumulator for PcaFitAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = FeatureRows::try_new(NAME, &values[0])?;
        for row in rows.iter().flatten() {
            let moments = self.moments.get_or_insert_with(|| Moments::new(row.len()));
            if row.len() != moments.dimension() {
                return Err(FunctionError::Features {
                    function: NAME,
                    reason: format!(
                        "the features differ in length: {} and {}",
                        moments.dimension(),
                        row.len()
                    ),
                }
                .into());
            }
            moments.update(row).map_err(FunctionError::pca(NAME))?;
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let counts = states[0].as_primitive::<UInt64Type>();
        let means = states[1].as_list::<i64>();
        let comoments = states[2].as_list::<i64>();
        for state in 0..counts.len() {
            if counts.is_null(state) || counts.value(state) == 0 {
                continue;
            }
            let vector = |list: &LargeListArray| {
                list.value(state)
                    .as_primitive::<Float64Type>()
                    .values()
                    .to_vec()
            };
            let other = Moments::from_parts(counts.value(state), vector(means), vector(comoments))
                .map_err(FunctionError::pca(NAME))?;
            match &mut self.moments {
                Some(moments) => moments.merge(&other).map_err(FunctionError::pca(NAME))?,
                None => self.moments = Some(other),
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (count, mean, comoment) = match self.moments.take() {
            Some(moments) => moments.into_parts(),
            None => (0, vec![], vec![]),
        };
        Ok(vec![
            ScalarValue::UInt64(Some(count)),
            state_list(mean),
            state_list(comoment),
        ])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let Some(moments) = &self.moments else {
            return ScalarValue::try_from(model_type());
        };
        let model = moments
            .solve(self.components)
            .map_err(FunctionError::pca(NAME))?;
        model_to_scalar(&model)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.moments.as_ref().map_or(0, Moments::size)
    }
}

/// `k` is the same for all rows, so it is read from the expression, not from the data.
fn components(args: &AccumulatorArgs) -> Result<Components> {
    let empty = RecordBatch::new_empty(Arc::new(args.schema.clone()));
    let k = match args.exprs.get(1).map(|k| k.evaluate(&empty)) {
        Some(Ok(ColumnarValue::Scalar(k))) => k,
        _ => return plan_err!("{NAME}: k is a constant, the same for all rows"),
    };
    let components = match k {
        ScalarValue::Int64(Some(k)) => Components::try_from(k),
        ScalarValue::Float64(Some(k)) => Components::try_from(k),
        other => return exec_err!("{NAME}: k is a number, not {other}"),
    };
    Ok(components.map_err(FunctionError::pca(NAME))?)
}

/// 820,000 values at 1280 dimensions: thousands of states in a batch overflow 32-bit offsets.
fn state_list_type() -> DataType {
    DataType::LargeList(Arc::new(Field::new_list_field(DataType::Float64, true)))
}

fn state_list(values: Vec<f64>) -> ScalarValue {
    ScalarValue::LargeList(Arc::new(LargeListArray::new(
        Arc::new(Field::new_list_field(DataType::Float64, true)),
        OffsetBuffer::from_lengths([values.len()]),
        Arc::new(Float64Array::from(values)),
        None,
    )))
}
