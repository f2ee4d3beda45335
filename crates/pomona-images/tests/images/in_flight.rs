//! Requests in flight follow what a store answers, and one that is late holds up no other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::{ExecutionPlanProperties, execute_stream};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use pomona_images::{
    ImageScanConfig, ImageScanExec, ImageTableOptions, MOST_IN_FLIGHT, all_columns,
};
use pomona_tests::patience::PATIENCE;
use tokio::time::timeout;

use crate::fetching::eventually;
use crate::probe::ProbeStore;
use crate::session::{create, run, session, store_with, strings};

/// A store with so many objects of some bytes.
async fn store(count: usize) -> Arc<InMemory> {
    store_with((0..count).map(|number| format!("d/{number:05}.jpg"))).await
}

const MANY: &str = "SELECT count(content) FROM images";

/// Rounds of a measurement, of which one must be as it should: in the others something else may have had the processors.
const ROUNDS: usize = 5;

#[tokio::test]
async fn a_store_that_is_late_gets_more_requests_at_once() {
    for round in 1.. {
        let probe = ProbeStore::new(store(4_000).await).with_delay(Duration::from_millis(50));
        let store = Arc::new(probe);
        let ctx = session(Arc::clone(&store) as _, 2);
        create(&ctx, "s3://bucket/d/", "").await.unwrap();
        let begin = Instant::now();
        run(&ctx, MANY).await.unwrap();
        let (most, elapsed) = (store.most_in_flight(), begin.elapsed());
        println!("4,000 objects of 50 ms: {elapsed:?}, {most} in flight");
        assert!(most <= MOST_IN_FLIGHT, "{most} in flight");
        assert_eq!(store.gets(), 4_000);
        // What was found is known to the next query.
        let begin = Instant::now();
        run(&ctx, MANY).await.unwrap();
        println!("again: {:?}", begin.elapsed());
        // In less time than 32 take, whatever the machine, unless it has other things to do.
        if most >= 65 && elapsed < 4_000 / 32 * Duration::from_millis(50) {
            break;
        }
        assert!(round < ROUNDS, "{most} in flight, {elapsed:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_full_gets_no_more() {
    // A window in which something else had the processors looks like a store that has more to give after it.
    for round in 1.. {
        let probe = ProbeStore::new(store(1_500).await);
        let probe = probe.with_delay(Duration::from_millis(20)).with_places(16);
        let store = Arc::new(probe);
        let ctx = session(Arc::clone(&store) as _, 2);
        create(&ctx, "s3://bucket/d/", "").await.unwrap();
        run(&ctx, MANY).await.unwrap();
        // Twice as many were tried once.
        let most = store.most_in_flight();
        if most <= 64 {
            break;
        }
        assert!(round < ROUNDS, "{most} in flight to a store that serves 16");
    }
}

#[tokio::test]
async fn partitions_share_what_is_in_flight() {
    for round in 1.. {
        let probe = ProbeStore::new(store(600).await).with_delay(Duration::from_millis(20));
        let store = Arc::new(probe);
        let ctx = session(Arc::clone(&store) as _, 16);
        create(&ctx, "s3://bucket/d/", "").await.unwrap();
        let frame = ctx.sql("SELECT content FROM images").await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        assert_eq!(plan.output_partitioning().partition_count(), 16);
        let rows: Vec<_> = execute_stream(plan, ctx.task_ctx())
            .unwrap()
            .collect()
            .await;
        let rows = rows.into_iter().map(|batch| batch.unwrap().num_rows());
        assert_eq!(rows.sum::<usize>(), 600);
        // Each alone would begin with 32.
        let most = store.most_in_flight();
        if most <= 256 {
            break;
        }
        assert!(round < ROUNDS, "{most} in flight of 16 partitions");
    }
}

/// The next batch of a stream, which ends with an error where none comes.
async fn next(rows: &mut SendableRecordBatchStream) -> RecordBatch {
    let batch = timeout(PATIENCE, rows.next()).await;
    batch.expect("no rows come").unwrap().unwrap()
}

fn paths_of(batch: &RecordBatch) -> Vec<String> {
    let paths = batch.column_by_name("path").unwrap().as_string::<i32>();
    paths.iter().flatten().map(str::to_owned).collect()
}

#[tokio::test]
async fn an_object_that_is_late_holds_up_no_other() {
    // At the begin, in the middle of a batch, at its end, and at the end of all.
    for late in [0, 700, 63, 1_499] {
        let late = format!("d/{late:05}.jpg");
        let probe = ProbeStore::new(store(1_500).await).with_held([late.clone()]);
        let store = Arc::new(probe);
        let ctx = session(Arc::clone(&store) as _, 1);
        create(&ctx, "s3://bucket/d/", "").await.unwrap();
        let frame = ctx.sql("SELECT path, content FROM images").await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        let mut rows = execute_stream(plan, ctx.task_ctx()).unwrap();
        let mut before = vec![];
        while before.len() < 1_499 {
            before.extend(paths_of(&next(&mut rows).await));
        }
        assert_eq!(before.len(), 1_499, "rows before {late}");
        store.release();
        let last: Vec<_> = rows.collect().await;
        assert_eq!(last.len(), 1);
        let last = paths_of(last[0].as_ref().unwrap());
        assert_eq!(last, [format!("s3://bucket/{late}")]);
        let all: BTreeSet<_> = before.into_iter().chain(last).collect();
        assert_eq!(all.len(), 1_500, "each once");
    }
}

#[tokio::test]
async fn rows_that_have_an_order_keep_it_and_are_fetched_meanwhile() {
    let late = "d/00010.jpg".to_owned();
    let probe = ProbeStore::new(store(900).await).with_held([late]);
    let store = Arc::new(probe);
    let ctx = session(Arc::clone(&store) as _, 1);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    let sql = "SELECT path, content FROM images ORDER BY path";
    let query = strings(&ctx, sql);
    let asked = async {
        eventually("all are asked for", || store.gets() == 900).await;
        store.release();
    };
    let (paths, ()) = futures::join!(query, asked);
    assert_eq!(paths.len(), 900);
    assert!(paths.is_sorted());
}

#[tokio::test]
async fn a_late_object_that_is_as_large_as_the_budget_ends_all_the_same() {
    let inner = store(1_200).await;
    for number in [100, 101, 300] {
        let path = Path::from(format!("d/{number:05}.jpg"));
        inner.put(&path, vec![7; 5_000].into()).await.unwrap();
    }
    let probe = ProbeStore::new(inner)
        .with_slow("d/00000.jpg", Duration::from_millis(600))
        .with_slow("d/00100.jpg", Duration::from_millis(600));
    let ctx = session(Arc::new(probe), 1);
    create(&ctx, "s3://bucket/d/", "OPTIONS (batch_bytes 2000)")
        .await
        .unwrap();
    let rows = run(&ctx, "SELECT path, content FROM images").await.unwrap();
    for batch in &rows {
        let content = batch.column(1).as_binary::<i32>();
        let bytes: usize = content.iter().flatten().map(<[u8]>::len).sum();
        assert!(bytes <= 2_000 || batch.num_rows() == 1, "{bytes} bytes");
    }
    let paths: BTreeSet<_> = rows.iter().flat_map(paths_of).collect();
    assert_eq!(paths.len(), 1_200);
}

/// The rows of the table `images` with their content, of one partition and a listing in memory, as a
/// run has it.
async fn fetched(ctx: &SessionContext) -> SendableRecordBatchStream {
    let options = ImageTableOptions::default();
    let columns = all_columns(&options);
    let listed = "SELECT path, label, length, modification_time, e_tag FROM images";
    let listed = run(ctx, listed).await.unwrap();
    let schema = listed[0].schema();
    let listed = concat_batches(&schema, &listed).unwrap();
    let rows = MemorySourceConfig::try_new_exec(&[vec![listed]], schema, None).unwrap();
    let config = ImageScanConfig::new(columns, vec![], &options);
    let plan = ImageScanExec::try_new(rows, config).unwrap();
    execute_stream(Arc::new(plan), ctx.task_ctx()).unwrap()
}

#[tokio::test]
async fn a_consumer_begins_with_the_first_rows_and_gets_larger_batches_later() {
    let inner = store(1_500).await;
    // A full batch has 256, and so many do not come before the first rows are there; 32 to 64 are asked for at once.
    let late = (64..1_500).map(|number| format!("d/{number:05}.jpg"));
    let probe = ProbeStore::new(Arc::clone(&inner) as _).with_held(late);
    let store = Arc::new(probe);
    let ctx = session(Arc::clone(&store) as _, 1);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    let mut rows = fetched(&ctx).await;
    let first = next(&mut rows).await.num_rows();
    let asked = store.gets();
    assert!(first < 100 && asked < 200, "{first} rows, {asked} requests");
    store.release();
    let rest: Vec<_> = rows.collect().await;
    let rest = rest.into_iter().map(|batch| batch.unwrap().num_rows());
    assert_eq!(first + rest.sum::<usize>(), 1_500);

    for round in 1.. {
        let ctx = session(Arc::new(ProbeStore::new(Arc::clone(&inner) as _)) as _, 1);
        create(&ctx, "s3://bucket/d/", "").await.unwrap();
        let mut rows = fetched(&ctx).await;
        let (mut count, mut batches) = (0, 0);
        while let Some(batch) = rows.next().await {
            count += batch.unwrap().num_rows();
            batches += 1;
            // Many are read meanwhile.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(count, 1_500);
        if batches < 1_500 / 32 {
            break;
        }
        assert!(round < ROUNDS, "{batches} batches");
    }
}
