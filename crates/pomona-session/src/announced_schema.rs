//! Batches under the schema that was announced for them.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;

/// A batch under the schema that was announced to a reader. What a plan computes, or an executor reads of one, can differ from
/// it in what may be NULL, also inside lists and structs.
///
/// # Errors
/// When a column cannot be cast to its type there, or has NULL where there can be none.
pub fn with_schema(batch: RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.schema_ref() == schema {
        return Ok(batch);
    }
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns
        .map(|(column, field)| cast(column, field.data_type()))
        .collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::clone(schema);
    Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
}
