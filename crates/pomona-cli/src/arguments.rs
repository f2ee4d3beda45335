//! Command-line arguments.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::MaxRows;
use pomona_functions::FEATURE_LEN;
use pomona_images::AllowedHosts;
use pomona_pca::Components;
use pomona_results::Formats;

use crate::bytes::parse_bytes;
use crate::cluster::{ExecutorArguments, JobsArguments, SchedulerArguments, UiArguments};
use crate::cluster_arguments::ClusterArguments;
use crate::color::When;
use crate::decode_arguments::DecodeArguments;
use crate::demo::DemoArguments;
use crate::estimate::EstimateArguments;
use crate::format::FormatParser;
use crate::logging::LogFormat;
use crate::lookup::{OutliersArguments, SimilarArguments, SuspectsArguments};
use crate::network_arguments::NetworkArguments;
use crate::pack::PackArguments;
use crate::progress::Shown;
use crate::verify::VerifyArguments;
use crate::weights::WeightsArguments;

/// Default of `--checkpoint`.
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
    /// Run the whole pipeline offline, on drawn images of fruit
    Demo(DemoArguments),
    /// Estimate the time and cost of a run from a sample of images
    Estimate(EstimateArguments),
    /// Pack images into tar or Parquet files, which take a hundredth of the requests
    Pack(PackArguments),
    /// Compare results with those of another run, or of Spark and Keras
    Verify(VerifyArguments),
    /// Show the images of a run most similar to an image
    Similar(SimilarArguments),
    /// Show the images of a run that its principal components describe worst
    Outliers(OutliersArguments),
    /// Show the images of a run whose nearest neighbours have another label
    Suspects(SuspectsArguments),
    /// Write the report of a finished run: one page of HTML, with charts and images
    Report(ReportArguments),
    /// Run the scheduler of a cluster
    Scheduler(SchedulerArguments),
    /// Run an executor of a cluster
    Executor(ExecutorArguments),
    /// List, show and cancel the jobs of a cluster
    Jobs(JobsArguments),
    /// Show the pages of a scheduler in the browser: its jobs, stages and executors
    Ui(UiArguments),
    /// Show, fetch, inspect and convert weights
    Weights(WeightsArguments),
    /// Show the settings
    Config(ConfigArguments),
    /// Print a completion script for a shell
    Completions {
        /// Name of the shell
        shell: Shell,
    },
    /// Print the manual page of pomona or of a command
    Man {
        /// Command of pomona [default: the program itself]
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

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct GeneralArguments {
    /// Read the project's settings from this file instead of the nearest pomona.toml
    #[arg(long, global = true, value_name = "FILE", env = "POMONA_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Use of colour in the output
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    pub(crate) color: When,

    /// Progress output: a bar on a terminal and JSON lines elsewhere (auto), a bar on any terminal
    /// (on), or none (off)
    #[arg(long, global = true, value_name = "HOW", value_enum, default_value_t = Shown::Auto)]
    pub(crate) progress: Shown,

    /// Format of log lines; RUST_LOG selects them
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,

    /// Print only results and errors: no progress, no banner, no counts
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
    /// Print the settings in effect, as a pomona.toml
    Show {
        /// Print the origin of each setting
        #[arg(long)]
        origin: bool,
    },
}

/// Options of every command that computes.
#[derive(Debug, Clone, Args)]
pub(crate) struct SessionArguments {
    #[command(flatten)]
    pub(crate) network: NetworkArguments,

    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,

    /// Memory limit of queries, such as 10g [default: no limit]
    #[arg(short, long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) memory_limit: Option<usize>,

    /// Partitions to compute in parallel, up to 1024 [default: the number of cores]
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

    /// Format of the results
    #[arg(long, value_parser = FormatParser, default_value = "automatic")]
    pub(crate) format: PrintFormat,

    /// Most rows of a printed table: a number, or inf
    #[arg(long, default_value = "40")]
    pub(crate) maxrows: MaxRows,

    /// Batch size of queries
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

    /// Images: a folder, a glob in quotes such as 'photos/*.jpg', a file, shards, or a file that lists
    /// images (manifest.json of an S3 Inventory, CSV); a path or an s3:// URL
    #[arg(short, long, value_name = "IMAGES")]
    pub(crate) input: String,

    /// Column of the paths, where --input is a CSV or Parquet file that lists images [default: path or
    /// url of a CSV file]
    #[arg(id = "run_path_column", long = "path-column", value_name = "NAME")]
    pub(crate) path_column: Option<String>,

    /// Folder of the results: a path or an s3:// URL
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: String,

    /// Keep this many principal components (50), or enough to explain this share of the variance
    /// (0.95) [default: 50, or the number of images if that is less]
    #[arg(short = 'k', long, value_name = "K", value_parser = parse_components)]
    pub(crate) components: Option<Components>,

    /// Use only images that meet this SQL condition, such as "label LIKE 'Apple%'"
    #[arg(long, value_name = "CONDITION")]
    pub(crate) filter: Option<String>,

    /// Use at most this many images, in the order of their paths
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,

    /// Recompute everything; without this, only images that have no features in the output are
    /// computed
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Remove the rows of images that are no longer in the input or no longer meet the filter
    #[arg(long)]
    pub(crate) prune: bool,

    /// Images between checkpoints: the most that a crash makes a later run compute again
    #[arg(long, value_name = "N", default_value_t = CHECKPOINT, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) checkpoint: u32,

    /// Write features, metadata and projection as parquet, csv or parquet,csv [default: parquet, and
    /// csv for all but the features]
    #[arg(id = "formats", long = "format", value_name = "FORMATS", value_parser = Formats::from_str)]
    pub(crate) format: Option<Formats>,

    /// Target size of feature files: each has half to twice this size, the last one may have less
    #[arg(long, value_name = "BYTES", default_value = "128m", value_parser = parse_bytes)]
    pub(crate) file_size: usize,

    /// Break the lock of another run on the output; use it only if that run is known to be gone
    #[arg(long)]
    pub(crate) force_unlock: bool,

    /// Exit with code 3 if more than this share of images, from 0 to 1, is bad
    #[arg(long, value_name = "RATE", default_value_t = 0.01, value_parser = parse_rate)]
    pub(crate) max_error_rate: f64,

    /// Print at the end how long each stage took, and its share of the run
    #[arg(long)]
    pub(crate) timings: bool,

    /// Hosts, buckets and folders that a file of URLs may name, such as 'images.example.com,
    /// s3://photos' [default: *, every public host and every bucket]
    #[arg(long, value_name = "HOSTS", value_parser = parse_url_hosts)]
    pub(crate) url_hosts: Option<String>,

    /// Show the run in the browser, on this port of this machine [default: no page; a free port if none
    /// is given]
    #[arg(id = "run_ui", long = "ui", value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    pub(crate) ui: Option<u16>,

    /// Write the numbers of the run to this file, as OpenMetrics text
    #[arg(long, value_name = "FILE")]
    pub(crate) metrics_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) decode: DecodeArguments,

    #[command(flatten)]
    pub(crate) report: RunReportArguments,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number from 0 to 1".to_string()),
    }
}

fn parse_url_hosts(text: &str) -> Result<String, String> {
    match AllowedHosts::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn parse_components(text: &str) -> Result<Components, String> {
    let components = Components::from_str(text).map_err(|error| error.to_string())?;
    match components {
        Components::Count(count) if count > FEATURE_LEN => Err(format!(
            "there are at most {FEATURE_LEN}, as many as features; 'at most {count}' keeps as many as possible"
        )),
        components => Ok(components),
    }
}
