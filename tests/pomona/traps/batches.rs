//! Rows are gathered into batches of 8,192: images of a megabyte overflow the offsets of a binary
//! array, which are of 32 bits.

use anyhow::Result;
use arrow::array::RecordBatch;
use datafusion::prelude::SessionConfig;
use pomona_tests::images;

use crate::engine::{cluster_session, image_table, query, shared_cluster};

const ROWS: usize = 600;

/// `crates/pomona-images` cuts batches by bytes as well.
#[tokio::test(flavor = "multi_thread")]
async fn batches_stay_small_on_the_way_through_a_cluster() -> Result<()> {
    assert_eq!(SessionConfig::new().batch_size(), 8192);
    let cluster = shared_cluster()?;
    let ctx = cluster_session(&cluster, "")?;
    let folder = tempfile::tempdir()?;
    images::write_folder(folder.path(), &["Kiwi"], 4);
    image_table(&ctx, folder.path()).await?;
    // Through a stage that gathers and sorts them.
    let sql = format!(
        "SELECT content FROM images CROSS JOIN generate_series(1, {ROWS}) AS numbers(n)
        WHERE path LIKE '%0.png' ORDER BY n"
    );
    let batches = query(&ctx, &sql).await?;
    let rows: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(rows.iter().sum::<usize>(), ROWS, "{rows:?}");
    assert!(rows.iter().all(|&rows| rows <= 256), "{rows:?}");
    Ok(())
}
