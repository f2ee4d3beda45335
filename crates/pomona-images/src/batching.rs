//! [`Batching`]: puts rows of a listing and their content together into batches.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, RecordBatch, StringArray};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::{Int64Type, SchemaRef};
use bytes::Bytes;
use datafusion::common::{exec_datafusion_err, internal_datafusion_err};
use datafusion::error::Result;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::ImagesError;
use crate::fetch::{Content, ListedRow};
use crate::prefetch::Fetched;
use crate::shards::Place;

/// What an object is taken to have whose listing does not say how long it is.
const UNKNOWN_LENGTH: u64 = 1 << 20;

/// The bounds of one partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Rows a batch.
    pub batch_rows: usize,
    /// Listed bytes a batch, unless it has one row only.
    pub batch_bytes: usize,
}

/// Where a row of the listing is, and whether it is the last of an output batch.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub listing: Arc<RecordBatch>,
    pub row: usize,
    pub is_last: bool,
}

/// A row that is to be read.
pub(crate) type Marked = (ListedRow, Origin);

/// A row that was read, and its share of the budget.
#[derive(Debug)]
pub(crate) struct ReadRow {
    pub origin: Origin,
    pub content: Content,
    pub permit: OwnedSemaphorePermit,
}

impl ReadRow {
    fn bytes(&self) -> usize {
        self.content.as_ref().map_or(0, Bytes::len)
    }
}

/// The rows of a listing's batch, divided into output batches.
pub(crate) fn marked_rows(batch: RecordBatch, bounds: Bounds) -> Result<Vec<Result<Marked>>> {
    let rows = listed_rows(&batch)?;
    let mut ends = ends(&rows, bounds).into_iter().peekable();
    let listing = Arc::new(batch);
    let marked = rows.into_iter().enumerate().map(|(position, row)| {
        let origin = Origin {
            listing: Arc::clone(&listing),
            row: position,
            is_last: ends.next_if_eq(&position).is_some(),
        };
        Ok((row, origin))
    });
    Ok(marked.collect())
}

fn listed_rows(batch: &RecordBatch) -> Result<Vec<ListedRow>> {
    let column = |name: &str| {
        batch
            .column_by_name(name)
            .ok_or_else(|| internal_datafusion_err!("the listing has no column {name}"))
    };
    let paths = column("path")?
        .as_string_opt::<i32>()
        .ok_or_else(|| exec_datafusion_err!("the paths of a listing are not Utf8"))?;
    let lengths = column("length")?
        .as_primitive_opt::<Int64Type>()
        .ok_or_else(|| exec_datafusion_err!("the lengths of a listing are not Int64"))?;
    // Only a listing with tags has images in shards.
    let e_tags = batch.column_by_name("e_tag");
    let e_tags = e_tags.and_then(|e_tags| e_tags.as_string_opt::<i32>());
    let place = |row: usize| {
        let e_tags = e_tags.filter(|e_tags| e_tags.is_valid(row))?;
        Place::parse(e_tags.value(row))
    };
    let rows = paths.iter().zip(lengths.iter()).enumerate();
    let rows = rows.map(|(row, (path, length))| ListedRow {
        path: path.unwrap_or_default().to_owned(),
        length: length.map_or(UNKNOWN_LENGTH, |length| {
            u64::try_from(length).unwrap_or_default()
        }),
        place: place(row),
    });
    Ok(rows.collect())
}

/// The last row of each output batch within one batch of the listing.
fn ends(rows: &[ListedRow], bounds: Bounds) -> Vec<usize> {
    let mut ends = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (i, row) in rows.iter().enumerate() {
        let is_full = i - start >= bounds.batch_rows
            || bytes.saturating_add(row.length) > bounds.batch_bytes as u64;
        if is_full && i > start {
            ends.push(i - 1);
            (start, bytes) = (i, 0);
        }
        bytes = bytes.saturating_add(row.length);
    }
    ends.extend(rows.len().checked_sub(1));
    ends
}

/// The rows of the next output batch, as far as they are read.
#[derive(Debug)]
pub(crate) struct Batching {
    schema: SchemaRef,
    bounds: Bounds,
    rows: Vec<(Arc<RecordBatch>, usize)>,
    content: Vec<Content>,
    bytes: usize,
    permits: Option<OwnedSemaphorePermit>,
    /// When the first of them came.
    since: Option<Instant>,
}

