//! `pomona similar`, `outliers` and `suspects`: queries over the results of a run.

mod arguments;
mod print;

use std::process::ExitCode;

use anyhow::{Context, Result};
use datafusion::prelude::SessionContext;
use datafusion_cli::print_format::PrintFormat;
use pomona_analysis::{Lookup, Similar, Suspects};
use pomona_images::Location;
use pomona_results::FinishedRun;

use crate::arguments::SessionArguments;
use crate::session::{Session, open};
pub(crate) use arguments::{
    By, OutliersArguments, ResultsArguments, SimilarArguments, SuspectsArguments,
};
pub(crate) use print::{print, show_sql};

/// Runs `pomona similar`.
pub(crate) async fn similar(arguments: SimilarArguments) -> Result<ExitCode> {
    let asked = Similar {
        image: arguments.image.clone(),
        by: arguments.by.into(),
        count: arguments.count,
    };
    let asking = Asking::open(&arguments.session, &arguments.results, arguments.format).await?;
    let lookup = pomona_analysis::similar(&asking.ctx, &asking.results, &asked).await?;
    // The network's error does not name the file.
    let answer = asking.answer(&lookup, arguments.show_sql).await;
    answer.context(arguments.image)
}

/// Runs `pomona outliers`.
pub(crate) async fn outliers(arguments: OutliersArguments) -> Result<ExitCode> {
    let asking = Asking::open(&arguments.session, &arguments.results, arguments.format).await?;
    let lookup = pomona_analysis::outliers(&asking.results, arguments.count)?;
    asking.answer(&lookup, arguments.show_sql).await
}

/// Runs `pomona suspects`.
pub(crate) async fn suspects(arguments: SuspectsArguments) -> Result<ExitCode> {
    let asked = Suspects {
        by: arguments.by.into(),
        neighbours: arguments.neighbours,
        count: arguments.count,
    };
    let asking = Asking::open(&arguments.session, &arguments.results, arguments.format).await?;
    let lookup = pomona_analysis::suspects(&asking.results, &asked)?;
    asking.answer(&lookup, arguments.show_sql).await
}

/// A session with the results to query.
struct Asking {
    ctx: SessionContext,
    results: FinishedRun,
    format: PrintFormat,
}

impl Asking {
    async fn open(
        session: &SessionArguments,
        results: &ResultsArguments,
        format: PrintFormat,
    ) -> Result<Self> {
        let Session { ctx, .. } = open(session).await?;
        let location = Location::parse(&results.results)?;
        let results = FinishedRun::open(&ctx, location).await?;
        Ok(Self {
            ctx,
            results,
            format,
        })
    }

    async fn answer(&self, lookup: &Lookup, sql_alone: bool) -> Result<ExitCode> {
        if sql_alone {
            show_sql(lookup)?;
        } else {
            let frame = lookup.query(&self.ctx).await?;
            print(&self.ctx, frame, self.format).await?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
