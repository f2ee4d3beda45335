//! Rows of Parquet files by the path of their image: what identifies them, and some of them.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{JoinType, Result};
use datafusion::prelude::{DataFrame, ParquetReadOptions, SessionContext};

use crate::row_index::{Kept, Row};

/// A frame over the given files, named by their URLs.
pub async fn read(ctx: &SessionContext, urls: Vec<String>) -> Result<DataFrame> {
    ctx.read_parquet(urls, ParquetReadOptions::default()).await
}

/// Path, version and error of every row of features.
pub async fn keys(ctx: &SessionContext, urls: Vec<String>) -> Result<Vec<Row>> {
    let frame = read(ctx, urls).await?;
    let batches = frame
        .select_columns(&["path", "e_tag", "error"])?
        .collect()
        .await?;
    let mut rows = vec![];
    for batch in batches {
        let text = |column: usize| cast(batch.column(column), &DataType::Utf8);
        let columns = [text(0)?, text(1)?, text(2)?];
        let [paths, e_tags, errors] = columns.each_ref().map(|column| column.as_string::<i32>());
        for ((path, e_tag), error) in paths.iter().zip(e_tags).zip(errors) {
            rows.push(Row {
                path: path.unwrap_or_default().to_string(),
                e_tag: e_tag.map(str::to_string),
                error: error.map(str::to_string),
            });
        }
    }
    Ok(rows)
}

/// The rows of files that belong to the result; `None` where none does.
pub async fn kept(
    ctx: &SessionContext,
    urls: Vec<String>,
    kept: Kept,
) -> Result<Option<DataFrame>> {
    let paths = match kept {
        _ if urls.is_empty() => return Ok(None),
        Kept::None => return Ok(None),
        Kept::All => return Ok(Some(read(ctx, urls).await?)),
        Kept::Paths(paths) => paths,
    };
    let schema = Schema::new(vec![Field::new("kept_path", DataType::Utf8, false)]);
    let paths = RecordBatch::try_new(
        Arc::new(schema),
        vec![Arc::new(StringArray::from_iter_values(paths))],
    )?;
    let rows = read(ctx, urls).await?;
    let paths = ctx.read_batch(paths)?;
    Ok(Some(rows.join(
        paths,
        JoinType::LeftSemi,
        &["path"],
        &["kept_path"],
        None,
    )?))
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
