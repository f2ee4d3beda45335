//! [`DroppedRows`]: the rows of features that are not the result, by their source.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayBuilder, AsArray, RecordBatch, StringBuilder, UInt32Builder};
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use datafusion::common::Result;
use datafusion::prelude::{SessionContext, col};
use futures::StreamExt;
use pomona_session::sorting_context;

use crate::spool::{Spool, SpoolWriter};

/// Rows of a batch.
const ROWS: usize = 4096;

/// Sources and paths, in the order in which they are found.
pub(crate) struct DroppedRows {
    sources: UInt32Builder,
    paths: StringBuilder,
    rows: SpoolWriter,
}

impl DroppedRows {
    /// None, where the session has its temporary files.
    pub(crate) fn new(ctx: &SessionContext) -> Self {
        let schema = Schema::new(vec![
            Field::new("source", DataType::UInt32, false),
            Field::new("path", DataType::Utf8, false),
        ]);
        Self {
            sources: UInt32Builder::new(),
            paths: StringBuilder::new(),
            rows: SpoolWriter::new(ctx, Arc::new(schema)),
        }
    }

    /// Adds the row that a source has of a path.
    ///
    /// # Errors
    /// If the disk is full.
    pub(crate) fn push(&mut self, source: usize, path: &str) -> Result<()> {
        self.sources.append_value(source as u32);
        self.paths.append_value(path);
        match self.paths.len() {
            ROWS => self.flush(),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<()> {
        let schema = Arc::clone(self.rows.schema());
        let sources = Arc::new(self.sources.finish());
        let paths = Arc::new(self.paths.finish());
        self.rows
            .push(RecordBatch::try_new(schema, vec![sources, paths])?)
    }

    /// Sorts them by their sources.
    ///
    /// # Errors
    /// If the disk is full.
    pub(crate) async fn finish(mut self, ctx: &SessionContext) -> Result<DroppedPaths> {
        self.flush()?;
        let schema = Arc::clone(self.rows.schema());
        let found = self.rows.finish()?.table()?;
        let frame = sorting_context(ctx)?.read_table(found)?;
        let frame = frame.sort(vec![col("source").sort(true, false)])?;
        let mut sorted = frame.execute_stream().await?;
        let mut rows = SpoolWriter::new(ctx, schema);
        let mut ranges: BTreeMap<usize, Range<u64>> = BTreeMap::new();
        let mut position = 0;
        while let Some(batch) = sorted.next().await {
            let batch = batch?;
            let sources = batch.column(0).as_primitive::<UInt32Type>().values();
            for &source in sources.iter() {
                let range = ranges.entry(source as usize);
                range.or_insert(position..position).end = position + 1;
                position += 1;
            }
            rows.push(batch)?;
        }
        Ok(DroppedPaths {
            rows: rows.finish()?,
            ranges,
        })
    }
}

/// The paths of each source whose rows are not the result.
pub(crate) struct DroppedPaths {
    rows: Spool,
    ranges: BTreeMap<usize, Range<u64>>,
}

impl DroppedPaths {
    /// Those of one source.
    ///
    /// # Errors
    /// If the disk fails.
    pub(crate) fn of(&self, source: usize) -> Result<HashSet<String>> {
        let Some(range) = self.ranges.get(&source) else {
            return Ok(HashSet::new());
        };
        let rows = self.rows.reader()?.rows(range.clone())?;
        let paths = rows.column(1).as_string::<i32>().iter().flatten();
        Ok(paths.map(str::to_string).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_source_has_its_own() {
        let ctx = SessionContext::new();
        let mut rows = DroppedRows::new(&ctx);
        for number in 0..100_000 {
            let path = format!("s3://bucket/a folder of images/{number:06}.jpg");
            rows.push(number % 7, &path).unwrap();
        }
        let paths = rows.finish(&ctx).await.unwrap();
        for source in 0..7 {
            let of = paths.of(source).unwrap();
            assert_eq!(of.len(), (100_000 - source).div_ceil(7));
            let one = format!("s3://bucket/a folder of images/{:06}.jpg", 70_000 + source);
            assert!(of.contains(&one));
        }
        assert!(paths.of(7).unwrap().is_empty());
        let none = DroppedRows::new(&ctx).finish(&ctx).await.unwrap();
        assert!(none.of(0).unwrap().is_empty());
    }
}
