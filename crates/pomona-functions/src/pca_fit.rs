//! [`PcaFit`]: the aggregate `pca_fit(features, k)`.

use std::mem::size_of_val;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, ColumnarValue, Documentation, Signature,
};
use datafusion_macros::user_doc;
use pomona_pca::Components;

use crate::FunctionError;
use crate::columnar::flexible_signature;
use crate::extract::features_type;
use crate::feature_rows::check_features_type;
use crate::gathered::GatheredMoments;
use crate::model::{model_to_scalar, model_type};
use crate::number_of_components::{check_k_type, coerce_k, components};

const NAME: &str = "pca_fit";

/// Fits a principal component analysis and returns the model, one struct (see
/// [`model_type`]). The numbers are those of scikit-learn's
/// `PCA(svd_solver='covariance_eigh')`, whatever the partitioning; NULL rows are skipped.
#[user_doc(
    doc_section(label = "PCA Functions"),
    description = "Fits a principal component analysis to vectors and returns the model: a struct of n_samples, mean, components, explained_variance and explained_variance_ratio. Equal to scikit-learn's PCA(svd_solver='covariance_eigh'). NULL rows are skipped; no rows give NULL. Fails where vectors differ in length or hold NULL or a number that is not finite, where k is no constant or more than the vectors allow, and with DISTINCT.",
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
            coerce_k(k);
        }
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [features, k] = arg_types else {
            return plan_err!("{NAME} takes two arguments: {NAME}(features, k)");
        };
        check_features_type(NAME, features)?;
        check_k_type(NAME, k)?;
        Ok(model_type())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(GatheredMoments::state_fields(&args))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{NAME} does not support DISTINCT");
        }
        Ok(Box::new(PcaFitAccumulator {
            components: constant_k(&args)?,
            moments: GatheredMoments::new(NAME),
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
    moments: GatheredMoments,
}

impl Accumulator for PcaFitAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.moments.add_features(&values[0])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.moments.merge_states(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(self.moments.state())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let Some(moments) = self.moments.get() else {
            return ScalarValue::try_from(model_type());
        };
        let model = moments
            .solve(self.components)
            .map_err(FunctionError::pca(NAME))?;
        model_to_scalar(&model)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.moments.size()
    }
}

/// `k` is the same for all rows, so it is read from the expression, not from the data.
fn constant_k(args: &AccumulatorArgs) -> Result<Components> {
    let empty = RecordBatch::new_empty(Arc::new(args.schema.clone()));
    match args.exprs.get(1).map(|k| k.evaluate(&empty)) {
        Some(Ok(ColumnarValue::Scalar(k))) => components(NAME, Some(&k)),
        _ => components(NAME, None),
    }
}
