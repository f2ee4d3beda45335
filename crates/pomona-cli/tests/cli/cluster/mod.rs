//! The binary on a cluster of its own roles: real processes on loopback.

mod console;
mod console_in_a_browser;
mod console_scale;
mod counts;
mod decoding;
mod faults;
mod guard;
mod hostile;
mod jobs;
mod known_jobs;
#[cfg(target_os = "linux")]
mod latency;
#[cfg(target_os = "linux")]
mod many_queries;
mod pipeline;
mod probes;
mod secrets;
mod sink;
mod standalone;
mod tls;
mod weights;

use std::fs;
use std::path::Path;

use pomona_tests::cluster::{Cluster, ClusterOptions};

use crate::workplace::Workplace;

/// Two executors of one slot, of the binary under test.
fn options() -> ClusterOptions {
    ClusterOptions::of(env!("CARGO_BIN_EXE_pomona").into())
}

fn start(options: ClusterOptions) -> Cluster {
    Cluster::start(options).unwrap()
}

/// A cluster whose scheduler keeps finished jobs in this folder.
fn start_with_history(folder: &Path) -> Cluster {
    let mut wanted = options();
    wanted.scheduler = vec![format!("--history-dir={}", folder.display())];
    start(wanted)
}

/// The files of the jobs that a folder keeps. What a write of a file leaves while it goes on has another name.
fn kept_jobs(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".json")).collect()
}

/// Checks that two outputs of `pomona run` hold the same: every feature bit for bit, every number
/// of the projection to 1e-5, and variances to 1e-9 of the largest.
#[track_caller]
fn assert_same_results(place: &Workplace, ours: &str, theirs: &str) {
    let features = format!(
        "SELECT count(*) AS rows, sum(CASE WHEN a.features = b.features THEN 1 ELSE 0 END) AS equal,
            (SELECT count(*) FROM '{ours}/features/') AS ours,
            (SELECT count(*) FROM '{theirs}/features/') AS theirs
        FROM '{ours}/features/' a JOIN '{theirs}/features/' b ON a.path = b.path"
    );
    let counted = place.local_query(&features);
    let counts: Vec<&str> = counted.lines().nth(1).unwrap().split(',').collect();
    assert!(
        counts.iter().all(|count| *count == counts[0]) && counts[0] != "0",
        "{counted}"
    );

    let variances = format!(
        "WITH both AS (
            SELECT unnest(a.model['explained_variance']) AS ours,
                   unnest(b.model['explained_variance']) AS theirs
            FROM '{ours}/model/' AS a, '{theirs}/model/' AS b)
        SELECT max(abs(ours - theirs)) <= 1e-9 * max(theirs) AS same FROM both"
    );
    assert_eq!(place.local_query(&variances), "same\ntrue\n");

    let projection = format!(
        "WITH both AS (
            SELECT unnest(a.pca) AS ours, unnest(b.pca) AS theirs
            FROM '{ours}/pca/parquet/' a JOIN '{theirs}/pca/parquet/' b ON a.path = b.path)
        SELECT max(abs(ours - theirs)) <= 1e-5 AS same FROM both"
    );
    assert_eq!(place.local_query(&projection), "same\ntrue\n");
}
