//! Images in a column of a Parquet file: Hugging Face's struct of bytes and path, or bytes alone.

use std::collections::HashMap;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use futures::{StreamExt, TryStreamExt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, RowSelection, RowSelector,
};
use parquet::arrow::async_reader::{
    AsyncFileReader, ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use tokio::sync::Mutex;

use super::blocks::Fault;
use super::members::Members;
use super::object::ShardObject;
use super::parquet_columns::Columns;
use super::place::At;
use super::read::{Span, spans};
use crate::error::ImagesError;

/// The bytes from the end of a file that are read first: the footer of most.
const TAIL: usize = 256 << 10;

/// Rows that are decoded at once.
const ROWS: usize = 64;

/// Footers that are kept.
const MOST_FOOTERS: usize = 16;

/// The footers of files of which images are read, by URL and version.
#[derive(Debug, Default)]
pub(crate) struct Footers(Mutex<HashMap<(String, String), ArrowReaderMetadata>>);

struct Reader {
    object: ShardObject,
    file: u64,
}

fn external(error: ImagesError) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        let said = |error: &dyn std::fmt::Display| {
            Self::Data(format!("the Parquet file cannot be read: {error}"))
        };
        match error {
            ParquetError::External(cause) => match cause.downcast::<ImagesError>() {
                Ok(error) => Self::Store(*error),
                Err(cause) => said(&cause),
            },
            error => said(&error),
        }
    }
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move {
            let length = range.end.saturating_sub(range.start);
            if range.end > self.file || range.start > range.end {
                return Err(ParquetError::EOF("it ends within its data".to_owned()));
            }
            let bytes = match length {
                0 => Bytes::new(),
                _ => self.object.get(range).await.map_err(external)?,
            };
            match bytes.len() as u64 == length {
                true => Ok(bytes),
                false => Err(ParquetError::EOF("it ends within its data".to_owned())),
            }
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move {
            let mut parts = vec![Bytes::new(); ranges.len()];
            for Span {
                range,
                parts: inside,
            } in spans(ranges.into_iter().enumerate().collect())
            {
                let bytes = self.get_bytes(range.clone()).await?;
                for (number, part) in inside {
                    let start = (part.start - range.start) as usize;
                    let end = (part.end - range.start) as usize;
                    parts[number] = bytes.slice(start..end);
                }
            }
            Ok(parts)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let file = self.file;
            let metadata = ParquetMetaDataReader::new()
                .with_prefetch_hint(Some(TAIL))
                .with_offset_index_policy(PageIndexPolicy::Optional)
                .load_and_finish(self, file)
                .await?;
            Ok(Arc::new(metadata))
        }
        .boxed()
    }
}

async fn footer(object: &ShardObject, file: u64) -> Result<ArrowReaderMetadata> {
    // The types that the file itself has: no views, no dictionaries.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let mut reader = Reader {
        object: object.clone(),
        file,
    };
    ArrowReaderMetadata::load_async(&mut reader, options).await
}

fn rows<'a>(
    object: &ShardObject,
    file: u64,
    footer: &ArrowReaderMetadata,
    row_group: usize,
    columns: impl IntoIterator<Item = &'a str>,
    selection: Option<RowSelection>,
) -> Result<ParquetRecordBatchStream<Reader>> {
    let object = object.clone();
    let mask = ProjectionMask::columns(footer.parquet_schema(), columns);
    let builder =
        ParquetRecordBatchStreamBuilder::new_with_metadata(Reader { object, file }, footer.clone())
            .with_row_groups(vec![row_group])
            .with_projection(mask)
            .with_batch_size(ROWS);
    match selection {
        Some(selection) => builder.with_row_selection(selection).build(),
        None => builder.build(),
    }
}

/// Runs a reader of which a damaged file may find an assumption that does not hold.
async fn guarded<T>(
    work: impl Future<Output = std::result::Result<T, Fault>>,
) -> std::result::Result<T, Fault> {
    let panicked = "the Parquet file cannot be read: its reader stopped".to_owned();
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or(Err(Fault::Data(panicked)))
}

/// Lists the images of a Parquet file. Their lengths are in no footer, so their column is read.
///
/// # Errors
/// [`Fault::Store`] alone: damage becomes a row of `members`.
pub(super) async fn index(
    object: &ShardObject,
    file: u64,
    members: &mut Members,
) -> std::result::Result<(), Fault> {
    match guarded(list(object, file, members)).await {
        Err(Fault::Data(reason)) => {
            members.fault(reason);
            Ok(())
        }
        done => done,
    }
}

