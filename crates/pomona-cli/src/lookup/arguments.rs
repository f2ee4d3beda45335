//! Arguments of the commands that query results.

use clap::{Args, ValueEnum};
use datafusion_cli::print_format::PrintFormat;
use pomona_analysis::Vectors;

use crate::arguments::SessionArguments;
use crate::format::FormatParser;

/// Arguments of every look-up.
#[derive(Debug, Args)]
pub(crate) struct ResultsArguments {
    /// Results of pomona run: a path or an s3:// URL
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) results: String,
}

// `--format` and `--count` have an identifier for each command, because options with the same
// identifier are one setting.

#[derive(Debug, Args)]
pub(crate) struct SimilarArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,

    #[command(flatten)]
    pub(crate) results: ResultsArguments,

    /// Image of the results, by its URL, its path or the end of its path; or any image file or URL
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    /// Number of images to show
    #[arg(id = "similar_count", short = 'n', long = "count", value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,

    /// Vectors to compare
    #[arg(
        id = "similar_by",
        long = "by",
        value_name = "COLUMN",
        value_enum,
        default_value = "features"
    )]
    pub(crate) by: By,

    /// Format of the results
    #[arg(id = "similar_format", long = "format", value_name = "FORMAT", value_parser = FormatParser, default_value = "automatic")]
    pub(crate) format: PrintFormat,

    /// Print the SQL, for pomona sql, and run nothing
    #[arg(long)]
    pub(crate) show_sql: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OutliersArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,

    #[command(flatten)]
    pub(crate) results: ResultsArguments,

    /// Number of images to show
    #[arg(id = "outliers_count", short = 'n', long = "count", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,

    /// Format of the results
    #[arg(id = "outliers_format", long = "format", value_name = "FORMAT", value_parser = FormatParser, default_value = "automatic")]
    pub(crate) format: PrintFormat,

    /// Print the SQL, for pomona sql, and run nothing
    #[arg(long)]
    pub(crate) show_sql: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SuspectsArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,

    #[command(flatten)]
    pub(crate) results: ResultsArguments,

    /// Number of images to show
    #[arg(id = "suspects_count", short = 'n', long = "count", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,

    /// Number of nearest images that vote on the label of each image
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) neighbours: u64,

    /// Vectors to compare
    #[arg(
        id = "suspects_by",
        long = "by",
        value_name = "COLUMN",
        value_enum,
        default_value = "pca"
    )]
    pub(crate) by: By,

    /// Format of the results
    #[arg(id = "suspects_format", long = "format", value_name = "FORMAT", value_parser = FormatParser, default_value = "automatic")]
    pub(crate) format: PrintFormat,

    /// Print the SQL, for pomona sql, and run nothing
    #[arg(long)]
    pub(crate) show_sql: bool,
}

/// The vector columns of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// The network's features
    Features,
    /// Their principal components
    Pca,
}

impl From<By> for Vectors {
    fn from(by: By) -> Self {
        match by {
            By::Features => Self::Features,
            By::Pca => Self::Pca,
        }
    }
}
