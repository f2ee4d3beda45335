//! Listings as record batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use crate::listing::ListedObject;
use crate::schema::{E_TAG, LABEL, LENGTH, MODIFICATION_TIME, PATH, SIDECARS};
use crate::shards::Sidecar;

/// The given columns of the given objects, one row an object. `columns` are positions in
/// [`crate::image_schema`] and do not name `content`; `schema` has them.
pub(crate) fn listing_batch(
    objects: &[ListedObject],
    columns: &[usize],
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let arrays = columns
        .iter()
        .map(|&column| listing_column(objects, column))
        .collect();
    // A query such as count(*) wants rows without columns.
    let options = RecordBatchOptions::new().with_row_count(Some(objects.len()));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        arrays,
        &options,
    )?)
}

/// The rows of one partition in batches of at most `batch_size` rows.
pub(crate) fn listing_batches(
    objects: &[ListedObject],
    columns: &[usize],
    schema: &SchemaRef,
    batch_size: usize,
) -> Result<Vec<RecordBatch>> {
    let chunks = objects.chunks(batch_size.max(1));
    let batches = chunks.map(|chunk| listing_batch(chunk, columns, schema));
    batches.collect()
}

fn listing_column(objects: &[ListedObject], column: usize) -> ArrayRef {
    let rows = objects.iter();
    match column {
        PATH => Arc::new(StringArray::from_iter_values(rows.map(|o| o.path.as_str()))),
        LABEL => Arc::new(StringArray::from_iter_values(rows.map(ListedObject::label))),
        LENGTH => {
            let lengths = rows.map(|o| Some(i64::try_from(o.length?).unwrap_or(i64::MAX)));
            Arc::new(lengths.collect::<Int64Array>())
        }
        MODIFICATION_TIME => {
            let times = rows.map(|o| Some(o.modified?.timestamp_micros()));
            let times: TimestampMicrosecondArray = times.collect();
            Arc::new(times.with_timezone("UTC"))
        }
        E_TAG => Arc::new(rows.map(|o| o.e_tag.as_deref()).collect::<StringArray>()),
        _ => {
            let sidecar = column.checked_sub(SIDECARS).map(|at| Sidecar::ALL[at]);
            let Some(sidecar) = sidecar else {
                unreachable!("a listing has no column {column}")
            };
            Arc::new(rows.map(|o| o.text(sidecar)).collect::<StringArray>())
        }
    }
}
