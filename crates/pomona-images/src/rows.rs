//! Listings as record batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray, TimestampMicrosecondArray,
};
use datafusion::error::Result;

use crate::listing::ListedObject;
use crate::schema::{E_TAG, LABEL, LENGTH, MODIFICATION_TIME, PATH, SIDECARS, projected_schema};
use crate::shards::Sidecar;

/// The given columns of the given objects, one row an object. `columns` are positions in
/// [`crate::image_schema`] and do not name `content`.
pub(crate) fn listing_batch(objects: &[ListedObject], columns: &[usize]) -> Result<RecordBatch> {
    let arrays = columns
        .iter()
        .map(|&column| listing_column(objects, column))
        .collect();
    // A query such as count(*) wants rows without columns.
    let options = RecordBatchOptions::new().with_row_count(Some(objects.len()));
    Ok(RecordBatch::try_new_with_options(
        projected_schema(columns),
        arrays,
        &options,
    )?)
}

/// The rows of one partition in batches of at most `batch_size` rows.
pub(crate) fn listing_batches(
    objects: &[ListedObject],
    columns: &[usize],
    batch_size: usize,
) -> Result<Vec<RecordBatch>> {
    let chunks = objects.chunks(batch_size.max(1));
    chunks.map(|chunk| listing_batch(chunk, columns)).collect()
}

fn listing_column(objects: &[ListedObject], column: usize) -> ArrayRef {
    let rows = objects.iter();
    match column {
        PATH => Arc::new(StringArray::from_iter_values(rows.map(|o| o.path.as_str()))),
        LABEL => Arc::new(StringArray::from_iter_values(rows.map(ListedObject::label))),
        LENGTH => {
            let lengths = rows.map(|o| i64::try_from(o.length).unwrap_or(i64::MAX));
            Arc::new(Int64Array::from_iter_values(lengths))
        }
        MODIFICATION_TIME => {
            let times = rows.map(|o| o.modified.timestamp_micros());
            Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
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
