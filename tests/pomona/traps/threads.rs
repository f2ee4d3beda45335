//! Functions run on as many threads as an executor has slots: a network that took threads of its own
//! would have more of them than there are cores.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;
use pomona_tests::cluster::{Cluster, ClusterOptions};
use pomona_tests::images;

use crate::engine::{cluster_session, image_table, query, random_weights};

/// The processor time of a process, in ticks of 10 ms.
fn ticks(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_takes_one_core() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions {
        executors: 1,
        ..ClusterOptions::new()
    })?;
    let pid = cluster.executor_pid(0).expect("it runs");
    let ctx = cluster_session(&cluster, &random_weights().display().to_string())?;
    let folder = tempfile::tempdir()?;
    images::write_folder(folder.path(), &["Kiwi"], 12);
    image_table(&ctx, folder.path()).await?;
    let sql = "SELECT count(mobilenet_v2(content)) FROM images CROSS JOIN generate_series(1, 100)";
    query(&ctx, "SELECT count(mobilenet_v2(content)) FROM images").await?;
    let (start, before) = (Instant::now(), ticks(pid)?);
    query(&ctx, sql).await?;
    let (elapsed, worked) = (
        start.elapsed(),
        Duration::from_millis(10 * (ticks(pid)? - before)),
    );
    // Reading and sending are beside it.
    assert!(
        worked < elapsed.mul_f64(1.3),
        "{worked:?} of work in {elapsed:?}"
    );
    Ok(())
}
