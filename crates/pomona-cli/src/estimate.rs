//! `pomona estimate`: the time, memory and cost of a run, before it starts.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use pomona_mobilenet::network::Weights;
use pomona_pipeline::estimate::{Estimate, EstimateOptions, Fetching, Memory, Prices};
use tempfile::TempDir;

use crate::arguments::SessionArguments;
use crate::session::open;
use crate::terminal::stdout;

const GIB: f64 = (1_u64 << 30) as f64;

/// Arguments of `pomona estimate`. Options that `pomona run` has too have identifiers of their own,
/// because options with the same identifier are one setting.
#[derive(Debug, Args)]
pub(crate) struct EstimateArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,

    /// Images: a folder, a glob in quotes such as 'photos/*.jpg', a file, shards, or a file that lists
    /// images (manifest.json of an S3 Inventory, CSV); a path or an s3:// URL
    #[arg(
        id = "estimate_input",
        short = 'i',
        long = "input",
        value_name = "IMAGES"
    )]
    input: String,

    /// Column of the paths, where --input is a CSV or Parquet file that lists images
    #[arg(id = "estimate_path_column", long = "path-column", value_name = "NAME")]
    path_column: Option<String>,

    /// Use only images that meet this SQL condition, such as "label LIKE 'Apple%'"
    #[arg(id = "estimate_filter", long = "filter", value_name = "CONDITION")]
    filter: Option<String>,

    /// Use at most this many images, in the order of their paths
    #[arg(id = "estimate_limit", long = "limit", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Number of principal components
    #[arg(id = "estimate_components", short = 'k', long = "components", value_name = "K", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1280))]
    components: u64,

    /// Number of nodes that compute
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    nodes: u32,

    /// Instance type of the nodes, from the table of prices [default: the table's default_type]
    #[arg(long = "type", value_name = "INSTANCE")]
    node_type: Option<String>,

    /// Table of prices, as deploy/prices.toml, instead of the built-in one
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,

    /// Exit with code 1 if the cluster would cost more than this, in euros
    #[arg(long, value_name = "EUR", value_parser = parse_cost)]
    max_cost: Option<f64>,

    /// Format of the estimate
    #[arg(id = "estimate_format", long = "format", value_name = "FORMAT", value_enum, default_value_t = Form::Table)]
    format: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A table
    Table,
    /// JSON: every figure, with the figures that it was computed from
    Json,
}

/// Runs the subcommand.
pub(crate) async fn main(mut arguments: EstimateArguments) -> Result<ExitCode> {
    let prices = match &arguments.prices {
        Some(file) => Prices::read(file)?,
        None => Prices::built_in()?,
    };
    // The speed of a network does not depend on the values of its weights.
    let random = match arguments.session.network.weights {
        Some(_) => None,
        None => Some(random_weights()?),
    };
    if let Some(folder) = &random {
        let file = folder.path().join(RANDOM_WEIGHTS);
        arguments.session.network.weights = Some(file.to_string_lossy().into_owned());
    }
    let ctx = open(&arguments.session).await?.ctx;
    let options = EstimateOptions {
        input: arguments.input,
        path_column: arguments.path_column,
        filter: arguments.filter,
        limit: arguments.limit,
        checkpoint: u64::from(crate::arguments::CHECKPOINT),
        components: arguments.components,
        nodes: arguments.nodes,
        node_type: arguments.node_type,
    };
    let estimate = Estimate::make(&ctx, &options, &prices).await?;
    match arguments.format {
        Form::Json => writeln!(stdout(), "{}", serde_json::to_string_pretty(&estimate)?)?,
        Form::Table => write!(stdout(), "{}", table(&estimate, random.is_some()))?,
    }
    let cost = estimate.cluster.cost.total_eur;
    if let Some(most) = arguments.max_cost
        && cost > most
    {
        bail!("the estimate of {cost:.2} EUR is above --max-cost {most:.2}");
    }
    Ok(ExitCode::SUCCESS)
}

const RANDOM_WEIGHTS: &str = "random.safetensors";

fn random_weights() -> Result<TempDir> {
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    Weights::random(1.0, 7)?.save(folder.path().join(RANDOM_WEIGHTS))?;
    Ok(folder)
}

