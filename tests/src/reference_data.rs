//! The reference data: real weights, real photographs, golden features.

use std::env;
use std::path::PathBuf;

/// The folder of the reference data: `POMONA_TEST_DATA`, or `shared` beside the repository.
///
/// Where it is absent this says so on standard error and gives `None`: the test then skips.
pub fn reference_data() -> Option<PathBuf> {
    let folder = env::var_os("POMONA_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    match folder.canonicalize() {
        Ok(folder) if folder.join("models").is_dir() => Some(folder),
        _ => {
            eprintln!(
                "skipped: no reference data in '{}' (set POMONA_TEST_DATA)",
                folder.display()
            );
            None
        }
    }
}
