//! Reads the images of an album again and makes them small.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, StringArray, UInt64Array};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use pomona_images::{ImageTableOptions, Missing, image_schema, listed_schema, may_be_in_shard};
use pomona_results::ListedImages;
use pomona_session::{Script, Variables};

use super::images::{Made, Size};
use super::jpeg::make_small;
use crate::AnalysisError;

/// The most bytes of image files that are read at once: a few seconds of decoding, and little beside a
/// run of images that are so large.
const BYTES: u64 = 256 << 20;
/// The largest file that it reads.
const LARGEST: u64 = 32 << 20;

const IMAGES: &str = include_str!("../../../../sql/report/images.sql");
const IMAGES_IN_SHARDS: &str = include_str!("../../../../sql/report/images_in_shards.sql");

/// These images made small, by path and size; of `reread` images at most, the first ones. What cannot
/// be read is not there, and where the store cannot be reached at all there is nothing.
pub(super) async fn thumbnails(
    ctx: &SessionContext,
    input: &str,
    wanted: Vec<(String, Size)>,
    reread: Option<u64>,
) -> Made {
    match read(ctx, input, wanted, reread).await {
        Ok(made) => made,
        Err(error) => {
            log::warn!("the report lacks thumbnails: {error}");
            Made::new()
        }
    }
}

async fn read(
    ctx: &SessionContext,
    input: &str,
    wanted: Vec<(String, Size)>,
    reread: Option<u64>,
) -> Result<Made, AnalysisError> {
    let mut sizes: HashMap<String, Vec<Size>> = HashMap::new();
    let mut order = vec![];
    for (path, size) in wanted {
        if !sizes.contains_key(&path) {
            order.push(path.clone());
        }
        sizes.entry(path).or_default().push(size);
    }
    if order.is_empty() {
        return Ok(Made::new());
    }
    let rows = files(ctx, order, reread).await?;
    let options = ImageTableOptions {
        missing: Missing::Null,
        ..ImageTableOptions::default()
    };
    let images = Arc::new(ListedImages::new(rows, input.to_string(), options));
    let frame = ctx
        .read_table(images)?
        .select_columns(&["path", "content"])?;
    let sizes = Arc::new(sizes);
    let tasks: Vec<_> = frame
        .execute_stream_partitioned()
        .await?
        .into_iter()
        .map(|stream| SpawnedTask::spawn(made(stream, Arc::clone(&sizes))))
        .collect();
    let mut all = Made::new();
    for task in tasks {
        let made = task
            .await
            .map_err(|stopped| DataFusionError::External(Box::new(stopped)))?;
        all.extend(made?);
    }
    Ok(all)
}

/// The rows of a listing of these paths, in their order, with no more than may be read.
async fn files(
    ctx: &SessionContext,
    paths: Vec<String>,
    reread: Option<u64>,
) -> Result<RecordBatch, AnalysisError> {
    let images = reread.unwrap_or(paths.len() as u64);
    // Of objects the paths are enough, which needs no file of features.
    let script = match paths.iter().any(|path| may_be_in_shard(path)) {
        true => ("report/images_in_shards", IMAGES_IN_SHARDS),
        false => ("report/images", IMAGES),
    };
    let schema = Schema::new(vec![
        Field::new("number", DataType::UInt64, false),
        Field::new("path", DataType::Utf8, false),
    ]);
    let wanted = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(UInt64Array::from_iter_values(0..paths.len() as u64)),
            Arc::new(StringArray::from(paths)),
        ],
    )
    .map_err(DataFusionError::from)?;
    ctx.deregister_table("report_wanted")?;
    ctx.register_batch("report_wanted", wanted)?;
    let mut variables = Variables::new();
    variables
        .define("images", images.to_string())
        .define("bytes", BYTES.to_string())
        .define("largest", LARGEST.to_string());
    let found = Script::new(script.0, script.1).run(ctx, &variables).await;
    ctx.deregister_table("report_wanted")?;

    let schema = Arc::new(
        image_schema()
            .project(&[0, 1, 2, 3, 4])
            .map_err(DataFusionError::from)?,
    );
    // A listing that was a file may have left out how long its images are.
    let schema = listed_schema(&schema, true);
    let listed = |batch: RecordBatch| -> Result<RecordBatch> {
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type()));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
    };
    let batches = found?.into_iter().map(listed).collect::<Result<Vec<_>>>()?;
    Ok(concat_batches(&schema, &batches).map_err(DataFusionError::from)?)
}

/// The images of a partition, made small batch by batch.
async fn made(
    mut stream: SendableRecordBatchStream,
    sizes: Arc<HashMap<String, Vec<Size>>>,
) -> Result<Made> {
    let mut made = Made::new();
    while let Some(batch) = stream.try_next().await? {
        let (paths, contents) = (batch.column(0).as_string::<i32>(), batch.column(1));
        let contents = contents.as_binary::<i32>();
        for (path, content) in paths.iter().zip(contents) {
            let (Some(path), Some(content)) = (path, content) else {
                continue;
            };
            let sizes = sizes.get(path).map_or(&[][..], Vec::as_slice);
            for (size, small) in sizes.iter().zip(make_small(content, sizes)) {
                if let Some(small) = small {
                    made.insert((path.to_string(), *size), small);
                }
            }
        }
    }
    Ok(made)
}
