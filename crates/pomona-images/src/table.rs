//! The table provider.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::not_impl_err;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::future::BoxFuture;

use crate::assignment::assign;
use crate::begun_listing::{Begun, begin};
use crate::error::ImagesError;
use crate::exec::{ImageScanConfig, ImageScanExec, listed_columns, path_ordering};
use crate::first_page::first_objects;
use crate::image_location::ImageLocation;
use crate::key_space::sample_keys;
use crate::list_ranges_exec::ranges_plan;
use crate::listing::{ListedObject, PAGE, Report, Source};
use crate::listing_exec::{ImageListingExec, ListingScan};
use crate::listing_files::{ListingFile, listing_location};
use crate::options::{ImageTableOptions, Shards};
use crate::resolve::resolve;
use crate::rows::listing_batches;
use crate::schema::{
    E_TAG, all_columns, listed_schema, needs_object, projected_schema, table_schema,
};
use crate::selection::{Conditions, pushdown};
use crate::shards::{ShardKind, spread};
use crate::urls::ReadOptions;

/// The most rows that a partition takes at once to read their objects: about a second of inference,
/// so that partitions end together.
const ROWS_TO_READ: usize = 64;

/// Makes every scan list to its end where its plan is made, and put the rows into the plan, or
/// ranges of keys that have them: an extension of the configuration of a session whose plans travel,
/// since a scheduler can divide rows in memory and no leaf that it does not know.
#[derive(Debug, Default, Clone, Copy)]
pub struct ListWhilePlanning;

/// Images below one or more locations, one row an object. Each scan lists anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTable {
    locations: Vec<ImageLocation>,
    options: ImageTableOptions,
}

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
        mut options: ImageTableOptions,
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
        if let Some(listing) = options.listing.take() {
            let refused = |reason: &str| ImagesError::Listing {
                file: listing.clone(),
                reason: reason.to_owned(),
            };
            let [folder] = resolved.as_slice() else {
                return Err(refused("it lists the images of one location").into());
            };
            if folder.is_object() || folder.pattern().is_some() {
                let reason = format!("it lists the images of a folder, and {folder} is none");
                return Err(refused(&reason).into());
            }
            let location = listing_location(&listing, folder)?.literal(true);
            let file = resolve(state.runtime_env(), &location.url()).await?;
            if !file.is_object() {
                return Err(refused("it is no file").into());
            }
            options.listing = Some(file.url());
            ListingFile::of(folder, &options)?;
        }
        let glob = options.glob.as_deref();
        let names_shards = glob.is_some_and(|glob| ShardKind::of_name(glob).is_some());
        for location in &mut resolved {
            match options.shards {
                Shards::Always => location.read_shards(true),
                Shards::Never => location.read_shards(false),
                Shards::Auto if names_shards => location.read_shards(true),
                Shards::Auto => {}
            }
        }
        Ok(Self::from_resolved(resolved, options))
    }

    /// Whether a file lists the images of the table, wherever they are.
    pub fn has_listing_file(&self) -> bool {
        let mut locations = self.locations.iter();
        locations.any(|location| !matches!(ListingFile::of(location, &self.options), Ok(None)))
    }

    /// A table of locations that another table resolved, without asking any store: this is how a
    /// table comes out of a plan that was sent.
    pub fn from_resolved(locations: Vec<ImageLocation>, options: ImageTableOptions) -> Self {
        Self { locations, options }
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

    /// Fails where a glob matches no image: who writes a pattern where a query stands means what is
    /// there, whereas the folder of a table may fill later.
    pub(crate) async fn require_matches(&self, runtime: &Arc<RuntimeEnv>) -> Result<()> {
        for location in &self.locations {
            if location.pattern().is_none() {
                continue;
            }
            let first = first_objects(runtime, location, &self.options).await?;
            if first.is_empty() {
                let location = location.to_string();
                return Err(ImagesError::NothingMatches { location }.into());
            }
        }
        Ok(())
    }

    /// The rows of a whole listing as a plan: `columns` of the objects of each partition, sorted by
    /// path.
    fn listing_plan(
        partitions: &[Vec<ListedObject>],
        columns: &[usize],
        schema: SchemaRef,
        batch_size: usize,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batches = partitions
            .iter()
            .map(|objects| listing_batches(objects, columns, &schema, batch_size))
            .collect::<Result<Vec<_>>>()?;
        let mut objects = partitions.iter();
        let is_ordered = objects.all(|objects| objects.is_sorted_by(|a, b| a.path <= b.path));
        let ordering = path_ordering(&schema).filter(|_| is_ordered);
        let ordering = ordering.into_iter().collect();
        let source = MemorySourceConfig::try_new(&batches, schema, None)?
            .with_show_sizes(false)
            .try_with_sort_information(ordering)?;
        Ok(DataSourceExec::from_data_source(source))
    }

    /// The plan of a scan.
    ///
    /// # Errors
    /// As those of [`TableProvider::scan`].
    pub(crate) async fn plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        conditions: Conditions,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Conditions {
            scope,
            selection,
            are_none,
        } = conditions;
        let urls = ReadOptions::of(state.config_options())?;
        let source = Source::new(state.runtime_env(), &self.locations, &self.options, scope)?
            .with_urls(urls.clone());
        // Where every object is selected, so many objects are enough.
        let enough = limit.filter(|_| are_none);
        let is_planned = state
            .config()
            .get_extension::<ListWhilePlanning>()
            .is_some();
        let divisible = source.divisible().filter(|_| is_planned && limit.is_none());
        let mut report = Report::new(state.config());
        let begun = begin(
            source.pages(limit.map(|limit| enough.unwrap_or(limit.max(PAGE))))?,
            &selection,
            limit,
            is_planned,
            divisible,
            &mut report,
        );
        let begun = begun.await?;

        let all = all_columns(&self.options);
        let columns = match projection {
            Some(columns) => columns.iter().map(|&column| all[column]).collect(),
            None => all,
        };
        let in_shards = self
            .locations
            .iter()
            .any(|location| location.within.is_some());
        let listed = match needs_object(&columns) {
            // The places of images in shards are in this column.
            true if in_shards => listed_columns(&[&columns[..], &[E_TAG]].concat()),
            true => listed_columns(&columns),
            false => columns.clone(),
        };
        let schema = listed_schema(&projected_schema(&listed), self.has_listing_file());
        let partitions = state.config().target_partitions();
        let listing = match begun {
            Begun::Long => {
                let sample = sample_keys(&source, &selection, partitions).await?;
                ranges_plan(state, &source, sample, &selection, listed)?
            }
            Begun::Divided(sample) => ranges_plan(state, &source, sample, &selection, listed)?,
            Begun::Part(objects, rest) => {
                let scan = ListingScan {
                    source,
                    selection,
                    rows: match needs_object(&columns) {
                        true => ROWS_TO_READ,
                        false => state.config().batch_size(),
                    },
                    columns: listed,
                    schema,
                    limit,
                };
                let listing = ImageListingExec::new(scan, partitions, objects, rest, report);
                Arc::new(listing) as Arc<dyn ExecutionPlan>
            }
            Begun::Whole(mut objects) => {
                objects.sort_unstable_by(|a, b| a.path.cmp(&b.path));
                objects.truncate(limit.unwrap_or(usize::MAX));
                let partitions = match in_shards {
                    true => by_shards(objects, partitions),
                    false => assign(objects, partitions),
                };
                Self::listing_plan(&partitions, &listed, schema, state.config().batch_size())?
            }
        };
        if !needs_object(&columns) {
            return Ok(listing);
        }
        let locations = self.locations.iter().map(ToString::to_string).collect();
        let config = ImageScanConfig::new(columns, locations, &self.options).with_urls(urls);
        Ok(Arc::new(ImageScanExec::try_new(listing, config)?))
    }
}

