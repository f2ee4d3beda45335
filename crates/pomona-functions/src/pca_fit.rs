//! [`Fit`]: the aggregate `pca_fit(features, k)`.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{ColumnarValue, Documentation};
use datafusion_macros::user_doc;
use pomona_pca::Components;

use crate::FunctionError;
use crate::extract::features_type;
use crate::feature_rows::check_features_type;
use crate::gathered::GatheredMoments;
use crate::model::{model_to_scalar, model_type};
use crate::number_of_components::{check_k_type, coerce_k, components, k_examples};
use crate::pca_aggregate::{MomentsFunction, PcaAggregate};

/// The aggregate `pca_fit`: see [`Fit`].
pub type PcaFit = PcaAggregate<Fit>;

/// Fits a principal component analysis and returns the model, one struct (see
/// [`model_type`]). The numbers are those of scikit-learn's
/// `PCA(svd_solver='covariance_eigh')`, whatever the partitioning; NULL rows are skipped.
#[user_doc(
    doc_section(label = "PCA Functions"),
    description = "Fits a principal component analysis to vectors and returns the model: a struct of n_samples, mean, components, explained_variance and explained_variance_ratio. Equal to scikit-learn's PCA(svd_solver='covariance_eigh'), of f32 and of f64 vectors, and exact where their mean is up to 1e9 times their spread. NULL rows are skipped; no rows give NULL. Fails where vectors differ in length, are empty or hold NULL or a number that is not finite, where k is no constant or more than the vectors allow, and with DISTINCT.",
    syntax_example = "pca_fit(features, k)",
    sql_example = r#"```sql
> CREATE TABLE pca_model AS SELECT pca_fit(features, 50) AS model FROM features;
> SELECT pca_fit(features, 0.95) AS model FROM features;
> SELECT pca_fit(features, 'at most 50') AS model FROM features;
```"#,
    argument(
        name = "features",
        description = "Vectors of one length: a list of numbers, such as mobilenet_v2 returns."
    ),
    argument(
        name = "k",
        description = "A constant: the number of components to keep (an integer, or 'at most 50' for as many as there are up to that), or the share of the variance to keep (a fraction below 1)."
    )
)]
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Fit;

impl MomentsFunction for Fit {
    const NAME: &'static str = "pca_fit";
    const USAGE: &'static str = "two arguments: pca_fit(features, k)";

    type Answer = Components;

    fn examples() -> Vec<Vec<DataType>> {
        k_examples(&features_type())
    }

    fn coerce(types: &mut [DataType]) {
        if let Some(k) = types.get_mut(1) {
            coerce_k(k);
        }
    }

    fn return_type(types: &[DataType]) -> Option<Result<DataType>> {
        let [features, k] = types else {
            return None;
        };
        let checked =
            check_features_type(Self::NAME, features).and_then(|()| check_k_type(Self::NAME, k));
        Some(checked.map(|()| model_type()))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }

    /// `k` is the same for all rows, so it is read from the expression, not from the data.
    fn answer(args: &AccumulatorArgs) -> Result<Components> {
        let empty = RecordBatch::new_empty(Arc::new(args.schema.clone()));
        match args.exprs.get(1).map(|k| k.evaluate(&empty)) {
            Some(Ok(ColumnarValue::Scalar(k))) => components(Self::NAME, Some(&k)),
            _ => components(Self::NAME, None),
        }
    }

    fn add(moments: &mut GatheredMoments, column: &ArrayRef) -> Result<()> {
        moments.add_features(column)
    }

    fn evaluate(components: &Components, moments: &GatheredMoments) -> Result<ScalarValue> {
        let Some(moments) = moments.get() else {
            return ScalarValue::try_from(model_type());
        };
        let model = moments
            .solve(*components)
            .map_err(FunctionError::pca(Self::NAME))?;
        model_to_scalar(&model)
    }
}
