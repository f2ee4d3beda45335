//! [`ListedImages`]: a table of images that were listed before.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::future::{BoxFuture, ready};
use pomona_images::{
    ImageScanConfig, ImageScanExec, ImageTableOptions, ReadOptions, all_columns, divide,
    listed_schema, needs_object, table_schema,
};

use crate::listing::LENGTH;

/// Images that were listed before: a scan reads them and lists nothing, so that a run in many
/// chunks lists its folder once, and each row has the version that was listed.
#[derive(Debug)]
pub struct ListedImages {
    rows: RecordBatch,
    location: String,
    options: ImageTableOptions,
    is_ordered: bool,
}

impl ListedImages {
    /// The images of the rows, which have all columns of [`image_schema`](pomona_images::image_schema)
    /// but `content`.
    pub fn new(rows: RecordBatch, location: String, options: ImageTableOptions) -> Self {
        Self {
            rows,
            location,
            options,
            is_ordered: false,
        }
    }

    /// The same, for who needs the rows of a partition in their order: none passes one that is late.
    #[must_use]
    pub fn in_order(self) -> Self {
        Self {
            is_ordered: true,
            ..self
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

    /// The plan of a scan.
    fn plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let partitions = self.partitions(state.config().target_partitions())?;
        let columns = projection.map_or_else(|| all_columns(&self.options), Clone::clone);
        let schema = self.rows.schema();
        if !needs_object(&columns) {
            let listing = MemorySourceConfig::try_new_exec(&partitions, schema, Some(columns))?;
            return Ok(listing);
        }
        let listing = MemorySourceConfig::try_new_exec(&partitions, schema, None)?;
        let mut config = ImageScanConfig::new(columns, vec![self.location.clone()], &self.options)
            .with_urls(ReadOptions::of(state.config_options())?);
        config.is_ordered = self.is_ordered;
        Ok(Arc::new(ImageScanExec::try_new(listing, config)?))
    }
}

impl TableProvider for ListedImages {
    fn schema(&self) -> SchemaRef {
        let may_be_null = self.rows.schema().field(LENGTH).is_nullable();
        listed_schema(&table_schema(&self.options), may_be_null)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    // What `async_trait` makes of an `async fn`, but for the filters, which the future does not hold: to prove that
    // it may go to another thread with expressions in it takes the compiler seconds.
    fn scan<'table, 'state, 'columns, 'filters, 'plan>(
        &'table self,
        state: &'state dyn Session,
        projection: Option<&'columns Vec<usize>>,
        _filters: &'filters [Expr],
        _limit: Option<usize>,
    ) -> BoxFuture<'plan, Result<Arc<dyn ExecutionPlan>>>
    where
        'table: 'plan,
        'state: 'plan,
        'columns: 'plan,
        'filters: 'plan,
        Self: 'plan,
    {
        Box::pin(ready(self.plan(state, projection)))
    }
}
