//! `pomona report`, and the report options of `pomona run`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use pomona_analysis::Language;
use pomona_analysis::report::{replace_report, report_html, write_report};
use pomona_images::Location;
use pomona_results::layout::REPORT;

use crate::arguments::SessionArguments;
use crate::exit::UsageError;
use crate::session::open;
use crate::terminal::{note, stdout};

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,

    /// Folder of a finished run (its --output): a path or an s3:// URL; also after --in
    #[arg(value_name = "DIR")]
    pub(crate) run: Option<String>,

    /// Results of pomona run: a path or an s3:// URL
    // The setting of the look-ups; DIR is stronger.
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) results: Option<String>,

    #[command(flatten)]
    pub(crate) language: LanguageArguments,

    /// File to write: a path, an s3:// URL, or - for standard output [default: report.html in the
    /// folder of the run]
    // Not `output`, which is the folder of a run and a setting of it.
    #[arg(
        id = "report_output",
        short = 'o',
        long = "output",
        value_name = "FILE"
    )]
    pub(crate) file: Option<String>,
}

/// Report options of `pomona run`.
#[derive(Debug, Args)]
pub(crate) struct RunReportArguments {
    #[command(flatten)]
    pub(crate) language: LanguageArguments,

    /// Do not write report.html
    #[arg(long)]
    pub(crate) no_report: bool,
}

impl RunReportArguments {
    /// The language of the report; `None` for no report.
    pub(crate) fn wanted(&self) -> Option<Language> {
        (!self.no_report).then(|| self.language.lang.into())
    }
}

#[derive(Debug, Args)]
pub(crate) struct LanguageArguments {
    /// Language of the report
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t = Lang::En)]
    pub(crate) lang: Lang,
}

/// The values of `--lang`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// English
    En,
    /// French
    Fr,
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::En => Self::English,
            Lang::Fr => Self::French,
        }
    }
}

/// Runs the subcommand.
pub(crate) async fn main(arguments: ReportArguments, is_quiet: bool) -> Result<ExitCode> {
    let ctx = open(&arguments.session).await?.ctx;
    let run = arguments.run.or(arguments.results);
    let run = run.ok_or_else(|| {
        UsageError("no run is named: pass its folder, pomona report DIR or --in DIR".to_string())
    })?;
    let location = Location::parse(&run)?;
    let html = report_html(&ctx, &location, arguments.language.lang.into()).await?;
    let file = match arguments.file.as_deref() {
        Some("-") => {
            stdout().write_all(html.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(file) => {
            let (folder, name) = split(file);
            write_report(&ctx, &Location::parse(folder)?, name, html).await?;
            file.to_string()
        }
        None => {
            replace_report(&ctx, &location, html).await?;
            format!("{}/{REPORT}", run.trim_end_matches('/'))
        }
    };
    if !is_quiet {
        note!("wrote {file}");
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder of a file, as it is written, and the file's name.
fn split(file: &str) -> (&str, &str) {
    match file.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => (".", file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_folder() {
        assert_eq!(split("a.html"), (".", "a.html"));
        assert_eq!(split("/a.html"), ("/", "a.html"));
        assert_eq!(split("b/c/a.html"), ("b/c", "a.html"));
        assert_eq!(split("s3://b/c/a.html"), ("s3://b/c", "a.html"));
    }
}
