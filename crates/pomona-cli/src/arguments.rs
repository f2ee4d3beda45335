//! What people type.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::MaxRows;
use pomona_pca::Components;
use pomona_results::Formats;

use crate::bytes::parse_bytes;
use crate::cluster::{ExecutorArguments, JobsArguments, SchedulerArguments};
use crate::cluster_arguments::ClusterArguments;
use crate::color::When;
use crate::demo::DemoArguments;
use crate::estimate::EstimateArguments;
use crate::format::FormatParser;
use crate::logging::LogFormat;
use crate::lookup::{OutliersArguments, SimilarArguments, SuspectsArguments};
use crate::progress::Shown;
use crate::verify::VerifyArguments;
use crate::weights::WeightsArguments;

/// Images between checkpoints, unless another number is given.
pub(crate) const CHECKPOINT: u32 = 8192;
use crate::report::{ReportArguments, RunReportArguments};

/// Image features in SQL: folders of images in, MobileNetV2 features and PCA out
#[derive(Debug, Parser)]
#[command(
    name = "pomona",
    version,
    propagate_version = true,
    after_help = "Every option that is a setting can also be given in pomona.toml or in the environment, \
                  as POMONA_COMMAND_OPTION: see pomona config show --origin"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) general: GeneralArguments,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run SQL: a shell, or the commands given with -c or -f
    Sql(SqlArguments),
    /// Run the whole pipeline: features, metadata, errors, PCA
    Run(RunArguments),
    /// Try the whole pipeline on fruit that is drawn for it, offline
    Demo(DemoArguments),
    /// Tell what a run will take and cost, from a sample of the images
    Estimate(EstimateArguments),
    /// Compare results with those of another run, or of Spark and Keras
    Verify(VerifyArguments),
    /// Show the images of a run that are most like one
    Similar(SimilarArguments),
    /// Show the images of a run that its principal components describe worst
    Outliers(OutliersArguments),
    /// Show the images of a run whose label is not that of their neighbours
    Suspects(SuspectsArguments),
    /// Write the report of a finished run: one page of HTML, with charts and images
    Report(ReportArguments),
    /// Run the scheduler of a cluster
    Scheduler(SchedulerArguments),
    /// Run an executor of a cluster
    Executor(ExecutorArguments),
    /// List, show and cancel the jobs of a cluster
    Jobs(JobsArguments),
    /// Show, fetch, inspect and convert weights
    Weights(WeightsArguments),
    /// Tell the settings
    Config(ConfigArguments),
    /// Print a script that completes pomona's commands and options in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a manual page, of pomona or of one of its commands
    Man {
        /// The command
        command: Option<String>,
    },
}

impl Command {
    /// Whether its queries run on a cluster.
    pub(crate) fn is_on_cluster(&self) -> bool {
        let session = match self {
            Self::Sql(asked) => &asked.session,
            Self::Run(asked) => &asked.session,
            Self::Estimate(asked) => &asked.session,
            Self::Verify(asked) => &asked.session,
            Self::Similar(asked) => &asked.session,
            Self::Outliers(asked) => &asked.session,
            Self::Suspects(asked) => &asked.session,
            Self::Report(asked) => &asked.session,
            _ => return false,
        };
        session.cluster.is_cluster()
    }
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct GeneralArguments {
    /// Take the project's settings from this file, not from the nearest pomona.toml
    #[arg(long, global = true, value_name = "FILE", env = "POMONA_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// When to print in colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    pub(crate) color: When,

    /// How to tell the progress of a run: a bar on a terminal and lines of JSON elsewhere (auto),
    /// a bar on terminals of every kind (on), or not at all (off)
    #[arg(long, global = true, value_name = "HOW", value_enum, default_value_t = Shown::Auto)]
    pub(crate) progress: Shown,

    /// The form of log lines, which RUST_LOG chooses
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,

    /// Print results and errors alone: no progress, no banner, no counts
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the effective settings, as a pomona.toml that gives them
    Show {
        /// Tell where each comes from
        #[arg(long)]
        origin: bool,
    },
}

/// What every command that computes takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct SessionArguments {
    /// The network's weights: imagenet (fetched once from the Hugging Face Hub), fruits (inside the
    /// program), or the path or URL of a MobileNetV2 safetensors file [default: imagenet]
    #[arg(long, value_name = "FILE", env = "POMONA_WEIGHTS")]
    pub(crate) weights: Option<String>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,

