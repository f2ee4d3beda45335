//! Rules of a cluster are needed: without one, a query gives wrong rows or none; and rows in memory keep
//! their limit.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use arrow::util::pretty::pretty_format_batches;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use pomona_cluster::Cluster;
use tokio::time::timeout;

use crate::engine::{cluster_session, local_session, query, remote_session, set, shared_cluster};

/// A query that takes longer does not end.
const LIMIT: Duration = Duration::from_secs(60);

/// Rules by their names, with queries of one row. For the other rules no query is known yet that fails
/// here without them alone: `tests/slt/queries.slt` has the rows that they are for.
const TRAPS: [(&str, &[&str]); 1] = [(
    "SingleTaskOuterJoin",
    &[
        "SELECT count(*) FROM (SELECT g, max(x) AS x FROM t GROUP BY g) a
            FULL JOIN (SELECT h, max(x) AS x FROM t GROUP BY h) b ON a.x < b.x - 1000",
    ],
)];

/// The rules of a cluster beside DataFusion's.
const RULES: [&str; 5] = [
    "DropSourceOrder",
    "KeepSeriesColumns",
    "KeepMemoryLimit",
    "SortAfterShuffle",
    "SingleTaskOuterJoin",
];

const TABLE: &str = "CREATE TABLE t AS SELECT value AS x, value % 7 AS g, value % 5 AS h
    FROM generate_series(1, 400)";

async fn rows(ctx: &SessionContext, sql: &str) -> Result<String> {
    let batches = timeout(LIMIT, query(ctx, sql)).await??;
    Ok(pretty_format_batches(&batches)?.to_string())
}

/// A session with the tables of another, and without one of its rules.
fn without(ctx: &SessionContext, rule: &str) -> SessionContext {
    let state = ctx.state();
    let all = state.physical_optimizers();
    let others = all.iter().filter(|known| known.name() != rule);
    let others: Vec<_> = others.map(Arc::clone).collect();
    assert_eq!(others.len() + 1, all.len(), "{rule}");
    let state = SessionStateBuilder::new_from_existing(state.clone())
        .with_physical_optimizer_rules(others)
        .build();
    SessionContext::new_with_state(state)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rule_rows_are_wrong_and_with_it_they_are_right() -> Result<()> {
    let local = local_session("")?;
    let remote = remote_session(Cluster::standalone(2).await?, "")?;
    for (ctx, partitions) in [(&local, "1"), (&remote, "4")] {
        set(ctx, "datafusion.execution.target_partitions", partitions)?;
        query(ctx, TABLE).await?;
    }
    let mut not_needed = vec![];
    for (rule, queries) in TRAPS {
        let mut needed = vec![];
        let bare = without(&remote, rule);
        for sql in queries {
            let expected = rows(&local, sql).await?;
            assert_eq!(rows(&remote, sql).await?, expected, "{sql}");
            if rows(&bare, sql).await.ok().as_ref() != Some(&expected) {
                needed.push(sql);
            }
        }
        println!("{rule} is needed for {needed:#?}");
        if needed.is_empty() {
            not_needed.push(rule);
        }
    }
    assert!(not_needed.is_empty(), "not needed any more: {not_needed:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_in_memory_keep_their_limit() -> Result<()> {
    let cluster = shared_cluster()?;
    let remote = cluster_session(&cluster, "")?;
    let table = "CREATE TABLE t AS SELECT value FROM generate_series(1, 10)";
    query(&remote, table).await?;
    let batches = query(&remote, "SELECT value FROM t LIMIT 3").await?;
    assert_eq!(
        batches.iter().map(|batch| batch.num_rows()).sum::<usize>(),
        3
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_shown_by_name() -> Result<()> {
    let remote = remote_session(Cluster::standalone(1).await?, "")?;
    let explained = query(&remote, "EXPLAIN VERBOSE SELECT 1").await?;
    let text = pretty_format_batches(&explained)?.to_string();
    for rule in RULES {
        assert!(text.contains(rule), "EXPLAIN VERBOSE does not show {rule}");
    }
    Ok(())
}