async fn list(
    object: &ShardObject,
    file: u64,
    members: &mut Members,
) -> std::result::Result<(), Fault> {
    let footer = footer(object, file).await?;
    let columns = Columns::find(&footer, members.matcher().sidecars()).map_err(Fault::Data)?;
    let mut number = 0;
    for row_group in 0..footer.metadata().num_row_groups() {
        let mut batches = rows(object, file, &footer, row_group, columns.names(), None)?;
        let mut row = 0;
        while let Some(batch) = batches.try_next().await? {
            if !members.has_room() {
                return Err(Fault::Data("it has too many images".to_owned()));
            }
            let place = |row: usize| At::Parquet {
                row_group,
                row,
                file,
            };
            add(&columns, &batch, (row, number), place, members)?;
            row += batch.num_rows();
            number += batch.num_rows();
        }
    }
    Ok(())
}

/// Adds the images of a batch, whose first row has these numbers in its row group and in the file.
fn add(
    columns: &Columns,
    batch: &RecordBatch,
    (first, number): (usize, usize),
    place: impl Fn(usize) -> At,
    members: &mut Members,
) -> std::result::Result<(), Fault> {
    let rows = columns.rows(batch).map_err(Fault::Data)?;
    for row in 0..batch.num_rows() {
        let (length, at) = match rows.bytes(row) {
            Some(bytes) => (bytes.len() as u64, Ok(place(first + row))),
            None => (0, Err("its bytes are NULL".to_owned())),
        };
        let label = rows.label(row);
        let added = members.cell(rows.name(row).as_deref(), number + row, length, at, label);
        let Some(position) = added else { continue };
        for (sidecar, text) in rows.texts(row) {
            members.set_column(position, sidecar, text);
        }
    }
    Ok(())
}

/// Reads images, each given by its row group, its row there, its number among `contents` and the
/// length of the file.
///
/// # Errors
/// When the file cannot be read at all.
pub(super) async fn read(
    object: &ShardObject,
    mut cells: Vec<(usize, usize, usize, u64)>,
    footers: &Footers,
    contents: &mut [std::result::Result<Bytes, String>],
) -> std::result::Result<(), ImagesError> {
    cells.sort_unstable();
    let mut done = 0;
    match guarded(take(object, &cells, footers, contents, &mut done)).await {
        Ok(()) => {}
        Err(Fault::Store(error)) => return Err(error),
        Err(Fault::Data(reason)) => {
            for (_, _, number, _) in &cells[done..] {
                contents[*number] = Err(reason.clone());
            }
        }
    }
    Ok(())
}

async fn take(
    object: &ShardObject,
    cells: &[(usize, usize, usize, u64)],
    footers: &Footers,
    contents: &mut [std::result::Result<Bytes, String>],
    done: &mut usize,
) -> std::result::Result<(), Fault> {
    let Some(&(_, _, _, file)) = cells.first() else {
        return Ok(());
    };
    let footer = footers.get(object, file).await?;
    let columns = Columns::find(&footer, &[]).map_err(Fault::Data)?;
    for group in cells.chunk_by(|a, b| a.0 == b.0) {
        let row_group = group[0].0;
        if row_group >= footer.metadata().num_row_groups() {
            return Err(Fault::Data("its row group is not there".to_owned()));
        }
        let selection = selection(group.iter().map(|cell| cell.1));
        let bytes = [columns.bytes()];
        let mut batches = rows(object, file, &footer, row_group, bytes, Some(selection))?;
        let mut wanted = group.iter();
        while let Some(batch) = batches.next().await.transpose()? {
            let rows = columns.rows(&batch).map_err(Fault::Data)?;
            for row in 0..batch.num_rows() {
                let Some((_, _, number, _)) = wanted.next() else {
                    break;
                };
                contents[*number] = match rows.bytes(row) {
                    Some(bytes) => Ok(Bytes::copy_from_slice(bytes)),
                    None => Err("its bytes are NULL".to_owned()),
                };
                *done += 1;
            }
        }
        if wanted.next().is_some() {
            return Err(Fault::Data("its row is not there".to_owned()));
        }
    }
    Ok(())
}

/// The selection of rows in ascending order.
fn selection(rows: impl Iterator<Item = usize>) -> RowSelection {
    let mut next = 0;
    let mut selectors = vec![];
    for row in rows {
        if row > next {
            selectors.push(RowSelector::skip(row - next));
        }
        selectors.push(RowSelector::select(1));
        next = row + 1;
    }
    selectors.into()
}

impl Footers {
    async fn get(
        &self,
        object: &ShardObject,
        file: u64,
    ) -> std::result::Result<ArrowReaderMetadata, Fault> {
        let key = (object.url.clone(), object.version.clone());
        // Others that want the same footer wait for it.
        let mut footers = self.0.lock().await;
        if let Some(footer) = footers.get(&key) {
            return Ok(footer.clone());
        }
        let footer = footer(object, file).await?;
        if footers.len() >= MOST_FOOTERS {
            footers.clear();
        }
        footers.insert(key, footer.clone());
        Ok(footer)
    }
}
