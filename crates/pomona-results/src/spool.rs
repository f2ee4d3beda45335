//! [`Spool`]: rows that a run keeps on a disk, in the order in which they came.

use std::fs::File;
use std::io::BufWriter;
use std::iter::from_fn;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::ipc::CompressionType;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use datafusion::catalog::TableProvider;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::execution::{DiskManager, SpillFile, SpillWriter};
use datafusion::prelude::SessionContext;
use futures::{StreamExt, stream};

use crate::stream_table::stream_table;

/// The bytes of rows that are kept in memory: a small run needs no file.
const HELD_BYTES: usize = 4 << 20;

/// Takes the rows of a [`Spool`].
pub(crate) struct SpoolWriter {
    schema: SchemaRef,
    disk: Arc<DiskManager>,
    held: Vec<RecordBatch>,
    held_bytes: usize,
    file: Option<OpenFile>,
    starts: Vec<u64>,
    rows: u64,
}

struct OpenFile {
    place: Arc<dyn SpillFile>,
    writer: FileWriter<BufWriter<Box<dyn SpillWriter>>>,
}

impl SpoolWriter {
    /// For rows of a schema, where the session has its temporary files.
    pub(crate) fn new(ctx: &SessionContext, schema: SchemaRef) -> Self {
        Self {
            schema,
            disk: Arc::clone(&ctx.runtime_env().disk_manager),
            held: vec![],
            held_bytes: 0,
            file: None,
            starts: vec![],
            rows: 0,
        }
    }

    /// The rows' schema.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds rows.
    ///
    /// # Errors
    /// If the disk is full or may not be used.
    pub(crate) fn push(&mut self, rows: RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        self.starts.push(self.rows);
        self.rows += rows.num_rows() as u64;
        if let Some(file) = &mut self.file {
            return Ok(file.writer.write(&rows)?);
        }
        self.held_bytes += rows.get_array_memory_size();
        self.held.push(rows);
        if self.held_bytes > HELD_BYTES {
            let file = self.file.insert(open_file(&self.disk, &self.schema)?);
            for rows in self.held.drain(..) {
                file.writer.write(&rows)?;
            }
        }
        Ok(())
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// If the disk is full.
    pub(crate) fn finish(self) -> Result<Spool> {
        let file = match self.file {
            Some(mut file) => {
                file.writer.finish()?;
                Some(file.place)
            }
            None => None,
        };
        Ok(Spool(Arc::new(Rows {
            schema: self.schema,
            held: self.held,
            file,
            starts: self.starts,
            count: self.rows,
        })))
    }
}

fn open_file(disk: &Arc<DiskManager>, schema: &SchemaRef) -> Result<OpenFile> {
    let place = disk.create_tmp_file("keeping the images of a run")?;
    let options = IpcWriteOptions::default();
    let options = options.try_with_compression(Some(CompressionType::LZ4_FRAME))?;
    let writer = BufWriter::new(place.open_writer()?);
    let writer = FileWriter::try_new_with_options(writer, schema, options)?;
    Ok(OpenFile { place, writer })
}

/// Rows on a disk, which are gone when the last clone of this is dropped; a few of them are in memory
/// instead.
#[derive(Clone)]
pub(crate) struct Spool(Arc<Rows>);

struct Rows {
    schema: SchemaRef,
    held: Vec<RecordBatch>,
    file: Option<Arc<dyn SpillFile>>,
    /// The position of the first row of each batch.
    starts: Vec<u64>,
    count: u64,
}

impl Spool {
    /// The number of rows.
    pub(crate) fn len(&self) -> u64 {
        self.0.count
    }

    /// The rows' schema.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.0.schema
    }

    /// Opens the rows for reading.
    ///
    /// # Errors
    /// If the file is gone.
    pub(crate) fn reader(&self) -> Result<SpoolReader> {
        let file = match &self.0.file {
            None => None,
            Some(file) => {
                let path = file.path();
                let path = path.ok_or_else(|| exec_datafusion_err!("a spool needs a disk"))?;
                Some(FileReader::try_new(File::open(path)?, None)?)
            }
        };
        Ok(SpoolReader {
            spool: self.clone(),
            file,
            next: 0,
        })
    }

