//! `pomona verify`: compares results with those of another run or program.

mod integrity;

use std::process::ExitCode;

use anyhow::Result;
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use clap::Args;
use datafusion_cli::print_format::PrintFormat;
use pomona_analysis::{ColumnNames, Verification, VerifyOptions};

use crate::arguments::{GeneralArguments, SessionArguments};
use crate::format::FormatParser;
use crate::lookup::{By, print, show_sql};
use crate::session::{Session, open};
use crate::terminal::note;

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,

    /// Results to check: those of pomona run, or a folder of Parquet files
    #[arg(value_name = "DIR")]
    pub(crate) dir: String,

    /// Results to compare with: those of pomona run, or Parquet files (a folder or one file) that
    /// Spark, Keras or another program wrote
    #[arg(long, value_name = "DIR", required_unless_present = "integrity")]
    pub(crate) against: Option<String>,

    /// Compare every file of the run with the length and the sha256 in manifest.json
    #[arg(long)]
    pub(crate) integrity: bool,

    /// Columns to compare [default: those that both have]
    #[arg(
        long = "column",
        value_name = "COLUMN",
        value_enum,
        value_delimiter = ','
    )]
    pub(crate) columns: Vec<By>,

    /// Largest difference of features that counts as equal
    #[arg(long, value_name = "X", default_value = "1e-4", value_parser = parse_tolerance)]
    pub(crate) tolerance: f64,

    /// Largest difference of principal components that counts as equal
    #[arg(long, value_name = "X", default_value = "1e-3", value_parser = parse_tolerance)]
    pub(crate) pca_tolerance: f64,

    /// Column of --against with the paths
    #[arg(long, value_name = "NAME")]
    pub(crate) path_column: Option<String>,

    /// Column of --against with the features
    #[arg(long, value_name = "NAME")]
    pub(crate) features_column: Option<String>,

    /// Column of --against with the principal components
    #[arg(long, value_name = "NAME")]
    pub(crate) pca_column: Option<String>,

    /// Number of path parts, from the end, by which images are matched
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) path_parts: u32,

    /// Allow images that one side lacks or has several times
    #[arg(long)]
    pub(crate) allow_missing: bool,

    /// Format of the results
    #[arg(id = "verify_format", long = "format", value_name = "FORMAT", value_parser = FormatParser, default_value = "automatic")]
    pub(crate) format: PrintFormat,

    /// Print the SQL, for pomona sql, and run nothing
    #[arg(long)]
    pub(crate) show_sql: bool,
}

/// Runs the subcommand: exit code 0 where all is equal and as it was published, 1 where it is not.
pub(crate) async fn main(
    arguments: VerifyArguments,
    general: &GeneralArguments,
) -> Result<ExitCode> {
    let Session { ctx, .. } = open(&arguments.session).await?;
    let is_intact = !arguments.integrity || integrity::is_intact(&ctx, &arguments, general).await?;
    let Some(against) = arguments.against else {
        return Ok(ExitCode::from(u8::from(!is_intact)));
    };
    let options = VerifyOptions {
        here: arguments.dir,
        against,
        names: ColumnNames {
            path: arguments.path_column,
            features: arguments.features_column,
            pca: arguments.pca_column,
        },
        columns: arguments.columns.into_iter().map(Into::into).collect(),
        tolerance: arguments.tolerance,
        pca_tolerance: arguments.pca_tolerance,
        path_parts: arguments.path_parts,
        allow_missing: arguments.allow_missing,
    };
    let verification = Verification::prepare(&ctx, &options).await?;
    if arguments.show_sql {
        show_sql(verification.lookup())?;
        return Ok(ExitCode::SUCCESS);
    }
    let frame = verification.lookup().query(&ctx).await?;
    let rows = print(&ctx, frame, arguments.format).await?;
    if !general.quiet {
        for remark in verification.remarks() {
            note!("{remark}");
        }
        for line in verification.explain(&ctx).await? {
            note!("{line}");
        }
    }
    Ok(ExitCode::from(u8::from(!is_intact || !all_equal(&rows)?)))
}

/// Whether every verdict is `equal`.
fn all_equal(rows: &[RecordBatch]) -> Result<bool> {
    for batch in rows {
        let verdicts = batch.column_by_name("verdict");
        let verdicts = verdicts.expect("verify.sql returns a verdict");
        let verdicts = cast(verdicts, &DataType::Utf8)?;
        let mut verdicts = verdicts.as_string::<i32>().iter();
        if verdicts.any(|verdict| verdict != Some("equal")) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn parse_tolerance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(tolerance) if tolerance.is_finite() && tolerance >= 0.0 => Ok(tolerance),
        _ => Err("a tolerance is a number from 0".to_string()),
    }
}