#[async_trait]
impl TableProvider for ImageTable {
    fn schema(&self) -> SchemaRef {
        listed_schema(&table_schema(&self.options), self.has_listing_file())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown(filters))
    }

    // What `async_trait` makes of an `async fn`, but for the filters, which the future does not hold: to prove that
    // it may go to another thread with expressions in it takes the compiler seconds, for each such method.
    fn scan<'table, 'state, 'columns, 'filters, 'plan>(
        &'table self,
        state: &'state dyn Session,
        projection: Option<&'columns Vec<usize>>,
        filters: &'filters [Expr],
        limit: Option<usize>,
    ) -> BoxFuture<'plan, Result<Arc<dyn ExecutionPlan>>>
    where
        'table: 'plan,
        'state: 'plan,
        'columns: 'plan,
        'filters: 'plan,
        Self: 'plan,
    {
        let conditions = Conditions::new(state, filters);
        Box::pin(async move { self.plan(state, projection, conditions?, limit).await })
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

/// Divides images of which some are in shards, so that neighbours stay together.
fn by_shards(objects: Vec<ListedObject>, partitions: usize) -> Vec<Vec<ListedObject>> {
    let places: Vec<_> = objects.iter().map(ListedObject::place).collect();
    let items = objects.iter().zip(&places).map(|(object, place)| {
        let place = place.as_ref();
        let place = place.map(|place| (place.shard(&object.path), place.order()));
        (object.length.unwrap_or_default(), place)
    });
    let divided = spread(&items.collect::<Vec<_>>(), partitions);
    let mut objects: Vec<_> = objects.into_iter().map(Some).collect();
    let divided = divided.into_iter().map(|positions| {
        let taken = positions.into_iter().filter_map(|at| objects[at].take());
        taken.collect()
    });
    divided.collect()
}
