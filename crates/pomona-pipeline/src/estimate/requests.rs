//! [`Requests`]: what a run asks of a store.

use pomona_analysis::report::REREAD_OBJECTS;
use pomona_results::{FEATURES_ROW_BYTES, FileSize, ROW_GROUP_BYTES};
use serde::Serialize;

/// The bytes of a part in which a writer sends a file to S3: DataFusion's default.
const PART_BYTES: u64 = 10 << 20;

/// Files that a run writes besides features and checkpoints, whatever its size: stats and errors in
/// two formats, moments, model, its description, metadata and projection in two, the report.
const RESULT_FILES: u64 = 12;

/// GET and HEAD of the files of a result that do not grow with it. These numbers and those below are
/// counted on a server; `requests.rs` of the command's tests compares them with one.
const RESULT_READS: u64 = 38;

/// GET and HEAD of a file of features: each query over them asks for its length, and once for the
/// columns of its first row group.
const FILE_READS: u64 = 30;

/// GET of another row group of such a file.
const ROW_GROUP_READS: u64 = 11;

/// GET and HEAD of the features of a chunk, which are written again with those of others.
const CHUNK_READS: u64 = 7;

/// LIST of the folders of a result.
const RESULT_LISTS: u64 = 30;

/// Requests to an object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// GET of images: one each, and of those in shards one for many.
    pub images: u64,
    /// GET of images that the report reads again.
    pub reread: u64,
    /// GET and HEAD of results, which cost the same.
    pub results: u64,
    /// All of these.
    pub get: u64,
    /// LIST of images: one a thousand objects of a folder.
    pub list: u64,
    /// PUT, COPY, POST and LIST of results, which cost the same.
    pub put: u64,
}

impl Requests {
    /// Those of a first run over this many images, which are read with `reads` requests and listed
    /// with `list`.
    pub(super) fn of_run(images: u64, checkpoint: u64, reads: u64, list: u64) -> Self {
        let reread = reads.min(REREAD_OBJECTS);
        let results = result_reads(images, checkpoint);
        Self {
            images: reads,
            reread,
            results,
            get: reads + reread + results,
            list,
            put: result_writes(images, checkpoint),
        }
    }
}

fn result_reads(images: u64, checkpoint: u64) -> u64 {
    let bytes = images * FEATURES_ROW_BYTES;
    let files = bytes.div_ceil(FileSize::default().0).max(1);
    let row_groups = bytes.div_ceil(ROW_GROUP_BYTES).max(files);
    let chunks = match images.div_ceil(checkpoint.max(1)) {
        // The file of a single chunk is that of the result.
        1 => 0,
        chunks => chunks,
    };
    RESULT_READS
        + FILE_READS * files
        + ROW_GROUP_READS * (row_groups - files)
        + CHUNK_READS * chunks
}

/// For each chunk its features in parts, its record, its listing and the copy to its place; for
/// every other file its parts and its copy.
fn result_writes(images: u64, checkpoint: u64) -> u64 {
    let chunks = images.div_ceil(checkpoint.max(1));
    let parts = (images * FEATURES_ROW_BYTES).div_ceil(PART_BYTES);
    // A file in parts is begun and completed by a request each.
    let features = parts + 2 * chunks;
    // Features of several chunks are written again together.
    let again = if chunks > 1 { features } else { 0 };
    features + again + 3 * chunks + 4 * RESULT_FILES + RESULT_LISTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_grow_with_images_chunks_and_bytes() {
        let one = Requests::of_run(1, 100, 1, 1);
        assert_eq!((one.images, one.reread, one.results), (1, 1, 38 + 30));
        assert_eq!((one.get, one.list), (70, 1));
        // 5,376 bytes are a part; begin, complete; record, list, copy.
        assert_eq!(one.put, 1 + 2 + 3 + 48 + 30);

        // 53,760,000 bytes are 6 parts of one file, in ten chunks.
        let many = Requests::of_run(10_000, 1_000, 10_000, 10);
        assert_eq!((many.reread, many.results), (50, 38 + 30 + 70));
        assert_eq!(many.put, 2 * (6 + 20) + 30 + 48 + 30);

        // 537,600,000 bytes are 5 files, and 9 row groups.
        let large = Requests::of_run(100_000, 100_000, 100_000, 100);
        assert_eq!(large.results, 38 + 5 * 30 + 4 * 11);
    }
}
