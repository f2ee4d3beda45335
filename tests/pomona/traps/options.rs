//! Functions travel by name and lose what they hold: what they need besides arguments travels as
//! options of the session.

use anyhow::Result;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use crate::engine::{cluster_session, image_table, query, shared_cluster};
use pomona_tests::images;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_reaches_the_tasks() -> Result<()> {
    let cluster = shared_cluster()?;
    let ctx = cluster_session(&cluster, "")?;
    let folder = tempfile::tempdir()?;
    images::write_folder(folder.path(), &["Kiwi"], 3);
    image_table(&ctx, folder.path()).await?;
    let bad = "SELECT count(image_error(content)) AS bad FROM images";
    let count = async || -> Result<i64> {
        let batches = query(&ctx, bad).await?;
        Ok(batches[0].column(0).as_primitive::<Int64Type>().value(0))
    };
    assert_eq!(count().await?, 0);
    query(&ctx, "SET pomona.max_pixels = 10").await?;
    assert_eq!(count().await?, 3);
    query(&ctx, "SET pomona.max_pixels = 1000000").await?;
    assert_eq!(count().await?, 0);
    Ok(())
}
