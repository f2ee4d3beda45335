//! The tables of a finished run, by the files that its manifest names.

use datafusion::prelude::SessionContext;
use pomona_images::Location;
use pomona_results::{FinishedRun, Manifest, parquet_rows};

use crate::AnalysisError;
use crate::lookup::check_components;

/// Reads the manifest of the run in a folder, and defines `features`, `metadata` and `pca_model`
/// over its files.
///
/// # Errors
/// When there is no finished run, when it has no principal components, and when its files cannot be
/// read.
pub(super) async fn open_run(
    ctx: &SessionContext,
    run: &Location,
) -> Result<Manifest, AnalysisError> {
    let results = FinishedRun::open(ctx, run.clone()).await?;
    check_components(&results)?;
    define(ctx, "features", results.urls("features/")).await?;
    define(ctx, "metadata", results.urls("metadata/parquet/")).await?;
    define(ctx, "pca_model", results.urls("model/")).await?;
    Ok(results.manifest().clone())
}

async fn define(ctx: &SessionContext, table: &str, urls: Vec<String>) -> Result<(), AnalysisError> {
    let rows = parquet_rows::read(ctx, urls).await?;
    ctx.deregister_table(table)?;
    ctx.register_table(table, rows.into_view())?;
    Ok(())
}
