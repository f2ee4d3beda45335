//! Reports of finished runs.

use datafusion::prelude::SessionContext;
use pomona_report::Language;

use super::gather::gather;
use super::tables::open_run;
use crate::model::read_model;
use crate::{DriverError, Location};

/// The report of the finished run in a folder, as a page of HTML.
///
/// # Errors
/// When there is no finished run, and when its files cannot be read. Pictures that cannot be read
/// are shown without a thumbnail.
pub async fn report_html(
    ctx: &SessionContext,
    run: &Location,
    language: Language,
) -> Result<String, DriverError> {
    let manifest = open_run(ctx, run).await?;
    let model = read_model(ctx).await?;
    let report = gather(ctx, &manifest, &model).await?;
    Ok(report.to_html(language))
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
) -> Result<(), DriverError> {
    folder.create()?;
    folder.store(ctx)?.write(name, html.into_bytes()).await
}
