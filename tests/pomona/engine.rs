//! The sessions that tests run on, and the weights that need no reference data.

use std::path::PathBuf;
use std::sync::LazyLock;

use anyhow::Result;
use arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use pomona_session::{RuntimeOptions, session_context};
use pomona_tests::weights::write_random;
use tempfile::TempDir;

/// A session on this process alone, with `weights` set.
pub fn local_session(weights: &str) -> Result<SessionContext> {
    let ctx = session_context(RuntimeOptions::default())?;
    set(&ctx, "pomona.weights", weights)?;
    Ok(ctx)
}

/// Sets an option of a session.
pub fn set(ctx: &SessionContext, key: &str, value: &str) -> Result<()> {
    ctx.state_ref()
        .write()
        .config_mut()
        .options_mut()
        .set(key, value)?;
    Ok(())
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
