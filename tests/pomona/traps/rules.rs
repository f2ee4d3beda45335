//! What a cluster's session does to plans can be seen, and rows in memory keep their limit.

use anyhow::Result;

use crate::engine::{cluster_session, query, shared_cluster};

const TABLE: &str = "CREATE TABLE t AS SELECT value FROM generate_series(1, 10)";
const LIMITED: &str = "SELECT value FROM t LIMIT 3";

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_shown_and_rows_in_memory_keep_their_limit() -> Result<()> {
    let cluster = shared_cluster()?;
    let remote = cluster_session(&cluster, "")?;
    query(&remote, TABLE).await?;
    let rows: usize = query(&remote, LIMITED)
        .await?
        .iter()
        .map(|b| b.num_rows())
        .sum();
    assert_eq!(rows, 3);
    let explained = query(&remote, &format!("EXPLAIN VERBOSE {LIMITED}")).await?;
    let text = arrow::util::pretty::pretty_format_batches(&explained)?.to_string();
    for rule in [
        "DropSourceOrder",
        "KeepSeriesColumns",
        "KeepMemoryLimit",
        "SortAfterShuffle",
        "SingleTaskOuterJoin",
    ] {
        assert!(text.contains(rule), "EXPLAIN VERBOSE does not show {rule}");
    }
    Ok(())
}
