//! [`PcaMoments`]: the aggregate `pca_moments(features)`.

use std::mem::size_of_val;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Documentation, Signature};
use datafusion_macros::user_doc;

use crate::columnar::flexible_signature;
use crate::extract::features_type;
use crate::feature_rows::check_features_type;
use crate::gathered::GatheredMoments;
use crate::moments::{moments_to_scalar, moments_type};

const NAME: &str = "pca_moments";

/// Gathers what a principal component analysis needs of vectors: their count, mean and centred
/// products, one struct (see [`moments_type`]). Moments of parts merge exactly into those of the
/// whole, so that a model can be brought up to date without the vectors it was fitted on.
#[user_doc(
    doc_section(label = "PCA Functions"),
    description = "Gathers what a PCA needs of vectors and returns it: a struct of count, mean and comoment (the upper triangle of the centred products, row-major). Moments of parts merge exactly (pca_merge), can be taken away again (pca_subtract) and give the model (pca_solve). NULL rows are skipped; no rows give NULL. Fails where vectors differ in length or hold NULL or a number that is not finite, and with DISTINCT.",
    syntax_example = "pca_moments(features)",
    sql_example = r#"```sql
> CREATE TABLE moments AS SELECT label, pca_moments(features) AS moments FROM features GROUP BY label;
> SELECT pca_solve(pca_merge(moments), 50) AS model FROM moments WHERE label <> 'Kiwi';
```"#,
    argument(
        name = "features",
        description = "Vectors of one length: a list of numbers, such as mobilenet_v2 returns."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PcaMoments {
    signature: Signature,
}

impl Default for PcaMoments {
    fn default() -> Self {
        Self::new()
    }
}

impl PcaMoments {
    /// The function `pca_moments`.
    pub fn new() -> Self {
        Self {
            signature: flexible_signature([vec![features_type()]]),
        }
    }
}

impl AggregateUDFImpl for PcaMoments {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [features] = arg_types else {
            return plan_err!("{NAME} takes one argument: {NAME}(features)");
        };
        check_features_type(NAME, features)?;
        Ok(moments_type())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(GatheredMoments::state_fields(&args))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{NAME} does not support DISTINCT");
        }
        Ok(Box::new(PcaMomentsAccumulator(GatheredMoments::new(NAME))))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug)]
struct PcaMomentsAccumulator(GatheredMoments);

impl Accumulator for PcaMomentsAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.add_features(&values[0])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_states(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(self.0.state())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        moments_to_scalar(self.0.get())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.size()
    }
}
