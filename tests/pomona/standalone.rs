//! The cluster inside a process.

use std::time::Duration;

use arrow::util::pretty::pretty_format_batches;
use futures::StreamExt;
use pomona_cluster::Cluster;
use tokio::time::timeout;

use crate::engine::{query, remote_session};

/// Longer than any query here takes, and far shorter than the one that is dropped.
const LIMIT: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_dropped_gives_its_slots_back() {
    let ctx = remote_session(Cluster::standalone(1).await.unwrap(), "").unwrap();
    let long = "SELECT sum(value) FROM generate_series(1, 1000000000000)";
    let mut rows = ctx.sql(long).await.unwrap().execute_stream().await.unwrap();
    // It has the only slot when this ends without rows.
    let begun = timeout(Duration::from_secs(2), rows.next()).await;
    assert!(begun.is_err(), "{begun:?}");
    drop(rows);
    let next = timeout(LIMIT, query(&ctx, "SELECT sum(value) AS s FROM range(10)")).await;
    let next = pretty_format_batches(&next.unwrap().unwrap()).unwrap();
    assert!(next.to_string().contains("| 45 |"), "{next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_in_one_process_do_not_meet() {
    let (one, other) = (Cluster::standalone(1).await, Cluster::standalone(1).await);
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_ne!(one.to_string(), other.to_string());
    for cluster in [one, other] {
        let ctx = remote_session(cluster, "").unwrap();
        assert_eq!(query(&ctx, "SELECT 1").await.unwrap()[0].num_rows(), 1);
    }
}
