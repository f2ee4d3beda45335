//! The end of a client does not end its job: who drops a query cancels it, even before the client knows
//! the job.

use std::net::SocketAddr;

use futures::StreamExt;
use pomona_cluster::{Cluster as Remote, SchedulerAddress};
use pomona_tests::cluster::{Cluster, ClusterOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch::{self, Receiver};

use crate::engine::remote_session;

/// An address where the scheduler hears at once, and answers only while it may.
async fn late_answers(scheduler: SocketAddr, may: Receiver<bool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(scheduler).await.unwrap();
            let (mut questions, mut to_client) = client.into_split();
            let (mut answers, mut to_server) = server.into_split();
            let mut may = may.clone();
            tokio::spawn(async move { tokio::io::copy(&mut questions, &mut to_server).await });
            tokio::spawn(async move {
                let mut buffer = vec![0; 1 << 16];
                while let Ok(length @ 1..) = answers.read(&mut buffer).await {
                    // An error is the end of the test.
                    let _ = may.wait_for(|may| *may).await;
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
    let (may_answer, may) = watch::channel(true);
    let late = late_answers(scheduler, may).await;
    let remote = Remote::new(SchedulerAddress::new("127.0.0.1", late.port()), None);
    let ctx = remote_session(remote, "").unwrap();
    let long = "SELECT sum(value) FROM generate_series(1, 1000000000000)";
    let query = ctx.sql(long).await.unwrap();
    assert!(cluster.jobs().unwrap().is_empty());
    // From now on the client hears nothing.
    may_answer.send(false).unwrap();
    let mut rows = query.execute_stream().await.unwrap();
    let query = tokio::spawn(async move { rows.next().await.is_some() });
    cluster.wait_for_job("Running").unwrap();
    query.abort();
    assert!(query.await.unwrap_err().is_cancelled());
    may_answer.send(true).unwrap();
    cluster.wait_for_job("Failed").unwrap();
}
