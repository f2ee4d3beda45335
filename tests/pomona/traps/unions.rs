//! The tasks of a stage with a union differ in shape, and so in the number of metrics that they
//! report; the scheduler drops the report of the second and waits for it forever.

use std::time::Duration;

use anyhow::Result;
use tokio::time::timeout;

use crate::engine::{cluster_session, query, shared_cluster};

#[tokio::test(flavor = "multi_thread")]
async fn a_union_of_unequal_branches_ends() -> Result<()> {
    let cluster = shared_cluster()?;
    let ctx = cluster_session(&cluster, "")?;
    query(
        &ctx,
        "CREATE TABLE t AS SELECT value AS x FROM generate_series(1, 7)",
    )
    .await?;
    let sql = "SELECT count(*) FROM t, (SELECT array_agg(x) AS a FROM t UNION ALL SELECT [1])";
    let batches = timeout(Duration::from_secs(180), query(&ctx, sql)).await??;
    assert_eq!(
        format!("{:?}", batches[0].column(0)),
        "PrimitiveArray<Int64>\n[\n  14,\n]"
    );
    Ok(())
}
