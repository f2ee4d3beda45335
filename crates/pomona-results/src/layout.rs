//! The names of results: what lies where below an output.

use chrono::NaiveDateTime;

use crate::checkpoint::is_checkpoint;
use crate::lock::is_lock;

/// The file whose presence says that a run is complete.
pub const MANIFEST: &str = "manifest.json";

/// The report: one page of HTML.
pub const REPORT: &str = "report.html";

/// The model's numbers for people and for other programs.
pub const MODEL_INFO: &str = "model_info.json";

/// Readers of folders (Spark, Hive, pyarrow, pandas) pass over names that begin with `_`, so
/// nothing below this is ever taken for a result. The name is that of Hadoop's committers.
pub(crate) const TEMPORARY: &str = "_temporary";

/// What is to be published, written before anything is moved: a run that finds it finishes what
/// an interrupted one began.
pub(crate) const PUBLICATION: &str = "_temporary/publication.json";

/// The folders below the output that results are written to.
pub(crate) const FOLDERS: [&str; 8] = [
    "metadata",
    "stats",
    "features",
    "features_csv",
    "errors",
    "moments",
    "model",
    "pca",
];

/// The time of a run's start in UTC, which is its identifier and the name of its folder.
pub const RUN_FORMAT: &str = "%Y%m%dT%H%M%S%.6fZ";

/// Whether a name directly below an output is one that runs write to.
pub fn is_result(name: &str) -> bool {
    FOLDERS.contains(&name) || [TEMPORARY, MANIFEST, MODEL_INFO, REPORT].contains(&name)
}

/// Whether a path below `_temporary` is one that Pomona writes.
pub(crate) fn is_temporary(below: &str) -> bool {
    match below.split_once('/') {
        None => is_lock(below) || [MANIFEST, "publication.json"].contains(&below),
        Some(("checkpoints", record)) => is_checkpoint(record),
        Some((run, _)) => is_run(run),
    }
}

/// Whether a name is the identifier of a run.
pub(crate) fn is_run(name: &str) -> bool {
    NaiveDateTime::parse_from_str(name, RUN_FORMAT).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pomona_writes_is_distinguished_from_files_of_others() {
        for ours in [
            "lock.json",
            "lock-after-20261129T101310.123456Z.json",
            "publication.json",
            "manifest.json",
            "checkpoints/20261129T101310.123456Z-000001.json",
            "20261129T101310.123456Z/chunks/000000/features/a.parquet",
        ] {
            assert!(is_temporary(ours), "{ours}");
        }
        for theirs in [
            "part-0",
            "0/task_202611291013_0001/part-0.parquet",
            "checkpoints/epoch-3.pt",
            "publication.json/x",
            "20261129/x",
        ] {
            assert!(!is_temporary(theirs), "{theirs}");
        }
    }
}
