//! [`PcaMerge`]: the aggregate `pca_merge(moments)`.

use std::mem::size_of_val;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Documentation, Signature};
use datafusion_macros::user_doc;

use crate::columnar::flexible_signature;
use crate::gathered::GatheredMoments;
use crate::moments::{
    check_moments_type, coerce_moments, moments_from_row, moments_to_scalar, moments_type,
};

const NAME: &str = "pca_merge";

/// Merges moments into those of all their rows; NULL ones are skipped.
#[user_doc(
    doc_section(label = "PCA Functions"),
    description = "Merges moments into the moments of all their rows, exactly and in any order. NULL moments are skipped; no rows give NULL. Fails where moments are of vectors of different lengths, or are not what pca_moments returns, and with DISTINCT.",
    syntax_example = "pca_merge(moments)",
    sql_example = r#"```sql
> SELECT pca_solve(pca_merge(moments), 50) AS model
  FROM (SELECT moments FROM old UNION ALL SELECT pca_moments(features) FROM added);
```"#,
    argument(
        name = "moments",
        description = "What pca_moments, pca_merge or pca_subtract return."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PcaMerge {
    signature: Signature,
}

impl Default for PcaMerge {
    fn default() -> Self {
        Self::new()
    }
}

impl PcaMerge {
    /// The function `pca_merge`.
    pub fn new() -> Self {
        Self {
            signature: flexible_signature([vec![moments_type()]]),
        }
    }
}

impl AggregateUDFImpl for PcaMerge {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        types.iter_mut().for_each(coerce_moments);
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [moments] = arg_types else {
            return plan_err!("{NAME} takes one argument: {NAME}(moments)");
        };
        check_moments_type(NAME, moments)?;
        Ok(moments_type())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(GatheredMoments::state_fields(&args))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{NAME} does not support DISTINCT");
        }
        Ok(Box::new(PcaMergeAccumulator(GatheredMoments::new(NAME))))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

#[derive(Debug)]
struct PcaMergeAccumulator(GatheredMoments);

impl Accumulator for PcaMergeAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values[0].as_struct();
        for row in 0..values[0].len() {
            if let Some(moments) = moments_from_row(NAME, rows, row)? {
                self.0.add(moments)?;
            }
        }
        Ok(())
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
