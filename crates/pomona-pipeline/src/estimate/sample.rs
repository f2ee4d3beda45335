//! Some images, taken through the real path and timed.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::datasource::MemTable;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::SessionContext;
use serde::Serialize;

use pomona_images::ImageScanExec;
use pomona_results::Listing;

use crate::PipelineError;

/// Images that are taken.
const SAMPLE: u64 = 64;

/// Passes over them, of which the fastest counts: what a machine does besides only slows it.
const PASSES: usize = 3;

/// What a sample of images took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample {
    /// Images in it.
    pub images: u64,
    /// Those that cannot be decoded.
    pub bad: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Seconds to read all of them, many requests in flight.
    pub fetch_seconds: f64,
    /// Seconds from a request to its last byte: their mean.
    pub latency_seconds: f64,
    /// Seconds of a core to decode one.
    pub decode_seconds_image: f64,
    /// Seconds of a core to decode and resize one and to take it through the network.
    pub core_seconds_image: f64,
    /// Images a second, from storage to features, on all cores here.
    pub images_per_second: f64,
    /// Seconds of a core for what follows the features of one: its moments.
    pub moments_seconds_image: f64,
    /// Seconds to solve moments for components.
    pub solve_seconds: f64,
}

impl Sample {
    /// Takes images evenly from a listing, which is not empty.
    pub(super) async fn take(
        ctx: &SessionContext,
        listing: &Listing,
    ) -> Result<Self, PipelineError> {
        let rows = listing.rows_at(&positions(listing.len()))?;
        let images = Arc::new(listing.place().table(rows));
        ctx.deregister_table("selected_images")?;
        ctx.register_table("selected_images", images)?;

        let start = Instant::now();
        let frame = ctx.sql("SELECT content FROM selected_images").await?;
        let plan = frame.create_physical_plan().await?;
        let batches = collect(Arc::clone(&plan), ctx.task_ctx()).await?;
        let fetch_seconds = start.elapsed().as_secs_f64();
        let latency_seconds = latency_seconds(&plan);
        let images: usize = batches.iter().map(|batch| batch.num_rows()).sum();
        let bytes = batches
            .iter()
            .flat_map(|batch| batch.column(0).as_binary::<i32>().iter().flatten())
            .map(|file| file.len() as u64)
            .sum();
        // One batch is one core's work.
        let batch = arrow::compute::concat_batches(&batches[0].schema(), &batches)
            .map_err(datafusion::error::DataFusionError::from)?;
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        ctx.register_table("sample", Arc::new(table))?;

        let decode = "SELECT count(image_error(content)) FROM sample";
        let (decode_seconds, bad) = fastest(ctx, decode).await?;
        // The first call loads the network.
        let network = "SELECT count(try_mobilenet_v2(content)) FROM sample";
        count(ctx, network).await?;
        let (core_seconds, _) = fastest(ctx, network).await?;
        let all = "SELECT count(try_mobilenet_v2(content)) FROM selected_images";
        let (all_seconds, _) = fastest(ctx, all).await?;
        let (moments_seconds, solve_seconds) = pca(ctx).await?;
        let each = |seconds: f64| seconds / images as f64;
        Ok(Self {
            images: images as u64,
            bad,
            bytes,
            fetch_seconds,
            latency_seconds,
            decode_seconds_image: each(decode_seconds),
            core_seconds_image: each(core_seconds),
            images_per_second: images as f64 / all_seconds,
            moments_seconds_image: each(moments_seconds),
            solve_seconds,
        })
    }
}

/// The seconds of a request of a plan that has read images.
fn latency_seconds(plan: &Arc<dyn ExecutionPlan>) -> f64 {
    let mut scans: Vec<_> = vec![plan];
    while let Some(plan) = scans.pop() {
        if !plan.is::<ImageScanExec>() {
            scans.extend(plan.children());
            continue;
        }
        let metrics = plan.metrics().unwrap_or_default();
        let sum = |name: &str| metrics.sum_by_name(name).map_or(0, |sum| sum.as_usize());
        return sum("fetch_time") as f64 / 1e9 / sum("requests").max(1) as f64;
    }
    0.0
}

/// Positions spread evenly over a listing, each in the middle of its share.
fn positions(len: u64) -> Vec<u64> {
    let count = len.min(SAMPLE);
    (0..count)
        .map(|i| (2 * i + 1) * len / (2 * count))
        .collect()
}

/// Seconds of the moments of the sample, and of their solution; nothing where all rows are the
/// same or there is one.
async fn pca(ctx: &SessionContext) -> Result<(f64, f64), PipelineError> {
    let features =
        "CREATE TABLE sample_features AS SELECT try_mobilenet_v2(content) AS features FROM sample";
    ctx.sql(features).await?.collect().await?;
    let start = Instant::now();
    let moments = "CREATE TABLE sample_moments AS SELECT pca_moments(features) AS moments FROM sample_features";
    ctx.sql(moments).await?.collect().await?;
    let moments = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let solve = "SELECT pca_solve(moments, 1) FROM sample_moments";
    let solved = ctx.sql(solve).await?.collect().await;
    let solve = start.elapsed().as_secs_f64();
    Ok((moments, if solved.is_ok() { solve } else { 0.0 }))
}

/// The seconds of the fastest of several passes, and what they count.
async fn fastest(ctx: &SessionContext, sql: &str) -> Result<(f64, u64), PipelineError> {
    let mut best = f64::INFINITY;
    let mut counted = 0;
    for _ in 0..PASSES {
        let start = Instant::now();
        counted = count(ctx, sql).await?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok((best, counted))
}

async fn count(ctx: &SessionContext, sql: &str) -> Result<u64, PipelineError> {
    let batches = ctx.sql(sql).await?.collect().await?;
    let counts = batches[0].column(0).as_primitive::<Int64Type>();
    Ok(counts.value(0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_even_and_within() {
        assert_eq!(positions(1), [0]);
        assert_eq!(positions(3), [0, 1, 2]);
        let positions = positions(6400);
        assert_eq!(positions.len(), 64);
        assert_eq!((positions[0], positions[63]), (50, 6350));
        assert!(positions.windows(2).all(|pair| pair[1] - pair[0] == 100));
    }
}
