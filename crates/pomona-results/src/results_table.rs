//! `CREATE EXTERNAL TABLE ... STORED AS RESULTS`: a folder of a finished run, read by its manifest.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::common::Result;
use datafusion::datasource::file_format::options::{ParquetReadOptions, ReadOptions};
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::{CreateExternalTable, Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{DataFrame, SessionContext};
use pomona_functions::FEATURE_LEN;
use pomona_images::Location;
use pomona_session::plain_message;

use crate::{FinishedRun, ResultsError};

/// The word after STORED AS.
const FILE_TYPE: &str = "RESULTS";

/// What is said of a file that was removed, or changed.
const NOT_THERE: &str = "is not there as manifest.json names it";

/// Registers tables `STORED AS RESULTS` in a session.
///
/// `LOCATION 'RUN/features/'` is then a table over the Parquet files there that `manifest.json`
/// names; where a run is publishing, or was killed while it did, over the new ones where they are.
/// A query fails with [`ResultsError::Replaced`] when these files are removed or replaced later.
pub fn register_results_tables(ctx: &SessionContext) {
    let state = ctx.state_ref();
    let mut state = state.write();
    let factories = state.table_factories_mut();
    factories.insert(FILE_TYPE.to_string(), Arc::new(ResultsTableFactory));
}

/// How long the vectors of a column are, where a table is the results of a run: `features` are those of the network, and
/// `pca` has the components of the model.
pub fn vector_length(table: &(dyn TableProvider + 'static), column: &str) -> Option<usize> {
    let table = table.downcast_ref::<ResultsTable>()?;
    match column {
        "features" => Some(FEATURE_LEN),
        "pca" => usize::try_from(table.run.manifest().counts.components).ok(),
        _ => None,
    }
}

/// The rows of a folder of a finished run, such as `features/`, as a table `STORED AS RESULTS` has them.
///
/// # Errors
/// [`ResultsError::NoFiles`] when the run has no Parquet files there, and when they cannot be read.
pub async fn read_results(
    ctx: &SessionContext,
    run: FinishedRun,
    below: &str,
) -> Result<DataFrame, ResultsError> {
    let table = ResultsTable::open(&ctx.state(), run, below.to_string()).await?;
    Ok(ctx.read_table(Arc::new(table))?)
}

#[derive(Debug)]
struct ResultsTableFactory;

#[async_trait]
impl TableProviderFactory for ResultsTableFactory {
    async fn create(
        &self,
        state: &dyn Session,
        cmd: &CreateExternalTable,
    ) -> Result<Arc<dyn TableProvider>> {
        let given = cmd.locations.first().map_or("", String::as_str);
        let location = Location::parse(given).map_err(|error| external(error.into()))?;
        let found = FinishedRun::around(state.runtime_env(), &location).await;
        let Some((run, below)) = found.map_err(external)? else {
            return Err(external(ResultsError::NoRun {
                output: given.to_string(),
            }));
        };
        if cmd.locations.len() > 1 {
            return Err(external(no_files(&run, below)));
        }
        let table = ResultsTable::open(state, run, below).await;
        Ok(Arc::new(table.map_err(external)?))
    }
}

fn external(error: ResultsError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The folder of a run as it was named.
fn named(run: &FinishedRun) -> String {
    run.location().to_string().trim_end_matches('/').to_string()
}

fn no_files(run: &FinishedRun, folder: String) -> ResultsError {
    ResultsError::NoFiles {
        output: run.written(),
        folder,
    }
}

/// The files of one run in one folder, as they were when it was opened.
#[derive(Debug)]
struct ResultsTable {
    run: FinishedRun,
    below: String,
    schema: SchemaRef,
    options: ListingOptions,
}

impl ResultsTable {
    async fn open(
        state: &dyn Session,
        run: FinishedRun,
        below: String,
    ) -> Result<Self, ResultsError> {
        let urls = run.urls(&below);
        if below.is_empty() || urls.is_empty() {
            return Err(no_files(&run, below));
        }
        let unreadable = |reason: String| ResultsError::FilesUnreadable {
            output: named(&run),
            folder: below.clone(),
            reason,
        };
        if let Some(path) = run.first_missing(state.runtime_env(), &below).await? {
            return Err(unreadable(format!("{path} {NOT_THERE}")));
        }
        let options = ParquetReadOptions::default();
        let options = options.to_listing_options(state.config(), state.default_table_options());
        let config = ListingTableConfig::new_with_multi_paths(parsed(&urls)?)
            .with_listing_options(options.clone())
            .infer_schema(state)
            .await;
        let table = config.and_then(ListingTable::try_new);
        let schema = match table {
            Ok(table) => table.schema(),
            Err(error) => return Err(unreadable(plain_message(&error))),
        };
        Ok(Self {
            run,
            below,
            schema,
            options,
        })
    }

    /// The run with its files where they are now: a publication moves them.
    ///
    /// A listing that finds no file is no error of DataFusion's: the query would have no rows. And a later run may
    /// have put another file of the same name in the place of one.
    async fn there(&self, runtime: &RuntimeEnv) -> Result<FinishedRun, ResultsError> {
        let replaced = |reason: String| ResultsError::Replaced {
            output: named(&self.run),
            reason,
        };
        let Some(now) = FinishedRun::find(runtime, self.run.location()).await? else {
            return Err(replaced("there is no manifest.json any more".to_string()));
        };
        let (before, after) = (&self.run.manifest().run, &now.manifest().run);
        if before == after {
            return match now.first_missing(runtime, &self.below).await? {
                None => Ok(now),
                Some(path) => Err(replaced(format!("{path} {NOT_THERE}"))),
            };
        }
        // Files that the later run has kept, or not removed yet, are those of this one.
        let gone = match self.run.first_changed(&now, &self.below) {
            None => self.run.first_missing(runtime, &self.below).await?,
            changed => changed,
        };
        match gone {
            None => Ok(self.run.clone()),
            Some(path) => Err(replaced(format!(
                "they were of the run {before}, and the run {after} has replaced {path}"
            ))),
        }
    }
}

fn parsed(urls: &[String]) -> Result<Vec<ListingTableUrl>> {
    urls.iter().map(ListingTableUrl::parse).collect()
}

#[async_trait]
impl TableProvider for ResultsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // They pass over row groups and pages.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let runtime = state.runtime_env();
        let run = self.there(runtime).await.map_err(external)?;
        let config = ListingTableConfig::new_with_multi_paths(parsed(&run.urls(&self.below))?)
            .with_listing_options(self.options.clone())
            .with_schema(Arc::clone(&self.schema));
        let cache = runtime.cache_manager.get_file_statistic_cache();
        let files = ListingTable::try_new(config)?.with_cache(cache);
        files.scan(state, projection, filters, limit).await
    }
}
