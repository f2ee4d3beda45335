//! [`KnownRows`]: the rows of features that are there, path by path.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SessionContext, col};
use futures::{StreamExt, TryStreamExt, stream};
use pomona_session::sorting_context;

use crate::parquet_rows::{self, KEYS};
use crate::row_index::Row;
use crate::stream_table::{Rows, stream_table};

/// The rows of several sources in the order of their paths, those of one path together. They are
/// sorted within a bounded memory, and on a disk.
pub(crate) struct KnownRows {
    rows: Option<SendableRecordBatchStream>,
    batch: Option<RecordBatch>,
    /// The row of the batch that comes next.
    next: usize,
    /// The path that comes next, and its rows.
    group: Option<(String, Vec<Row>)>,
    /// The first row of the path after it.
    after: Option<(String, Row)>,
}

impl KnownRows {
    /// Reads the keys of files, of which each source has some, named by their URLs.
    ///
    /// # Errors
    /// If a file cannot be read, or the disk is full.
    pub(crate) async fn open(ctx: &SessionContext, sources: Vec<Vec<String>>) -> Result<Self> {
        let mut this = Self {
            rows: None,
            batch: None,
            next: 0,
            group: None,
            after: None,
        };
        if sources.is_empty() {
            return Ok(this);
        }
        let fields = KEYS.map(|name| Field::new(name, DataType::Utf8, true));
        let source = Field::new("source", DataType::UInt32, false);
        let fields: Vec<_> = fields.into_iter().chain([source]).collect();
        let schema = Arc::new(Schema::new(fields));
        let (reader, sources) = (ctx.clone(), Arc::new(sources));
        let all = Arc::clone(&schema);
        let table = stream_table(schema, move || {
            rows(reader.clone(), Arc::clone(&sources), Arc::clone(&all))
        })?;
        let frame = sorting_context(ctx)?.read_table(table)?;
        let frame = frame.sort(vec![col("path").sort(true, true)])?;
        this.rows = Some(frame.execute_stream().await?);
        this.advance().await?;
        Ok(this)
    }

    /// The path whose rows come next.
    pub(crate) fn path(&self) -> Option<&str> {
        self.group.as_ref().map(|(path, _)| path.as_str())
    }

    /// The next path and its rows; none after the last.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) async fn take(&mut self) -> Result<Option<(String, Vec<Row>)>> {
        let group = self.group.take();
        self.advance().await?;
        Ok(group)
    }

    /// Gathers the rows of the next path.
    async fn advance(&mut self) -> Result<()> {
        let first = match self.after.take() {
            Some(first) => Some(first),
            None => self.row().await?,
        };
        let Some((path, row)) = first else {
            return Ok(());
        };
        let mut rows = vec![row];
        while let Some((next, row)) = self.row().await? {
            if next != path {
                self.after = Some((next, row));
                break;
            }
            rows.push(row);
        }
        self.group = Some((path, rows));
        Ok(())
    }

    /// The next row, which is read once.
    async fn row(&mut self) -> Result<Option<(String, Row)>> {
        let batch = loop {
            if let Some(batch) = &self.batch
                && self.next < batch.num_rows()
            {
                break batch;
            }
            let Some(rows) = &mut self.rows else {
                return Ok(None);
            };
            self.batch = rows.next().await.transpose()?;
            self.next = 0;
            if self.batch.is_none() {
                self.rows = None;
            }
        };
        let text = |column: usize| {
            let texts: &StringArray = batch.column(column).as_string();
            let is_valid = texts.is_valid(self.next);
            is_valid.then(|| texts.value(self.next).to_string())
        };
        let sources = batch.column(3).as_primitive::<UInt32Type>();
        let row = Row {
            source: sources.value(self.next) as usize,
            e_tag: text(1),
            error: text(2),
        };
        let path = text(0).unwrap_or_default();
        self.next += 1;
        Ok(Some((path, row)))
    }
}

/// The keys of one source after the other, with its number.
fn rows(ctx: SessionContext, sources: Arc<Vec<Vec<String>>>, schema: SchemaRef) -> Rows {
    stream::iter(0..sources.len())
        .then(move |source| {
            let (ctx, urls) = (ctx.clone(), sources[source].clone());
            let schema = Arc::clone(&schema);
            async move {
                let keys = parquet_rows::keys(&ctx, urls).await?;
                let number = move |keys: RecordBatch| -> Result<RecordBatch> {
                    let numbers = UInt32Array::from_value(source as u32, keys.num_rows());
                    let numbers: ArrayRef = Arc::new(numbers);
                    let columns = keys.columns().iter().cloned().chain([numbers]);
                    Ok(RecordBatch::try_new(
                        Arc::clone(&schema),
                        columns.collect(),
                    )?)
                };
                Ok::<_, DataFusionError>(
                    keys.and_then(move |keys| std::future::ready(number(keys))),
                )
            }
        })
        .try_flatten()
        .boxed()
}
