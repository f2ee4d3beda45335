//! [`Listing`]: the images of a run, listed once, and tables of some of them.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{concat_batches, sort_to_indices, take_record_batch};
use arrow::datatypes::{Int64Type, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use pomona_images::{
    ImageLocation, ImageScanConfig, ImageScanExec, ImageTable, ImageTableOptions, ReadOptions,
    Skipped, SkippedSink, all_columns, divide, image_schema, listed_schema, needs_object,
    table_schema,
};

/// Position of `length`, in bytes.
const LENGTH: usize = 2;

/// The images of a run in the order of their paths, all columns but `content`.
pub struct Listing {
    rows: RecordBatch,
    location: String,
    /// What the location came to mean.
    folders: Vec<ImageLocation>,
    /// Whether a file lists the images, wherever they are.
    is_from_file: bool,
    skipped: Skipped,
    options: ImageTableOptions,
}

impl Listing {
    /// Lists the view `selected_images` over the table `images`, both of `images.sql`.
    pub async fn collect(ctx: &SessionContext, location: &str) -> Result<Self> {
        let sql = "SELECT path, label, length, modification_time, e_tag FROM selected_images";
        let sink = Arc::new(SkippedSink::default());
        let mut state = ctx.state();
        let config = state.config_mut();
        *config = config.clone().with_extension(Arc::clone(&sink));
        let listing = SessionContext::new_with_state(state);
        let batches = listing.sql(sql).await?.collect().await?;
        let images = ctx.table_provider("images").await?;
        let images = images.downcast_ref::<ImageTable>();
        let is_from_file = images.is_some_and(ImageTable::has_listing_file);
        let schema = Arc::new(image_schema().project(&[0, 1, 2, 3, 4])?);
        let schema = listed_schema(&schema, is_from_file);
        let batches = batches
            .into_iter()
            .map(|batch| RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()))
            .collect::<Result<Vec<_>, _>>()?;
        let rows = concat_batches(&schema, &batches)?;
        let order = sort_to_indices(rows.column(0), None, None)?;
        let rows = take_record_batch(&rows, &order)?;
        Ok(Self {
            // Who writes a list may write a path twice. A folder has no two files of one name.
            rows: match is_from_file {
                true => once_each(&rows)?,
                false => rows,
            },
            location: location.to_string(),
            folders: images.map_or(vec![], |images| images.locations().to_vec()),
            is_from_file,
            skipped: sink.skipped(),
            options: images.map_or_else(Default::default, |images| images.options().clone()),
        })
    }

    /// What the listing passed over.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// Whether a path lies where the images are listed, listed or not.
    pub fn covers(&self, path: &str) -> bool {
        self.is_from_file || self.folders.iter().any(|folder| folder.holds(path))
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all images.
    pub fn bytes(&self) -> u64 {
        let lengths = self.rows.column(LENGTH).as_primitive::<Int64Type>();
        lengths.iter().flatten().map(|bytes| bytes as u64).sum()
    }

    /// Path, version and length of each image.
    pub fn lengths(&self) -> impl Iterator<Item = (&str, Option<&str>, u64)> {
        let lengths = self.rows.column(LENGTH).as_primitive::<Int64Type>();
        let lengths = lengths.iter().map(|bytes| bytes.unwrap_or_default() as u64);
        let images = self.iter().zip(lengths);
        images.map(|((path, e_tag), length)| (path, e_tag, length))
    }

    /// The memory that the rows take, in bytes.
    pub fn memory(&self) -> u64 {
        self.rows.get_array_memory_size() as u64
    }

    /// Path and version of each image.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let paths: &StringArray = self.rows.column(0).as_string();
        let e_tags: &StringArray = self.rows.column(4).as_string();
        paths.iter().flatten().zip(e_tags)
    }

    /// A table of the images at some positions, with their content.
    pub fn table(&self, positions: &[usize]) -> Result<ListedImages> {
        let positions = UInt32Array::from_iter_values(positions.iter().map(|&p| p as u32));
        Ok(ListedImages::new(
            take_record_batch(&self.rows, &positions)?,
            self.location.clone(),
            self.options.clone(),
        ))
    }
}

/// The first row of each path, of rows in the order of their paths.
fn once_each(rows: &RecordBatch) -> Result<RecordBatch> {
    let paths: &StringArray = rows.column(0).as_string();
    let is_first = |&row: &usize| row == 0 || paths.value(row) != paths.value(row - 1);
    let first = (0..rows.num_rows()).filter(is_first);
    let first = UInt32Array::from_iter_values(first.map(|row| row as u32));
    Ok(take_record_batch(rows, &first)?)
}

/// Images that were listed before: a scan reads them and lists nothing, so that a run in many
/// chunks lists its folder once, and each row has the version that was listed.
#[derive(Debug)]
pub struct ListedImages {
    rows: RecordBatch,
    location: String,
    options: ImageTableOptions,
}

impl ListedImages {
    /// The images of the rows, which have all columns of [`image_schema`] but `content`.
    pub fn new(rows: RecordBatch, location: String, options: ImageTableOptions) -> Self {
        Self {
            rows,
            location,
            options,
        }
    }

    /// The rows of each partition, about equal in bytes: each object in turn goes where the fewest
    /// bytes are, and neighbours in a shard stay together. No partition is empty.
    fn partitions(&self, count: usize) -> Result<Vec<Vec<RecordBatch>>> {
        let partitions = divide(&self.rows, count)?.into_iter();
        partitions
            .map(|rows| Ok(vec![take_record_batch(&self.rows, &rows)?]))
            .collect()
    }
}

#[async_trait]
impl TableProvider for ListedImages {
    fn schema(&self) -> SchemaRef {
        let may_be_null = self.rows.schema().field(LENGTH).is_nullable();
        listed_schema(&table_schema(&self.options), may_be_null)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let partitions = self.partitions(state.config().target_partitions())?;
        let columns = projection.map_or_else(|| all_columns(&self.options), Clone::clone);
        let schema = self.rows.schema();
        if !needs_object(&columns) {
            let listing = MemorySourceConfig::try_new_exec(&partitions, schema, Some(columns))?;
            return Ok(listing);
        }
        let listing = MemorySourceConfig::try_new_exec(&partitions, schema, None)?;
        let config = ImageScanConfig::new(columns, vec![self.location.clone()], &self.options)
            .with_urls(ReadOptions::of(state.config_options())?);
        Ok(Arc::new(ImageScanExec::try_new(listing, config)?))
    }
}
