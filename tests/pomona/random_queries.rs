//! Queries that nobody thought of give on a cluster what they give on one machine.

use anyhow::Result;
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;
use pomona_cluster::Cluster;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use tokio::runtime::Runtime;

use crate::engine::{local_session, query, remote_session, set};

/// Columns of whole numbers named x, g and h in all of them; h can be NULL. The rows of p are in
/// files that are known to be sorted.
const TABLES: [&str; 3] = ["t", "u", "p"];

fn setup(folder: &str) -> [String; 4] {
    [
        "CREATE TABLE t AS SELECT value AS x, value % 7 AS g,
            CASE WHEN value % 11 = 0 THEN NULL ELSE value % 5 END AS h FROM generate_series(1, 400)"
            .to_string(),
        "CREATE TABLE u AS SELECT value * 3 AS x, value % 6 AS g, value % 4 AS h
            FROM generate_series(1, 150)"
            .to_string(),
        format!(
            "COPY (SELECT value AS x, value % 13 AS g, value % 29 AS h FROM generate_series(1, 600))
            TO '{folder}/p/' STORED AS PARQUET"
        ),
        format!("CREATE EXTERNAL TABLE p STORED AS PARQUET LOCATION '{folder}/p/'"),
    ]
}

/// A table or a subquery of these columns.
fn relation() -> impl Strategy<Value = String> {
    let table = select(&TABLES[..]).prop_map(str::to_string);
    table.prop_recursive(3, 12, 2, |inner| {
        let one = inner.clone();
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            (one.clone(), condition())
                .prop_map(|(a, c)| format!("(SELECT x, g, h FROM {a} z WHERE {c})")),
            one.clone()
                .prop_map(|a| format!("(SELECT max(x) AS x, g, min(h) AS h FROM {a} GROUP BY g)")),
            (one.clone(), select(&["ASC", "DESC"][..]), 1..60).prop_map(|(a, direction, rows)| {
                format!("(SELECT x, g, h FROM {a} ORDER BY x {direction}, g, h LIMIT {rows})")
            }),
            one.clone()
                .prop_map(|a| format!("(SELECT DISTINCT x, g, h FROM {a})")),
            one.prop_map(|a| format!(
                "(SELECT x, g, CAST(row_number() OVER (PARTITION BY g ORDER BY x, h) AS BIGINT) AS h
                FROM {a})"
            )),
            (
                two.clone(),
                select(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"][..])
            )
                .prop_map(|((a, b), set)| format!(
                    "(SELECT x, g, h FROM {a} {set} SELECT x, g, h FROM {b})"
                )),
            (
                two,
                select(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"][..]),
                select(
                    &[
                        "a.x = b.x",
                        "a.x = b.x AND a.g = b.g",
                        "a.g = b.g AND a.x < b.x",
                        "a.x < b.x AND a.x > b.x - 3",
                    ][..]
                )
            )
                .prop_map(|((a, b), join, on)| format!(
                    "(SELECT coalesce(a.x, b.x) AS x, b.g, a.h FROM {a} a {join} {b} b ON {on})"
                )),
        ]
    })
}

/// Of the rows of `z`.
fn condition() -> impl Strategy<Value = String> {
    prop_oneof![
        select(&["z.x % 3 = 1", "z.g < 4", "z.h IS NOT NULL", "z.x > 50"][..])
            .prop_map(str::to_string),
        select(&TABLES[..]).prop_map(|table| format!("z.x IN (SELECT x FROM {table})")),
        select(&TABLES[..]).prop_map(|table| format!("z.g > (SELECT min(g) FROM {table})")),
        select(&TABLES[..])
            .prop_map(|table| { format!("NOT EXISTS (SELECT 1 FROM {table} e WHERE e.x = z.x)") }),
    ]
}

/// A query whose rows have one order.
fn ordered() -> impl Strategy<Value = String> {
    (relation(), condition(), 1..9, 0..5, 0..4).prop_map(|(from, condition, rows, skip, kind)| {
        let from = format!("FROM {from} z WHERE {condition}");
        match kind {
            0 => format!("SELECT count(*), sum(x), sum(g), sum(h), count(h) {from}"),
            1 => format!(
                "SELECT g, count(*) AS n, sum(x), min(h) {from} GROUP BY g ORDER BY g LIMIT {rows}"
            ),
            2 => format!("SELECT x, g, h {from} ORDER BY x, g, h LIMIT {rows} OFFSET {skip}"),
            _ => format!("SELECT DISTINCT g, h {from} ORDER BY g DESC, h LIMIT {rows}"),
        }
    })
}

async fn rows(ctx: &SessionContext, sql: &str) -> Result<String> {
    Ok(pretty_format_batches(&query(ctx, sql).await?)?.to_string())
}

#[test]
fn a_cluster_gives_the_rows_of_one_machine() -> Result<()> {
    let runtime = Runtime::new()?;
    let (here, there) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let local = local_session("")?;
    let cluster = runtime.block_on(Cluster::standalone(2))?;
    let remote = remote_session(cluster, "")?;
    for (ctx, folder, partitions) in [(&local, &here, "1"), (&remote, &there, "4")] {
        set(ctx, "datafusion.execution.target_partitions", partitions)?;
        for statement in setup(&folder.path().display().to_string()) {
            runtime.block_on(query(ctx, &statement))?;
        }
    }
    // The same queries every time: a new one that fails is found by those who look for it.
    let config = Config {
        cases: 80,
        failure_persistence: None,
        ..Config::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    let outcome = runner.run(&ordered(), |sql| {
        let expected = runtime.block_on(rows(&local, &sql));
        let expected = expected.map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        let given = runtime.block_on(rows(&remote, &sql));
        let given = given.map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        prop_assert_eq!(given, expected);
        Ok(())
    });
    match outcome {
        Ok(()) => Ok(()),
        Err(TestError::Fail(reason, sql)) => panic!("{sql}\n{reason}"),
        Err(error) => panic!("{error}"),
    }
}
