//! `CREATE EXTERNAL TABLE ... STORED AS RESULTS`: a folder of a finished run, read by its manifest.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::common::Result;
use datafusion::datasource::file_format::options::{ParquetReadOptions, ReadOptions};
use datafusion::datasource::listing::{ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::CreateExternalTable;
use datafusion::prelude::SessionContext;
use pomona_images::Location;

use crate::{FinishedRun, ResultsError};

/// The word after STORED AS.
const FILE_TYPE: &str = "RESULTS";

/// Registers tables `STORED AS RESULTS` in a session.
///
/// `LOCATION 'RUN/features/'` is then a table over the Parquet files there that `manifest.json`
/// names; where a run is publishing, or was killed while it did, over the new ones where they are.
pub fn register_results_tables(ctx: &SessionContext) {
    let state = ctx.state_ref();
    let mut state = state.write();
    let factories = state.table_factories_mut();
    factories.insert(FILE_TYPE.to_string(), Arc::new(ResultsTableFactory));
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
        let external = |error: ResultsError| DataFusionError::External(Box::new(error));
        let given = cmd.locations.first().map_or("", String::as_str);
        let location = Location::parse(given).map_err(|error| external(error.into()))?;
        let found = FinishedRun::around(state.runtime_env(), &location).await;
        let Some((run, below)) = found.map_err(external)? else {
            return Err(external(ResultsError::NoRun {
                output: given.to_string(),
            }));
        };
        let urls = run.urls(&below);
        if below.is_empty() || urls.is_empty() || cmd.locations.len() > 1 {
            return Err(external(ResultsError::NoFiles {
                output: run.written(),
                folder: below,
            }));
        }
        let urls = urls.iter().map(ListingTableUrl::parse);
        let options = ParquetReadOptions::default();
        let options = options.to_listing_options(state.config(), state.default_table_options());
        let config = ListingTableConfig::new_with_multi_paths(urls.collect::<Result<_>>()?)
            .with_listing_options(options)
            .infer_schema(state)
            .await?;
        let cache = state.runtime_env().cache_manager.get_file_statistic_cache();
        Ok(Arc::new(ListingTable::try_new(config)?.with_cache(cache)))
    }
}