    /// The memory that queries may hold, such as 10g [default: no limit]
    #[arg(short, long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) memory_limit: Option<usize>,

    /// Partitions computed at the same time, up to 1024 [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) partitions: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct SqlArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,

    /// Execute the given command string(s), then exit
    #[arg(short, long, value_name = "SQL", num_args = 1..)]
    pub(crate) command: Vec<String>,

    /// Execute commands from file(s), then exit
    #[arg(short, long, value_name = "FILE", num_args = 1..)]
    pub(crate) file: Vec<PathBuf>,

    /// Run the provided files on startup instead of ~/.pomonarc
    #[arg(short, long, value_name = "FILE", num_args = 1.., conflicts_with = "file")]
    pub(crate) rc: Option<Vec<PathBuf>>,

    /// The form of results
    #[arg(long, value_parser = FormatParser, default_value = "automatic")]
    pub(crate) format: PrintFormat,

    /// The largest number of rows of a table: a number, or inf
    #[arg(long, default_value = "40")]
    pub(crate) maxrows: MaxRows,

    /// The batch size of each query
    #[arg(short, long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch_size: Option<u32>,
}

impl SqlArguments {
    /// Whether a person types statements at a terminal.
    pub(crate) fn is_interactive(&self) -> bool {
        self.command.is_empty() && self.file.is_empty() && io::stdin().is_terminal()
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,

    /// The folder of images: a path or an s3:// URL
    #[arg(short, long, value_name = "DIR")]
    pub(crate) input: String,

    /// Where the results go: a path or an s3:// URL
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: String,

    /// Keep this many principal components (50), or as many as explain this share of the variance (0.95)
    /// [default: 50, or as many as there are images]
    #[arg(short = 'k', long, value_name = "K", value_parser = parse_components)]
    pub(crate) components: Option<Components>,

    /// Take the images for which this SQL condition holds: "label LIKE 'Apple%'"
    #[arg(long, value_name = "CONDITION")]
    pub(crate) filter: Option<String>,

    /// Take this many images at most, in the order of their paths
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,

    /// Start from nothing, whatever the output holds; otherwise images that have features there
    /// are not computed again
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Drop the rows of images that are no longer in the input, under the filter
    #[arg(long)]
    pub(crate) prune: bool,

    /// How many images at most are computed again after a crash
    #[arg(long, value_name = "N", default_value_t = CHECKPOINT, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) checkpoint: u32,

    /// Write features, metadata and projection as parquet, csv or parquet,csv [default: Parquet, and
    /// CSV of all but the features]
    #[arg(id = "formats", long = "format", value_name = "FORMATS", value_parser = Formats::from_str)]
    pub(crate) format: Option<Formats>,

    /// The size that files of features aim at: they have from half of it to twice it, the last one
    /// less
    #[arg(long, value_name = "BYTES", default_value = "128m", value_parser = parse_bytes)]
    pub(crate) file_size: usize,

    /// Take the output from another run that holds it: only where that run is known to be gone
    #[arg(long)]
    pub(crate) force_unlock: bool,

    /// The share of bad images, from 0 to 1, above which the exit code is 3
    #[arg(long, value_name = "RATE", default_value_t = 0.01, value_parser = parse_rate)]
    pub(crate) max_error_rate: f64,

    #[command(flatten)]
    pub(crate) report: RunReportArguments,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number from 0 to 1".to_string()),
    }
}

fn parse_components(text: &str) -> Result<Components, String> {
    Components::from_str(text).map_err(|error| error.to_string())
}
