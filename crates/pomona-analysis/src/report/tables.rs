//! The tables of a finished run, by the files that its manifest names.

use datafusion::prelude::SessionContext;
use pomona_images::Location;
use pomona_results::{FinishedRun, Manifest, PublishedFile, parquet_rows};

use crate::AnalysisError;

/// Reads the manifest of the run in a folder, and defines `features`, `metadata` and `pca_model`
/// over its files.
///
/// # Errors
/// When there is no finished run, and when its files cannot be read.
pub(super) async fn open_run(
    ctx: &SessionContext,
    run: &Location,
) -> Result<Manifest, AnalysisError> {
    let results = FinishedRun::open(ctx, run.clone()).await?;
    let manifest = results.manifest();
    define(ctx, run, "features", manifest.features()).await?;
    define(ctx, run, "metadata", manifest.metadata()).await?;
    define(ctx, run, "pca_model", manifest.model()).await?;
    Ok(manifest.clone())
}

async fn define(
    ctx: &SessionContext,
    run: &Location,
    table: &str,
    files: impl Iterator<Item = &PublishedFile>,
) -> Result<(), AnalysisError> {
    let urls = files.map(|file| run.below(&file.path)).collect();
    let rows = parquet_rows::read(ctx, urls).await?;
    ctx.deregister_table(table)?;
    ctx.register_table(table, rows.into_view())?;
    Ok(())
}
