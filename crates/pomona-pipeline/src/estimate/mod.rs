//! [`Estimate`]: what a run will take here and on a cluster, from a sample of its images.

mod cluster;
mod fetching;
mod memory;
mod prices;
mod requests;
mod sample;

use std::time::Instant;

use arrow::array::AsArray;
use datafusion::prelude::SessionContext;
use pomona_functions::{FEATURE_LEN, PomonaOptions, network};
use pomona_images::{ListRequests, ReadRequests, listed_object};
use pomona_results::Listing;
use pomona_session::{condition, weights_objects};
use serde::Serialize;

use crate::PipelineError;
use crate::scripts::{Selection, select_images};
use cluster::{Work, cluster};
use fetching::Fetch;

pub use cluster::{ClusterEstimate, Cost};
pub use fetching::Fetching;
pub use memory::Memory;
pub use prices::{ClusterPrices, Exchange, NodeType, Prices, S3Prices};
pub use requests::Requests;
pub use sample::Sample;

/// What an estimate is of.
#[derive(Debug, Clone)]
pub struct EstimateOptions {
    /// The folder of images: a path or a URL.
    pub input: String,
    /// The column of paths, where the input is a CSV or Parquet file that lists images.
    pub path_column: Option<String>,
    /// A condition on the images, in SQL.
    pub filter: Option<String>,
    /// The largest number of images.
    pub limit: Option<u64>,
    /// Images between checkpoints.
    pub checkpoint: u64,
    /// The components that are kept, which is what a row of the projection has.
    pub components: u64,
    /// Nodes of the cluster.
    pub nodes: u32,
    /// Their type; the table's default if `None`.
    pub node_type: Option<String>,
}

/// What a run will take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// Images that were listed.
    pub images: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Seconds that the listing took.
    pub list_seconds: f64,
    /// What was measured.
    pub sample: Sample,
    /// This machine.
    pub here: Here,
    /// The most that the results take, in bytes.
    pub output_bytes: u64,
    /// What a run with input and output in S3 asks of it.
    pub requests: Requests,
    /// The nodes that were asked for.
    pub cluster: ClusterEstimate,
    /// The memory of a process with the cores of such a node.
    pub node_memory: Memory,
    /// The date of the prices of the nodes.
    pub prices_date: String,
    /// Their region.
    pub prices_region: String,
    /// Their source.
    pub prices_source: String,
    /// The rate of exchange.
    pub exchange: Exchange,
}

/// What the run takes on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Here {
    /// Partitions that are computed at the same time.
    pub cores: u32,
    /// Images a second on one of them.
    pub images_per_second_core: f64,
    /// Images a second on all.
    pub images_per_second: f64,
    /// For the whole run.
    pub minutes: f64,
    /// What the process has to fetch for that.
    pub fetching: Fetching,
    /// The memory of the process.
    pub memory: Memory,
}

