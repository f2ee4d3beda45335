//! Requests overlap each other and the consumer, within bounds of count and bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use futures::StreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pomona_tests::patience::PATIENCE;

use crate::probe::ProbeStore;
use crate::session::{create, run, session, store_with};

async fn objects_of(lengths: &[usize]) -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    for (i, &length) in lengths.iter().enumerate() {
        let path = Path::from(format!("d/{i:04}.jpg"));
        store
            .put(&path, vec![(i % 256) as u8; length].into())
            .await
            .unwrap();
    }
    store
}

pub async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn many_objects_are_in_flight_but_not_more_than_asked_for() {
    let inner = objects_of(&[10; 200]).await;
    for concurrency in [32, 8, 1] {
        // None is answered before as many are in flight as may be.
        let all = (0..200).map(|i| format!("d/{i:04}.jpg"));
        let store = Arc::new(ProbeStore::new(Arc::clone(&inner) as _).with_held(all));
        let ctx = session(Arc::clone(&store) as _, 1);
        let options = format!("OPTIONS (concurrency {concurrency})");
        create(&ctx, "s3://bucket/d/", &options).await.unwrap();
        let asked = async {
            eventually("in flight", || store.in_flight() == concurrency).await;
            store.release();
        };
        let (rows, ()) = futures::join!(run(&ctx, "SELECT content FROM images"), asked);
        rows.unwrap();
        assert_eq!(store.most_in_flight(), concurrency);
        assert_eq!(store.gets(), 200);
    }
}

#[tokio::test]
async fn batches_are_bounded_in_rows_and_bytes() {
    let lengths: Vec<usize> = (0..300)
        .map(|i| 1_000 + i * 37 % 4_000)
        .chain([50_000])
        .collect();
    let ctx = session(objects_of(&lengths).await, 1);
    create(&ctx, "s3://bucket/d/", "OPTIONS (batch_bytes '10 kB')")
        .await
        .unwrap();
    let batches = run(&ctx, "SELECT path, length, content FROM images")
        .await
        .unwrap();
    let (mut row, mut largest) = (0, 0);
    for batch in &batches {
        let content = batch.column(2).as_binary::<i32>();
        let bytes: usize = content.iter().flatten().map(<[u8]>::len).sum();
        assert!(bytes <= 10_000 || batch.num_rows() == 1, "{bytes} bytes");
        largest = largest.max(bytes);
        for (i, content) in content.iter().enumerate() {
            let expected = vec![(row % 256) as u8; lengths[row]];
            assert_eq!(
                content,
                Some(expected.as_slice()),
                "row {i} of a batch, object {row}"
            );
            row += 1;
        }
    }
    assert_eq!((row, largest), (301, 50_000));

    let ctx = session(objects_of(&[1; 600]).await, 1);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    let rows = |batches: Vec<arrow::array::RecordBatch>| {
        batches
            .iter()
            .map(|batch| batch.num_rows())
            .collect::<Vec<_>>()
    };
    let batches = run(&ctx, "SELECT content FROM images").await.unwrap();
    assert_eq!(rows(batches), [256, 256, 88]);
    run(&ctx, "SET datafusion.execution.batch_size = 250")
        .await
        .unwrap();
    let batches = run(&ctx, "SELECT content FROM images").await.unwrap();
    assert_eq!(rows(batches), [250, 250, 100]);
}

#[tokio::test]
async fn no_more_than_two_batches_of_bytes_wait_for_the_consumer() {
    let store = Arc::new(ProbeStore::new(objects_of(&[1_000; 40]).await));
    let ctx = session(Arc::clone(&store) as _, 1);
    create(&ctx, "s3://bucket/d/", "OPTIONS (batch_bytes 2000)")
        .await
        .unwrap();
    let frame = ctx.sql("SELECT content FROM images").await.unwrap();
    let mut stream = frame.execute_stream().await.unwrap();
    assert_eq!(
        store.gets(),
        0,
        "nothing is fetched before the stream is polled"
    );
    for batch in 0..3 {
        assert_eq!(stream.next().await.unwrap().unwrap().num_rows(), 2);
        let allowed = (batch + 1) * 2 + 4;
        eventually("prefetch", || {
            store.gets() == allowed && store.in_flight() == 0
        })
        .await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(store.gets(), allowed);
    }
    let rest: Vec<_> = stream.collect().await;
    assert_eq!(
        rest.into_iter()
            .map(|batch| batch.unwrap().num_rows())
            .sum::<usize>(),
        34
    );
}

#[tokio::test]
async fn large_objects_are_fetched_one_after_the_other() {
    let inner = objects_of(&[5_000; 12]).await;
    let store = Arc::new(ProbeStore::new(inner).with_delay(Duration::from_millis(3)));
    let ctx = session(Arc::clone(&store) as _, 1);
    create(&ctx, "s3://bucket/d/", "OPTIONS (batch_bytes 3000)")
        .await
        .unwrap();
    let batches = run(&ctx, "SELECT content FROM images").await.unwrap();
    assert_eq!(batches.len(), 12);
    assert_eq!(store.most_in_flight(), 1);
}

/// The runtime of this test has one thread, which sleeps as inference would compute.
#[tokio::test(flavor = "current_thread")]
async fn requests_go_on_while_the_consumer_computes() {
    let inner = objects_of(&[10; 600]).await;
    let store = Arc::new(ProbeStore::new(inner).with_delay(Duration::from_millis(1)));
    let ctx = session(Arc::clone(&store) as _, 1);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    let frame = ctx.sql("SELECT content FROM images").await.unwrap();
    let mut stream = frame.execute_stream().await.unwrap();
    stream.next().await.unwrap().unwrap();
    let (before, begin) = (store.gets(), Instant::now());
    while store.gets() <= before + 100 {
        assert!(
            begin.elapsed() < PATIENCE,
            "{before} requests, then {}",
            store.gets()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn dropping_the_stream_stops_the_requests() {
    let inner = store_with((0..100).map(|i| format!("d/{i}.jpg"))).await;
    let store = Arc::new(ProbeStore::new(inner).with_delay(Duration::from_secs(3_600)));
    let ctx = session(Arc::clone(&store) as _, 1);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    let frame = ctx.sql("SELECT content FROM images").await.unwrap();
    let mut stream = frame.execute_stream().await.unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(50), stream.next()).await;
    assert!(waited.is_err(), "no object arrives within the hour");
    eventually("requests start", || store.in_flight() == 32).await;
    drop(stream);
    eventually("requests stop", || store.in_flight() == 0).await;
    assert_eq!(store.gets(), 32);
}

#[tokio::test]
async fn many_pages_are_listed() {
    // Folders are listed side by side, and beyond a thousand of them as one sequence.
    let deep = (0..2_500).map(|i| format!("d/{}/{}/{i}.png", i % 3, i % 7));
    let wide = (0..1_200).map(|i| format!("w/{i}/{i}.png"));
    let store: Arc<dyn ObjectStore> = store_with(deep.chain(wide)).await;
    let ctx = session(store, 3);
    for (location, count) in [
        ("s3://bucket/d/", 2_500),
        ("s3://bucket/w/", 1_200),
        ("s3://bucket/", 3_700),
    ] {
        create(&ctx, location, "").await.unwrap();
        let batches = run(&ctx, "SELECT DISTINCT path FROM images").await.unwrap();
        let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
        assert_eq!(rows, count, "{location}");
        run(&ctx, "DROP TABLE images").await.unwrap();
    }
}
