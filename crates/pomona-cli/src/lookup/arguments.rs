//! What people type to ask results.

use clap::{Args, ValueEnum};
use datafusion_cli::print_format::PrintFormat;
use pomona_analysis::Vectors;

use crate::arguments::SessionArguments;
use crate::format::FormatParser;

/// What every look-up takes.
#[derive(Debug, Args)]
pub(crate) struct ResultsArguments {
    /// The results of pomona run: a path or an s3:// URL
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) results: String,
}

// The forms and the numbers of rows have identifiers of their own, because settings of the same
// identifier are one setting.

#[derive(Debug, Args)]
pub(crate) struct SimilarArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,

    #[command(flatten)]
    pub(crate) results: ResultsArguments,

    /// An image of the results, by its URL, its path or the last parts of its path, or any other
    /// image file or URL
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,

    /// How many images to show
    #[arg(id = "similar_count", short = 'n', long = "count", value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,

    /// What to compare
    #[arg(
        id = "similar_by",
        long = "by",
        value_name = "COLUMN",
        value_enum,
        default_value = "features"
    )]
    pub(crate) by: By,

    /// The form of results
    #[arg(id = "similar_format", long = "format", value_name = "FORMAT", value_parser = FormatParser, default_value = "automatic")]
    pub(crate) format: PrintFormat,

    /// Print the SQL, which pomona sql runs as it is, and run nothing
    #[arg(long)]
    pub(crate) show_sql: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OutliersArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,

    #[command(flatten)]
    pub(crate) results: ResultsArguments,

    /// How many images to show
    #[arg(id = "outliers_count", short = 'n', long = "count", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,

    /// The form of results
    #[arg(id = "outliers_format", long = "format", value_name = "FORMAT", value_parser = FormatParser, default_value = "automatic")]
    pub(crate) format: PrintFormat,

    /// Print the SQL, which pomona sql runs as it is, and run nothing
    #[arg(long)]
    pub(crate) show_sql: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SuspectsArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,

    #[command(flatten)]
    pub(crate) results: ResultsArguments,

    /// How many images to show
    #[arg(id = "suspects_count", short = 'n', long = "count", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,

    /// How many of the nearest other images vote on a label
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) neighbours: u64,

    /// What to compare
    #[arg(
        id = "suspects_by",
        long = "by",
        value_name = "COLUMN",
        value_enum,
        default_value = "pca"
    )]
    pub(crate) by: By,

    /// The form of results
    #[arg(id = "suspects_format", long = "format", value_name = "FORMAT", value_parser = FormatParser, default_value = "automatic")]
    pub(crate) format: PrintFormat,

    /// Print the SQL, which pomona sql runs as it is, and run nothing
    #[arg(long)]
    pub(crate) show_sql: bool,
}

/// The columns of vectors in results.
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
