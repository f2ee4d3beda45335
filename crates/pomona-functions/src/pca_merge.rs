//! [`Merge`]: the aggregate `pca_merge(moments)`.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion_macros::user_doc;

use crate::gathered::GatheredMoments;
use crate::moments::{
    check_moments_type, coerce_moments, moments_from_row, moments_to_scalar, moments_type,
};
use crate::pca_aggregate::{MomentsFunction, PcaAggregate};

/// The aggregate `pca_merge`: see [`Merge`].
pub type PcaMerge = PcaAggregate<Merge>;

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
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Merge;

impl MomentsFunction for Merge {
    const NAME: &'static str = "pca_merge";
    const USAGE: &'static str = "one argument: pca_merge(moments)";

    type Answer = ();

    fn examples() -> Vec<Vec<DataType>> {
        vec![vec![moments_type()]]
    }

    fn coerce(types: &mut [DataType]) {
        types.iter_mut().for_each(coerce_moments);
    }

    fn return_type(types: &[DataType]) -> Option<Result<DataType>> {
        let [moments] = types else {
            return None;
        };
        Some(check_moments_type(Self::NAME, moments).map(|()| moments_type()))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answer(_: &AccumulatorArgs) -> Result<()> {
        Ok(())
    }

    fn add(moments: &mut GatheredMoments, column: &ArrayRef) -> Result<()> {
        let rows = column.as_struct();
        for row in 0..rows.len() {
            if let Some(added) = moments_from_row(Self::NAME, rows, row)? {
                moments.add(added)?;
            }
        }
        Ok(())
    }

    fn evaluate((): &(), moments: &GatheredMoments) -> Result<ScalarValue> {
        moments_to_scalar(moments.get())
    }
}
