//! [`Gather`]: the aggregate `pca_moments(features)`.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion_macros::user_doc;

use crate::extract::features_type;
use crate::feature_rows::check_features_type;
use crate::gathered::GatheredMoments;
use crate::moments::{moments_to_scalar, moments_type};
use crate::pca_aggregate::{MomentsFunction, PcaAggregate};

/// The aggregate `pca_moments`: see [`Gather`].
pub type PcaMoments = PcaAggregate<Gather>;

/// Gathers what a principal component analysis needs of vectors: their count, mean and centred
/// products, one struct (see [`moments_type`]). Moments of parts merge exactly into those of the
/// whole, so that a model can be brought up to date without the vectors it was fitted on.
#[user_doc(
    doc_section(label = "PCA Functions"),
    description = "Gathers what a PCA needs of vectors and returns it: a struct of count, mean, mean_low (what rounding has left out of the mean) and comoment (the upper triangle of the centred products, row-major). Moments of parts merge exactly (pca_merge), can be taken away again (pca_subtract) and give the model (pca_solve). NULL rows are skipped; no rows give NULL. Fails where vectors differ in length, are empty or hold NULL or a number that is not finite, and with DISTINCT.",
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
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Gather;

impl MomentsFunction for Gather {
    const NAME: &'static str = "pca_moments";
    const USAGE: &'static str = "one argument: pca_moments(features)";

    type Answer = ();

    fn examples() -> Vec<Vec<DataType>> {
        vec![vec![features_type()]]
    }

    fn coerce(_: &mut [DataType]) {}

    fn return_type(types: &[DataType]) -> Option<Result<DataType>> {
        let [features] = types else {
            return None;
        };
        Some(check_features_type(Self::NAME, features).map(|()| moments_type()))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    fn answer(_: &AccumulatorArgs) -> Result<()> {
        Ok(())
    }

    fn add(moments: &mut GatheredMoments, column: &ArrayRef) -> Result<()> {
        moments.add_features(column)
    }

    fn evaluate((): &(), moments: &GatheredMoments) -> Result<ScalarValue> {
        moments_to_scalar(moments.get())
    }
}