impl Batching {
    pub(crate) fn new(schema: SchemaRef, bounds: Bounds) -> Self {
        Self {
            schema,
            bounds,
            rows: vec![],
            content: vec![],
            bytes: 0,
            permits: None,
            since: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// When the first row came, if there is any.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Whether a row that comes out of its order belongs to the next batch.
    pub(crate) fn is_full_for(&self, row: &ReadRow) -> bool {
        !self.is_empty()
            && (self.rows.len() >= self.bounds.batch_rows
                || self.bytes + row.bytes() > self.bounds.batch_bytes)
    }

    pub(crate) fn push(&mut self, row: ReadRow) {
        self.since.get_or_insert_with(Instant::now);
        self.bytes += row.bytes();
        self.rows.push((row.origin.listing, row.origin.row));
        self.content.push(row.content);
        match &mut self.permits {
            Some(permits) => permits.merge(row.permit),
            None => self.permits = Some(row.permit),
        }
    }

    /// The batch of the rows that there are, and their share of the budget.
    ///
    /// # Errors
    /// If their content has more bytes than a column may have.
    pub(crate) fn finish(&mut self) -> Result<Fetched> {
        let rows = std::mem::take(&mut self.rows);
        let content = std::mem::take(&mut self.content);
        (self.bytes, self.since) = (0, None);
        let batch = append_content(&listing(&rows)?, content, &self.schema)?;
        Ok((batch, self.permits.take()))
    }
}

/// The listed columns of rows; neighbours are not copied.
fn listing(rows: &[(Arc<RecordBatch>, usize)]) -> Result<RecordBatch> {
    let Some((first, start)) = rows.first() else {
        return Err(internal_datafusion_err!("a batch without rows"));
    };
    let mut expected = *start..;
    let are_neighbours = rows
        .iter()
        .all(|(listing, row)| Arc::ptr_eq(listing, first) && expected.next() == Some(*row));
    if are_neighbours {
        return Ok(first.slice(*start, rows.len()));
    }
    let mut listings: Vec<&RecordBatch> = vec![];
    let positions = rows.iter().map(|(listing, row)| {
        let known = listings
            .iter()
            .position(|known| std::ptr::eq(*known, listing.as_ref()));
        let at = known.unwrap_or_else(|| {
            listings.push(listing);
            listings.len() - 1
        });
        (at, *row)
    });
    let positions: Vec<_> = positions.collect();
    Ok(interleave_record_batch(&listings, &positions)?)
}

/// Lays the objects' bytes end to end, their only copy, beside the listed columns of `schema`.
fn append_content(
    listing: &RecordBatch,
    content: Vec<Content>,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let total: usize = content.iter().flatten().map(Bytes::len).sum();
    let reasons = content.iter().map(|content| content.as_ref().err());
    let reasons: ArrayRef = Arc::new(reasons.collect::<StringArray>());
    if i32::try_from(total).is_err() {
        let rows = listed_rows(&listing.slice(0, 1))?;
        let path = rows
            .into_iter()
            .map(|row| row.path)
            .next()
            .unwrap_or_default();
        return Err(ImagesError::BatchOverflow {
            path,
            length: total as u64,
        }
        .into());
    }
    let mut builder = BinaryBuilder::with_capacity(content.len(), total);
    for bytes in content {
        builder.append_option(bytes.ok());
    }
    let built: ArrayRef = Arc::new(builder.finish());
    let columns = schema.fields().iter().map(|field| {
        match field.name().as_str() {
            "content" => return Ok(Arc::clone(&built)),
            "read_error" => return Ok(Arc::clone(&reasons)),
            _ => {}
        }
        let listed = listing.column_by_name(field.name());
        listed
            .cloned()
            .ok_or_else(|| internal_datafusion_err!("the listing has no column {}", field.name()))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    /// Start and length of each output batch.
    fn cuts(lengths: &[u64], batch_rows: usize, batch_bytes: usize) -> Vec<(usize, usize)> {
        let row = |&length: &u64| ListedRow {
            path: String::new(),
            length,
            place: None,
        };
        let rows: Vec<_> = lengths.iter().map(row).collect();
        let bounds = Bounds {
            batch_rows,
            batch_bytes,
        };
        let mut start = 0;
        let ends = ends(&rows, bounds).into_iter();
        ends.map(|end| {
            let cut = (start, end + 1 - start);
            start = end + 1;
            cut
        })
        .collect()
    }

    #[test]
    fn batches_are_bounded_in_rows_and_bytes() {
        assert_eq!(cuts(&[1, 1, 1, 1, 1], 2, 100), [(0, 2), (2, 2), (4, 1)]);
        assert_eq!(
            cuts(&[40, 40, 40, 20, 90], 10, 100),
            [(0, 2), (2, 2), (4, 1)]
        );
        assert_eq!(cuts(&[1, 500, 1, 1], 10, 100), [(0, 1), (1, 1), (2, 2)]);
        assert_eq!(cuts(&[500, 500], 10, 100), [(0, 1), (1, 1)]);
        assert!(cuts(&[], 10, 100).is_empty());
    }

    #[test]
    fn rows_of_any_order_keep_their_columns() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let batch = |numbers: Vec<i64>| {
            let column: ArrayRef = Arc::new(Int64Array::from(numbers));
            Arc::new(RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap())
        };
        let (a, b) = (batch(vec![0, 1, 2]), batch(vec![10, 11]));
        let numbers = |rows: &[(&Arc<RecordBatch>, usize)]| {
            let rows: Vec<_> = rows
                .iter()
                .map(|(of, row)| (Arc::clone(of), *row))
                .collect();
            let listed = listing(&rows).unwrap();
            listed
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        };
        assert_eq!(numbers(&[(&a, 1), (&a, 2)]), [1, 2]);
        assert_eq!(numbers(&[(&a, 2), (&a, 0)]), [2, 0]);
        assert_eq!(numbers(&[(&b, 1), (&a, 1), (&b, 0)]), [11, 1, 10]);
        assert_eq!(numbers(&[(&a, 2), (&b, 0)]), [2, 10]);
    }
}
