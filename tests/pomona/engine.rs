//! The sessions that tests run on, and the weights that need no reference data.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use anyhow::Result;
use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use pomona_cluster::{Cluster as Remote, cluster_context};
use pomona_session::{RuntimeOptions, configure, session_context};
use pomona_tests::cluster::{Cluster, ClusterOptions};
use pomona_tests::weights::write_random;
use tempfile::TempDir;

/// A session on this process alone, with `weights` set.
pub fn local_session(weights: &str) -> Result<SessionContext> {
    let ctx = session_context(RuntimeOptions::default())?;
    set(&ctx, "pomona.weights", weights)?;
    Ok(ctx)
}

/// The cluster that tests without an interest in its faults share: a scheduler and two executors,
/// as long as one of them runs.
pub fn shared_cluster() -> Result<Arc<Cluster>> {
    static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = shared.upgrade() {
        return Ok(cluster);
    }
    let cluster = Arc::new(Cluster::start(ClusterOptions::new())?);
    *shared = Arc::downgrade(&cluster);
    Ok(cluster)
}

/// A session on a cluster, with `weights` set.
pub fn cluster_session(cluster: &Cluster, weights: &str) -> Result<SessionContext> {
    remote_session(Remote::new(cluster.url().parse()?, None), weights)
}

/// A session on a cluster as a client names it, with `weights` set.
pub fn remote_session(cluster: Remote, weights: &str) -> Result<SessionContext> {
    let ctx = cluster_context(RuntimeOptions::default(), cluster)?;
    set(&ctx, "pomona.weights", weights)?;
    Ok(ctx)
}

/// Sets an option of a session.
pub fn set(ctx: &SessionContext, key: &str, value: &str) -> Result<()> {
    Ok(configure(ctx, |options| options.set(key, value))?)
}

/// Defines the table `images` over a folder.
pub async fn image_table(ctx: &SessionContext, folder: &Path) -> Result<()> {
    let table = format!(
        "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION '{}'",
        folder.display()
    );
    query(ctx, &table).await.map(drop)
}

/// Runs one query.
pub async fn query(ctx: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    Ok(ctx.sql(sql).await?.collect().await?)
}

/// The file of a network with random weights, for tests of everything but the numbers.
pub fn random_weights() -> PathBuf {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        write_random(&folder.path().join("random.safetensors"))
            .expect("a temporary folder can be written");
        folder
    });
    FOLDER.path().join("random.safetensors")
}
