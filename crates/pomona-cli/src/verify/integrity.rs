//! `pomona verify --integrity`: whether the files of a run are those that it published.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::prelude::SessionContext;
use pomona_images::Location;
use pomona_results::{FinishedRun, Integrity};

use super::VerifyArguments;
use crate::arguments::GeneralArguments;
use crate::lookup::print;
use crate::terminal::note;

/// Reads the files of a run, prints what is not as the manifest says, and returns whether all is.
pub(super) async fn is_intact(
    ctx: &SessionContext,
    arguments: &VerifyArguments,
    general: &GeneralArguments,
) -> Result<bool> {
    let run = FinishedRun::open(ctx, Location::parse(&arguments.dir)?).await?;
    let integrity = Integrity::of(&ctx.runtime_env(), &run).await?;
    let is_intact = integrity.findings.is_empty();
    if !is_intact {
        let paths = integrity.findings.iter().map(|(path, _)| path.as_str());
        let findings = integrity.findings.iter();
        let findings = findings.map(|(_, finding)| finding.to_string());
        let columns: [(&str, ArrayRef); 2] = [
            ("path", Arc::new(StringArray::from_iter_values(paths))),
            ("finding", Arc::new(StringArray::from_iter_values(findings))),
        ];
        let rows = RecordBatch::try_from_iter(columns)?;
        print(ctx, ctx.read_batch(rows)?, arguments.format).await?;
    }
    if !general.quiet {
        note!(
            "{} of {} files of {} are as manifest.json names them, {} bytes",
            integrity.equal,
            run.manifest().files.len(),
            arguments.dir,
            integrity.bytes
        );
        if integrity.without_sha256 > 0 {
            note!(
                "{} of them have no sha256 there: their lengths alone were compared",
                integrity.without_sha256
            );
        }
        if run.is_unfinished() {
            note!("a run was ended while it published them: the next run finishes that");
        }
    }
    Ok(is_intact)
}