fn table(estimate: &Estimate, is_random: bool) -> String {
    let Estimate {
        sample,
        here,
        cluster,
        requests,
        ..
    } = estimate;
    let cost = &cluster.cost;
    let eur = |usd: f64| usd / estimate.exchange.usd_per_eur;
    let milli = |seconds: f64| format!("{:.2} ms", 1000.0 * seconds);
    let mut lines = vec![
        ("images", format!("{}", estimate.images)),
        ("bytes", size(estimate.bytes)),
        ("listed in", format!("{:.2} s", estimate.list_seconds)),
        (
            "sample",
            match sample.bad {
                0 => format!("{} images, evenly spread", sample.images),
                bad => format!("{} images, evenly spread, {bad} of them bad", sample.images),
            },
        ),
        (
            "  fetch",
            format!(
                "{:.2} s for all of it, {} a request",
                sample.fetch_seconds,
                milli(sample.latency_seconds)
            ),
        ),
        (
            "  decode",
            format!("{} an image and core", milli(sample.decode_seconds_image)),
        ),
        (
            "  with network",
            format!("{} an image and core", milli(sample.core_seconds_image)),
        ),
    ];
    if is_random {
        lines.push((
            "  weights",
            "random, since none are given: the speed is the same".to_string(),
        ));
    }
    lines.extend([
        (
            "here",
            format!(
                "{:.1} images/s a core, {:.1} images/s on {}",
                here.images_per_second_core,
                here.images_per_second,
                plural(here.cores, "core")
            ),
        ),
        ("  time", duration(here.minutes)),
        ("  fetch", fetching(&here.fetching)),
        ("  memory", memory(&here.memory)),
        (
            "cluster",
            format!(
                "{} {} of {} in all",
                plural(cluster.nodes, "node"),
                cluster.node_type,
                plural(cluster.cores, "core")
            ),
        ),
        ("  time", duration(cluster.minutes)),
        ("  fetch", format!("a node: {}", fetching(&cluster.fetching))),
        (
            "  memory",
            format!(
                "{} of {:.0} GiB a node",
                memory(&estimate.node_memory),
                cluster.node_memory_gib
            ),
        ),
        (
            "  requests",
            format!(
                "{} GET of images, {} again for the report, {} of results; {} LIST, {} PUT and COPY",
                requests.images, requests.reread, requests.results, requests.list, requests.put
            ),
        ),
        (
            "  EC2",
            format!(
                "{:.2} EUR for {}",
                eur(cost.ec2_usd),
                plural(cluster.paid_nodes, "node")
            ),
        ),
        ("  EMR", format!("{:.2} EUR", eur(cost.emr_usd))),
        (
            "  S3 requests",
            format!("{:.2} EUR", eur(cost.requests_usd)),
        ),
        (
            "  S3 storage",
            format!(
                "{:.2} EUR a month for {} at most",
                eur(cost.storage_usd_month),
                size(estimate.output_bytes)
            ),
        ),
        (
            "  total",
            format!("{:.2} EUR ({:.2} USD)", cost.total_eur, cost.total_usd),
        ),
    ]);
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in lines {
        text += &format!("{name:width$}  {value}\n");
    }
    if estimate.node_memory.total as f64 > cluster.node_memory_gib * GIB {
        text += "The memory of a node is less than a run needs: take a larger type, or --memory-limit.\n";
    }
    text += &format!(
        "Prices: {}, {}, {}, on demand, without VAT, disks and transfer; {} USD/EUR of {}. Check them.\n\
         A core there is taken to be as fast as one here, the second thread of a core to add nothing, and a request to take \
         as long as from here.\n",
        estimate.prices_source,
        estimate.prices_region,
        estimate.prices_date,
        estimate.exchange.usd_per_eur,
        estimate.exchange.date,
    );
    text
}

fn memory(memory: &Memory) -> String {
    format!("{:.1} GiB", memory.total as f64 / GIB)
}

fn fetching(fetching: &Fetching) -> String {
    let in_flight = fetching.in_flight.ceil();
    let rate = size(fetching.bytes_per_second as u64);
    let most = fetching.most_in_flight;
    match fetching.in_flight < most as f64 {
        true => format!("{in_flight} of {most} requests in flight, {rate} a second"),
        false => format!(
            "no more than {most} requests in flight: {:.0} images a second, fewer than are computed",
            fetching.images_per_second
        ),
    }
}

fn plural(count: u32, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

fn duration(minutes: f64) -> String {
    if minutes < 1.0 {
        format!("{:.0} s", (60.0 * minutes).ceil())
    } else {
        format!("{minutes:.1} min")
    }
}

fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    for (unit, exponent) in [("TB", 12), ("GB", 9), ("MB", 6), ("kB", 3)] {
        let unit_bytes = 10_f64.powi(exponent);
        if bytes >= unit_bytes {
            return format!("{:.1} {unit}", bytes / unit_bytes);
        }
    }
    format!("{bytes} bytes")
}

fn parse_cost(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(cost) if cost.is_finite() && cost >= 0.0 => Ok(cost),
        _ => Err("a cost is a number of euros, such as 5 or 0.50".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_readable() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_234_567), "1.2 MB");
        assert_eq!(duration(0.5), "30 s");
        assert_eq!(duration(61.25), "61.2 min");
        assert_eq!(plural(1, "core"), "1 core");
        assert_eq!(plural(2, "core"), "2 cores");
    }

    #[test]
    fn what_requests_in_flight_bound_is_said() {
        let few = Fetching {
            in_flight: 6.2,
            most_in_flight: 512,
            images_per_second: 124.0,
            bytes_per_second: 620_000.0,
        };
        assert_eq!(
            fetching(&few),
            "7 of 512 requests in flight, 620.0 kB a second"
        );
        let all = Fetching {
            in_flight: 512.0,
            ..few
        };
        assert!(fetching(&all).ends_with("124 images a second, fewer than are computed"));
    }

    #[test]
    fn a_cost_is_a_number_from_zero_on() {
        assert_eq!(parse_cost("0.5"), Ok(0.5));
        for text in ["-1", "5 EUR", "nan", "inf", ""] {
            assert!(parse_cost(text).is_err(), "{text}");
        }
    }
}
