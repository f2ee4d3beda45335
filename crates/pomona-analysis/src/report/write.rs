//! Reports of finished runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Utc;
use datafusion::prelude::SessionContext;
use pomona_images::Location;
use pomona_report::Language;
use pomona_results::layout::{REPORT, RUN_FORMAT};
use pomona_results::{FinishedRun, Output, PublishedFile, ResultsError, StoreFolder, read_model};

use super::gather::gather;
use super::tables::open_run;
use crate::AnalysisError;

/// The report of the finished run in a folder, as a page of HTML.
///
/// # Errors
/// When there is no finished run, and when its files cannot be read. Images that cannot be read
/// are shown without a thumbnail.
pub async fn report_html(
    ctx: &SessionContext,
    run: &Location,
    language: Language,
) -> Result<String, AnalysisError> {
    let manifest = open_run(ctx, run).await?;
    let model = Arc::new(read_model(ctx).await?);
    let (input, features) = (&manifest.parameters.input, manifest.counts.features);
    let ready = std::future::ready(Arc::clone(&model));
    let gathered = gather(ctx.clone(), input.clone(), features, None, ready).await?;
    Ok(gathered.report(&manifest, &model).to_html(language))
}

/// Writes a page to a file of a folder, in one piece: a reader sees the old one or the new one.
///
/// # Errors
/// When the store refuses.
pub async fn write_report(
    ctx: &SessionContext,
    folder: &Location,
    name: &str,
    html: String,
) -> Result<(), AnalysisError> {
    let folder = StoreFolder::open(ctx, folder)?;
    let _made = folder.create_folder()?;
    Ok(folder.write(name, html.into_bytes()).await?)
}

/// Replaces the report of a finished run, and names it in the run's manifest.
///
/// # Errors
/// When there is no finished run, when another run is writing there, when there is a report that no
/// run wrote, and when the store refuses.
pub async fn replace_report(
    ctx: &SessionContext,
    run: &Location,
    html: String,
) -> Result<(), AnalysisError> {
    let id = format!("{}", Utc::now().format(RUN_FORMAT));
    let output = Output::open(ctx, run.clone(), &id)?;
    let lock = output.lock(&id, false, &|_| ()).await?;
    // A report would be lost in a publication that is finished after it.
    output.finish_interrupted(&lock).await?;
    let mut manifest = FinishedRun::open(ctx, run.clone())
        .await?
        .manifest()
        .clone();
    let is_named = manifest.paths().any(|path| path == REPORT);
    if !is_named && output.folder().exists(REPORT).await? {
        return Err(ResultsError::ForeignFiles {
            output: run.to_string(),
            count: 1,
            first: vec![REPORT.to_string()],
        }
        .into());
    }
    manifest.files.retain(|file| file.path != REPORT);
    let staged = PublishedFile {
        path: output.staged(REPORT),
        bytes: html.len() as u64,
        sha256: None,
    };
    output
        .folder()
        .write(&staged.path, html.into_bytes())
        .await?;
    let moves = vec![(staged, REPORT.to_string())];
    let replaced = BTreeSet::new();
    output
        .publish_over(moves, &mut manifest, &replaced, &lock)
        .await?;
    Ok(())
}
