//! The table provider.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::not_impl_err;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::assignment::assign;
use crate::error::ImagesError;
use crate::exec::{ImageScanConfig, ImageScanExec, listed_columns, path_ordering};
use crate::listing::{ListedObject, list_images};
use crate::location::ImageLocation;
use crate::options::ImageTableOptions;
use crate::resolve::resolve;
use crate::rows::listing_batches;
use crate::schema::{all_columns, needs_object, projected_schema, table_schema};
use crate::selection::{is_about_listing, select};
use crate::skipped::Skipped;

/// Images below one or more locations, one row an object. Each scan lists anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTable {
    locations: Vec<ImageLocation>,
    options: ImageTableOptions,
    skipped: LastSkipped,
}

/// What the last scan of a table passed over. It says nothing of which table it is.
#[derive(Debug, Clone, Default)]
struct LastSkipped(Arc<Mutex<Skipped>>);

impl LastSkipped {
    fn set(&self, skipped: Skipped) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = skipped;
    }

    fn get(&self) -> Skipped {
        let skipped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        skipped.clone()
    }
}

impl PartialEq for LastSkipped {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for LastSkipped {}

impl ImageTable {
    /// Resolves `locations` with the stores that `state` has: URLs or local paths of folders,
    /// objects, or globs.
    ///
    /// # Errors
    /// If a location cannot be understood, does not exist, or cannot be listed. A folder without
    /// images is no error.
    pub async fn try_new<L: AsRef<str>>(
        state: &dyn Session,
        locations: impl IntoIterator<Item = L>,
        options: ImageTableOptions,
    ) -> Result<Self> {
        let mut resolved = Vec::new();
        for location in locations {
            resolved.push(resolve(state.runtime_env(), location.as_ref()).await?);
        }
        if resolved.is_empty() {
            let reason = "an image table needs at least one".to_owned();
            return Err(ImagesError::InvalidLocation {
                location: String::new(),
                reason,
            }
            .into());
        }
        Ok(Self::from_resolved(resolved, options))
    }

    /// A table of locations that another table resolved, without asking any store: this is how a
    /// table comes out of a plan that was sent.
    pub fn from_resolved(locations: Vec<ImageLocation>, options: ImageTableOptions) -> Self {
        Self {
            locations,
            options,
            skipped: LastSkipped::default(),
        }
    }

    /// What the last scan in this process passed over.
    pub fn skipped(&self) -> Skipped {
        self.skipped.get()
    }

    /// Where the images are.
    pub fn locations(&self) -> &[ImageLocation] {
        &self.locations
    }

    /// How the table was configured.
    pub fn options(&self) -> &ImageTableOptions {
        &self.options
    }

    /// The stores that scans ask, each once.
    ///
    /// # Errors
    /// If a location's scheme and authority are no URL.
    pub fn object_store_urls(&self) -> Result<Vec<ObjectStoreUrl>> {
        let mut urls = Vec::new();
        for location in &self.locations {
            let url = location.object_store_url()?;
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        Ok(urls)
    }

    /// The listing as a plan: `columns` of the objects of each partition, sorted by path.
    fn listing_plan(
        partitions: &[Vec<ListedObject>],
        columns: &[usize],
        batch_size: usize,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = projected_schema(columns);
        let batches = partitions
            .iter()
            .map(|objects| listing_batches(objects, columns, batch_size))
            .collect::<Result<Vec<_>>>()?;
        let ordering = path_ordering(&schema).into_iter().collect();
        let source = MemorySourceConfig::try_new(&batches, schema, None)?
            .with_show_sizes(false)
            .try_with_sort_information(ordering)?;
        Ok(DataSourceExec::from_data_source(source))
    }
}

#[async_trait]
impl TableProvider for ImageTable {
    fn schema(&self) -> SchemaRef {
        table_schema(self.options.missing)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushdown = |filter: &&Expr| match is_about_listing(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(pushdown).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let listed = list_images(state.runtime_env(), &self.locations, &self.options).await?;
        if listed.skipped.unreadable_count() > 0 {
            log::warn!("{}", listed.skipped);
        }
        if listed.skipped.no_image_count() > 0 {
            let extensions = listed.skipped.extensions();
            log::info!("passed over by their names: {extensions}");
        }
        self.skipped.set(listed.skipped);
        let count = listed.objects.len();
        let mut objects = select(state, filters, listed.objects)?;
        objects.truncate(limit.unwrap_or(usize::MAX));
        log::debug!("{} of {count} objects are scanned", objects.len());

        let columns = match projection {
            Some(columns) => columns.clone(),
            None => all_columns(self.options.missing),
        };
        let partitions = assign(objects, state.config().target_partitions());
        let batch_size = state.config().batch_size();
        if !needs_object(&columns) {
            return Self::listing_plan(&partitions, &columns, batch_size);
        }
        let listing = Self::listing_plan(&partitions, &listed_columns(&columns), batch_size)?;
        let locations = self.locations.iter().map(ToString::to_string).collect();
        let config = ImageScanConfig::new(columns, locations, &self.options);
        Ok(Arc::new(ImageScanExec::try_new(listing, config)?))
    }

    async fn insert_into(
        &self,
        _state: &dyn Session,
        _input: Arc<dyn ExecutionPlan>,
        _insert_op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        not_impl_err!("an image table is read-only: write images to its location by other means")
    }
}
