//! The end of a client does not end its job: who drops a query cancels it, even before the client knows
//! the job.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::StreamExt;
use pomona_cluster::{Cluster as Remote, SchedulerAddress};
use pomona_tests::cluster::{Cluster, ClusterOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::engine::remote_session;

/// How long the answers of the scheduler take.
const DELAY: Duration = Duration::from_secs(5);

/// An address where the scheduler hears at once, and answers late.
async fn late_answers(scheduler: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(scheduler).await.unwrap();
            let (mut questions, mut to_client) = client.into_split();
            let (mut answers, mut to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut questions, &mut to_server).await });
            tokio::spawn(async move {
                let mut buffer = vec![0; 1 << 16];
                while let Ok(length @ 1..) = answers.read(&mut buffer).await {
                    sleep(DELAY).await;
                    if to_client.write_all(&buffer[..length]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_dropped_before_its_job_is_known_is_cancelled() {
    let cluster = Cluster::start(ClusterOptions::new()).unwrap();
    let scheduler = cluster.url().trim_start_matches("df://").parse().unwrap();
    let late = late_answers(scheduler).await;
    let remote = Remote::new(SchedulerAddress::new("127.0.0.1", late.port()), None);
    let ctx = remote_session(remote, "").unwrap();
    let long = "SELECT sum(value) FROM generate_series(1, 1000000000000)";
    let mut rows = ctx.sql(long).await.unwrap().execute_stream().await.unwrap();
    let query = tokio::spawn(async move { rows.next().await.is_some() });
    let start = Instant::now();
    cluster.wait_for_job("Running").unwrap();
    assert!(start.elapsed() < DELAY, "the client knows its job already");
    query.abort();
    cluster.wait_for_job("Failed").unwrap();
}