impl Estimate {
    /// Lists the images, takes some of them through the network, and reckons with the prices.
    ///
    /// # Errors
    /// When there are no weights, no images or no such type of node, and when all images of the
    /// sample are bad.
    pub async fn make(
        ctx: &SessionContext,
        options: &EstimateOptions,
        prices: &Prices,
    ) -> Result<Self, PipelineError> {
        let node = prices.node(options.node_type.as_deref())?;
        let pomona = PomonaOptions::of(ctx.state().config_options());
        let objects = weights_objects(&ctx.runtime_env());
        network(&pomona, &objects).map_err(datafusion::error::DataFusionError::from)?;
        let start = Instant::now();
        let listing = list(ctx, options).await?;
        let list_seconds = start.elapsed().as_secs_f64();
        let images = listing.len();
        if images == 0 {
            return Err(PipelineError::NoImages {
                input: options.input.clone(),
                filter: options.filter.clone(),
            });
        }
        let sample = Sample::take(ctx, &listing).await?;
        if sample.bad == sample.images {
            return Err(PipelineError::SampleBad {
                input: options.input.clone(),
                images: sample.images,
            });
        }

        let cores = ctx.state().config().target_partitions() as u32;
        let output_bytes = images * row_bytes(options.components);
        let (reads, list) = requests(&listing)?;
        let requests = Requests::of_run(images, options.checkpoint, reads, list);
        let fetch = Fetch {
            latency_seconds: sample.latency_seconds,
            requests: reads as f64 / images as f64,
            bytes: listing.bytes() as f64 / images as f64,
        };
        let work = Work {
            images,
            fetch,
            images_per_second_core: 1.0 / sample.core_seconds_image,
            serial_seconds: list_seconds + sample.solve_seconds,
            pca_seconds_image: sample.moments_seconds_image,
            output_bytes,
            requests,
        };
        let parallel = images as f64
            * (1.0 / sample.images_per_second + sample.moments_seconds_image / f64::from(cores));
        let memory = |cores, tasks| Memory::of(cores, tasks, &listing, options);
        Ok(Self {
            images,
            bytes: listing.bytes(),
            list_seconds,
            sample,
            here: Here {
                cores,
                images_per_second_core: work.images_per_second_core,
                images_per_second: sample.images_per_second,
                minutes: (work.serial_seconds + parallel) / 60.0,
                fetching: Fetching::of(fetch, sample.images_per_second),
                memory: memory(cores, 1),
            },
            output_bytes,
            requests,
            cluster: cluster(&work, prices, node, options.nodes),
            // One task computes, and one reads images meanwhile.
            node_memory: memory(node.1.cores, 2),
            prices_date: node.1.date.clone(),
            prices_region: node.1.region.clone(),
            prices_source: node.1.source.clone(),
            exchange: prices.exchange.clone(),
        })
    }
}

async fn list(ctx: &SessionContext, options: &EstimateOptions) -> Result<Listing, PipelineError> {
    if let Some(filter) = &options.filter {
        condition(filter)?;
    }
    let selection = Selection {
        input: &options.input,
        path_column: options.path_column.as_deref(),
        filter: options.filter.as_deref(),
        limit: options.limit,
    };
    select_images(ctx, &selection).await?;
    Ok(Listing::collect(ctx, &options.input).await?)
}

/// The requests that read the images of a listing, which is not empty, and those that list them.
fn requests(listing: &Listing) -> Result<(u64, u64), PipelineError> {
    let end = |position: u64| -> Result<String, PipelineError> {
        let row = listing.rows(position..position + 1)?;
        let text = |column: &str| {
            let column = row.column_by_name(column)?;
            column.as_string::<i32>().iter().next().flatten()
        };
        let path = text("path").unwrap_or_default();
        Ok(listed_object(path, text("e_tag")).to_string())
    };
    let (first, last) = (end(0)?, end(listing.len() - 1)?);
    // They are in order, so what the first and the last share, all share.
    let pairs = first.bytes().zip(last.bytes());
    let shared = pairs.take_while(|(a, b)| a == b).count();
    let folder = first.as_bytes()[..shared]
        .iter()
        .rposition(|&byte| byte == b'/');
    let start = folder.map_or(0, |slash| slash + 1);

    let mut reads = ReadRequests::default();
    let mut list = ListRequests::default();
    let mut object = String::new();
    listing.for_each(|path, e_tag, length| -> Result<(), PipelineError> {
        reads.add(path, e_tag, length);
        // The images of a shard follow one another.
        let next = listed_object(path, e_tag);
        if next != object {
            object = next.to_string();
            list.add(object.get(start..).unwrap_or_default());
        }
        Ok(())
    })?;
    Ok((reads.total(), list.total()))
}

/// The most that an image takes in the results: its features, its metadata twice and its projection
/// twice, once as text.
fn row_bytes(components: u64) -> u64 {
    4 * FEATURE_LEN as u64 + 16 * components + 5 * 256
}
