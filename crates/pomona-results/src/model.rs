//! The fitted model of a run.

use arrow::array::Array;
use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;
use pomona_functions::model_from_scalar;
use pomona_pca::PcaModel;

use crate::ResultsError;

/// Reads the model from the table `pca_model`.
///
/// # Errors
/// When there is none.
pub async fn read_model(ctx: &SessionContext) -> Result<PcaModel, ResultsError> {
    let batches = ctx
        .sql("SELECT model FROM pca_model")
        .await?
        .collect()
        .await?;
    let model = batches
        .iter()
        .find(|batch| batch.num_rows() > 0)
        .map(|batch| batch.column(0))
        .filter(|column| column.is_valid(0))
        .map(|column| ScalarValue::try_from_array(column, 0))
        .transpose()?
        .unwrap_or(ScalarValue::Null);
    Ok(model_from_scalar(&model)?)
}
