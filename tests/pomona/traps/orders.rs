//! Sorted files, series and tables: an order that a source promises does not outlive a shuffle, and no query
//! on a cluster may rely on it.

use std::path::Path;

use anyhow::{Context, Result};
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;
use pomona_cluster::Cluster;

use crate::engine::{local_session, query, remote_session, set};

/// The rows of each are the same in any plan, and in one order where the query asks for one.
const QUERIES: [&str; 21] = [
    "SELECT x FROM sorted ORDER BY x LIMIT 5",
    "SELECT count(*) FROM (SELECT x FROM sorted ORDER BY x LIMIT 1)",
    "SELECT * FROM (SELECT x FROM sorted ORDER BY x LIMIT 1)",
    "SELECT sum(x) FROM (SELECT x FROM sorted ORDER BY x LIMIT 7 OFFSET 2)",
    "SELECT g, x FROM sorted WHERE x = (SELECT x FROM sorted ORDER BY x LIMIT 1)",
    "SELECT a.x FROM sorted a JOIN sorted b ON a.x = b.x ORDER BY a.x LIMIT 10",
    "SELECT a.x FROM sorted a JOIN (SELECT x FROM sorted ORDER BY x LIMIT 3) b ON a.x = b.x ORDER BY a.x",
    "SELECT x, sum(g) OVER (ORDER BY x) AS s FROM sorted ORDER BY x",
    "SELECT x, lag(x) OVER (PARTITION BY g ORDER BY x) AS l FROM sorted ORDER BY x",
    "SELECT x, count(*) FROM sorted GROUP BY x ORDER BY x LIMIT 4",
    "SELECT DISTINCT x FROM sorted ORDER BY x LIMIT 4",
    "SELECT x FROM sorted UNION ALL SELECT value FROM generate_series(1, 3) ORDER BY x LIMIT 6",
    "SELECT g, x, count(*) FROM sorted GROUP BY g, x ORDER BY g, x LIMIT 9",
    "SELECT array_agg(x ORDER BY x) FROM sorted",
    "SELECT g, first_value(x ORDER BY x) AS f, last_value(x ORDER BY x) AS l FROM sorted GROUP BY g ORDER BY g",
    "SELECT x, sum(g) OVER (ORDER BY x ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s FROM sorted
        ORDER BY x LIMIT 20",
    "(SELECT x FROM sorted ORDER BY x LIMIT 3) UNION ALL (SELECT x FROM sorted ORDER BY x DESC LIMIT 3)
        ORDER BY x",
    "SELECT a.x, b.s FROM (SELECT x, sum(g) AS s FROM sorted GROUP BY x) b JOIN sorted a ON a.x = b.x
        ORDER BY a.x LIMIT 12",
    "SELECT a.x, b.x AS y FROM sorted a LEFT JOIN sorted b ON a.x = b.x + 300 ORDER BY a.x LIMIT 20 OFFSET 290",
    "SELECT value, sum(value) OVER (ORDER BY value) AS s FROM generate_series(1, 50) ORDER BY value",
    "SELECT value, row_number() OVER (PARTITION BY value % 3 ORDER BY value) AS n
        FROM generate_series(1, 50) ORDER BY value",
];

/// Four files, each sorted, whose rows interleave.
async fn sorted_files(ctx: &SessionContext, folder: &Path) -> Result<()> {
    for file in 0..4 {
        let rows = format!(
            "COPY (SELECT value * 4 + {file} AS x, value % 3 AS g FROM generate_series(0, 99) ORDER BY x)
             TO '{}/{file}.parquet' STORED AS PARQUET",
            folder.display()
        );
        query(ctx, &rows).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_of_sorted_sources_have_the_same_rows() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let local = local_session("")?;
    sorted_files(&local, folder.path()).await?;
    let remote = remote_session(Cluster::standalone(2).await?, "")?;
    let table = format!(
        "CREATE EXTERNAL TABLE sorted STORED AS PARQUET WITH ORDER (x ASC) LOCATION '{}/'",
        folder.path().display()
    );
    for ctx in [&local, &remote] {
        query(ctx, &table).await?;
    }
    for prefer in ["false", "true"] {
        set(&remote, "datafusion.optimizer.prefer_existing_sort", prefer)?;
        for partitions in ["1", "2", "4", "8"] {
            set(
                &remote,
                "datafusion.execution.target_partitions",
                partitions,
            )?;
            for sql in QUERIES {
                let what =
                    || format!("{sql}, {partitions} partitions, prefer_existing_sort {prefer}");
                let expected = query(&local, sql).await.with_context(what)?;
                let given = query(&remote, sql).await.with_context(what)?;
                let text = |rows| pretty_format_batches(rows).map(|rows| rows.to_string());
                assert_eq!(text(&given)?, text(&expected)?, "{}", what());
            }
        }
    }
    Ok(())
}
