//! [`Memory`]: what a run holds at most, term by term.

use pomona_functions::FEATURE_LEN;
use pomona_results::{Listing, ROW_GROUP_BYTES};
use pomona_session::{SORT_MEMORY, sort_memory};
use serde::Serialize;

use super::EstimateOptions;

/// The content that a partition holds that is not yet computed: two batches of `batch_bytes`.
const CONTENT_BYTES: u64 = 2 * (32 << 20);

/// The images that are fetched ahead, and those of two batches.
const CONTENT_IMAGES: u64 = 1024 + 2 * 256;

/// The buffers of the network, a thread: measured, see docs/src/results.md.
const SCRATCH_BYTES: u64 = 6 << 20;

/// What a run holds of each image of a chunk: its listed row, twice while a chunk is put together, and
/// the row that it has already.
const CHUNK_ROW_BYTES: u64 = 3 * 192;

/// The memory of a run, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// What this process has held at most so far: the program, the network, the sample.
    pub process: u64,
    /// Images read ahead, buffers of the network and moments, for all cores.
    pub cores: u64,
    /// What is sorted of the listing and of the rows that are there, and the images of a chunk: the
    /// rest is on a disk.
    pub listing: u64,
    /// The row group that is being written, and what is sorted for the CSV of the projection.
    pub results: u64,
    /// All of it.
    pub total: u64,
}

impl Memory {
    /// That of so many cores, of which each has so many tasks.
    pub(super) fn of(cores: u32, tasks: u64, listing: &Listing, options: &EstimateOptions) -> Self {
        let images = listing.len();
        let mean = listing.bytes() / images.max(1);
        let content = u64::min(CONTENT_BYTES, CONTENT_IMAGES * mean);
        let d = FEATURE_LEN as u64;
        // The upper triangle of the centred products, in f64.
        let moments = d * (d + 1) / 2 * 8;
        let process = peak().unwrap_or(0);
        let row = 4 * options.components + 256;
        let sorted = u64::min(images * row, sort_memory(cores as usize) as u64);
        let results = ROW_GROUP_BYTES + sorted;
        let cores = u64::from(cores) * (tasks * content + SCRATCH_BYTES + moments);
        let sorts = u64::min(images * 2 * CHUNK_ROW_BYTES, 2 * SORT_MEMORY as u64);
        // One chunk is recorded while the next is computed.
        let known = sorts + u64::min(images, 2 * options.checkpoint) * CHUNK_ROW_BYTES;
        Self {
            process,
            cores,
            listing: known,
            results,
            total: process + cores + known + results,
        }
    }
}

/// The peak memory of this process; `None` where the system does not report it.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}
