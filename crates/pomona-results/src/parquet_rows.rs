//! Rows of Parquet files by the path of their image: what identifies them, and some of them.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{JoinType, Result};
use datafusion::prelude::{DataFrame, ParquetReadOptions, SessionContext};
use futures::StreamExt;
use futures::stream::BoxStream;

/// A frame over the given files, named by their URLs.
pub async fn read(ctx: &SessionContext, urls: Vec<String>) -> Result<DataFrame> {
    ctx.read_parquet(urls, ParquetReadOptions::default()).await
}

/// The columns of [`keys`], all of text.
pub(crate) const KEYS: [&str; 3] = ["path", "e_tag", "error"];

/// Path, version and error of every row of features.
pub(crate) async fn keys(
    ctx: &SessionContext,
    urls: Vec<String>,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let frame = read(ctx, urls).await?.select_columns(&KEYS)?;
    let fields = KEYS.map(|name| Field::new(name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let batches = frame.execute_stream().await?;
    let as_text = move |batch: Result<RecordBatch>| -> Result<RecordBatch> {
        let batch = batch?;
        let columns = batch.columns().iter();
        let columns = columns.map(|column| cast(column, &DataType::Utf8));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
    };
    Ok(batches.map(as_text).boxed())
}

/// The rows of some paths, of those of files.
pub(crate) async fn some(
    ctx: &SessionContext,
    urls: Vec<String>,
    paths: Vec<String>,
) -> Result<DataFrame> {
    let schema = Schema::new(vec![Field::new("kept_path", DataType::Utf8, false)]);
    let paths = RecordBatch::try_new(
        Arc::new(schema),
        vec![Arc::new(StringArray::from_iter_values(paths))],
    )?;
    let rows = read(ctx, urls).await?;
    let paths = ctx.read_batch(paths)?;
    rows.join(paths, JoinType::LeftSemi, &["path"], &["kept_path"], None)
}

/// All rows of several frames of the same columns.
pub fn union(frames: impl IntoIterator<Item = DataFrame>) -> Result<Option<DataFrame>> {
    let mut all: Option<DataFrame> = None;
    for frame in frames {
        all = Some(match all {
            Some(all) => all.union(frame)?,
            None => frame,
        });
    }
    Ok(all)
}
