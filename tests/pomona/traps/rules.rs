//! Rules of a cluster are needed: without one, the query that it is for returns wrong rows or fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arrow::util::pretty::pretty_format_batches;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use pomona_cluster::Cluster;
use tokio::time::timeout;

use crate::engine::{local_session, query, remote_session, set};

/// A query that takes longer does not end.
const LIMIT: Duration = Duration::from_secs(180);

/// What a query does without a rule.
enum Without {
    ReturnsOtherRows,
    Fails(&'static str),
}

/// A rule, and a query of rows in one order.
struct Trap {
    rule: &'static str,
    sql: &'static str,
    without: Without,
}

const TRAPS: [Trap; 5] = [
    Trap {
        rule: "KeepMemoryLimit",
        sql: "SELECT one FROM t LIMIT 3",
        without: Without::ReturnsOtherRows,
    },
    Trap {
        rule: "KeepSeriesColumns",
        sql: "SELECT count(*) FROM generate_series(1, 1000)",
        without: Without::Fails("must match number of fields"),
    },
    Trap {
        rule: "KeepWindowDirection",
        sql: "SELECT x, lag(x) OVER (ORDER BY x) AS a, lag(x) OVER (ORDER BY x DESC) AS b FROM t
            ORDER BY x",
        without: Without::ReturnsOtherRows,
    },
    Trap {
        rule: "SingleTaskOuterJoin",
        sql: "SELECT count(*) FROM (SELECT g, max(x) AS x FROM t GROUP BY g) a
            FULL JOIN (SELECT h, max(x) AS x FROM t GROUP BY h) b ON a.x < b.x - 1000",
        without: Without::ReturnsOtherRows,
    },
    Trap {
        rule: "SortAfterShuffle",
        sql: "SELECT g, x, sum(x) OVER (PARTITION BY g ORDER BY x) AS s
            FROM (SELECT g, x FROM t ORDER BY g, x LIMIT 300) ORDER BY g, x",
        without: Without::Fails("Expects PARTITION BY expression to be ordered"),
    },
];

/// All rows of `one` are the same, for queries that may return any of them.
const TABLE: &str = "CREATE TABLE t AS SELECT value AS x, value % 7 AS g, value % 5 AS h, 1 AS one
    FROM generate_series(1, 400)";

async fn rows(ctx: &SessionContext, sql: &str) -> Result<String> {
    let batches = timeout(LIMIT, query(ctx, sql)).await??;
    Ok(pretty_format_batches(&batches)?.to_string())
}

fn names(ctx: &SessionContext) -> BTreeSet<String> {
    let state = ctx.state();
    let rules = state.physical_optimizers().iter();
    rules.map(|rule| rule.name().to_string()).collect()
}

/// A session with the tables of another, and without one of its rules.
fn without(ctx: &SessionContext, rule: &str) -> SessionContext {
    let state = ctx.state();
    let rules = state.physical_optimizers().iter();
    let others = rules.filter(|known| known.name() != rule);
    let others: Vec<_> = others.map(Arc::clone).collect();
    let state = SessionStateBuilder::new_from_existing(state.clone())
        .with_physical_optimizer_rules(others)
        .build();
    SessionContext::new_with_state(state)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rule_a_query_is_wrong_and_with_it_right() -> Result<()> {
    let local = local_session("")?;
    let remote = remote_session(Cluster::standalone(2).await?, "")?;
    for ctx in [&local, &remote] {
        query(ctx, TABLE).await?;
    }
    set(&local, "datafusion.execution.target_partitions", "1")?;
    set(&remote, "datafusion.execution.target_partitions", "4")?;
    let beside: BTreeSet<_> = names(&remote).difference(&names(&local)).cloned().collect();
    let trapped: BTreeSet<String> = TRAPS.iter().map(|trap| trap.rule.to_string()).collect();
    assert_eq!(trapped, beside, "each rule has a trap");
    for trap in TRAPS {
        let (rule, sql) = (trap.rule, trap.sql);
        let expected = rows(&local, sql).await.context(rule)?;
        let given = rows(&remote, sql).await.context(rule)?;
        assert_eq!(given, expected, "{rule}: {sql}");
        let bare = rows(&without(&remote, rule), sql).await;
        let is_needed = match (trap.without, &bare) {
            (Without::ReturnsOtherRows, Ok(given)) => *given != expected,
            (Without::Fails(why), Err(error)) => format!("{error:#}").contains(why),
            _ => false,
        };
        assert!(is_needed, "without {rule}, {sql} gives {bare:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_shown_by_name() -> Result<()> {
    let remote = remote_session(Cluster::standalone(1).await?, "")?;
    let explained = query(&remote, "EXPLAIN VERBOSE SELECT 1").await?;
    let text = pretty_format_batches(&explained)?.to_string();
    for rule in names(&remote) {
        assert!(text.contains(&rule), "EXPLAIN VERBOSE does not show {rule}");
    }
    Ok(())
}