    /// The rows as a table of one partition.
    ///
    /// # Errors
    /// If the file is gone.
    pub(crate) fn table(&self) -> Result<Arc<dyn TableProvider>> {
        let spool = self.clone();
        stream_table(Arc::clone(self.schema()), move || match spool.reader() {
            Ok(mut reader) => {
                stream::iter(from_fn(move || reader.next_batch().transpose())).boxed()
            }
            Err(error) => stream::iter([Err(error)]).boxed(),
        })
    }
}

/// Reads a [`Spool`], a batch in memory at a time.
pub(crate) struct SpoolReader {
    spool: Spool,
    file: Option<FileReader<File>>,
    /// The batch that is read next.
    next: usize,
}

impl SpoolReader {
    /// The next batch; none after the last.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(crate) fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let position = self.next;
        self.next += 1;
        match &mut self.file {
            Some(file) => Ok(file.next().transpose()?),
            None => Ok(self.spool.0.held.get(position).cloned()),
        }
    }

    /// The rows at a range of positions.
    ///
    /// # Errors
    /// If the file cannot be read, or has fewer rows.
    pub(crate) fn rows(&mut self, range: Range<u64>) -> Result<RecordBatch> {
        let starts = &self.spool.0.starts;
        let first = starts.partition_point(|&start| start <= range.start);
        let first = first.saturating_sub(1);
        let mut position = starts.get(first).copied().unwrap_or_default();
        self.seek(first)?;
        let mut parts = vec![];
        while position < range.end {
            let short = || exec_datafusion_err!("a spool has no row {position}");
            let batch = self.next_batch()?.ok_or_else(short)?;
            let rows = batch.num_rows() as u64;
            let from = range.start.saturating_sub(position).min(rows);
            let to = (range.end - position).min(rows);
            parts.push(batch.slice(from as usize, (to - from) as usize));
            position += rows;
        }
        Ok(concat_batches(self.spool.schema(), &parts)?)
    }

    fn seek(&mut self, batch: usize) -> Result<()> {
        self.next = batch;
        match &mut self.file {
            Some(file) if batch < file.num_batches() => Ok(file.set_index(batch)?),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn spool(ctx: &SessionContext, count: usize) -> Spool {
        let schema = Schema::new(vec![Field::new("path", DataType::Utf8, false)]);
        let mut writer = SpoolWriter::new(ctx, Arc::new(schema));
        let names: Vec<_> = (0..count).map(|n| format!("{n:0100}")).collect();
        for names in names.chunks(900) {
            let names = Arc::new(StringArray::from_iter_values(names));
            let rows = RecordBatch::try_new(Arc::clone(writer.schema()), vec![names]);
            writer.push(rows.unwrap()).unwrap();
        }
        writer.finish().unwrap()
    }

    fn numbers(rows: &RecordBatch) -> Vec<u64> {
        let names = rows.column(0).as_string::<i32>();
        names.iter().map(|n| n.unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn rows_come_back_in_their_order_from_memory_and_from_a_disk() {
        let ctx = SessionContext::new();
        for (count, is_on_disk) in [(0, false), (1, false), (5_000, false), (100_000, true)] {
            let spool = spool(&ctx, count);
            assert_eq!(
                (spool.len(), spool.0.file.is_some()),
                (count as u64, is_on_disk)
            );
            let mut reader = spool.reader().unwrap();
            let mut all = vec![];
            while let Some(batch) = reader.next_batch().unwrap() {
                all.extend(numbers(&batch));
            }
            assert_eq!(all, (0..count as u64).collect::<Vec<_>>());
            let ends = [0, 1, 899, 900, 901, 4_321, 99_999];
            for range in ends
                .map(|end| end.min(count as u64))
                .map(|end| end / 3..end)
            {
                let rows = reader.rows(range.clone()).unwrap();
                assert_eq!(numbers(&rows), range.collect::<Vec<_>>());
            }
            assert!(reader.rows(0..count as u64 + 1).is_err());
        }
        assert_eq!(ctx.runtime_env().disk_manager.used_disk_space(), 0);
    }
}
