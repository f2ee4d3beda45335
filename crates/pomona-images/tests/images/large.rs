//! Listings that are longer than a page: they stream, stop and list what can match.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::physical_plan::{ExecutionPlanProperties, execute_stream};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use pomona_images::{ListWhilePlanning, SkippedSink};

use crate::invented::InventedStore;
use crate::session::{create, plan, run, session, store_with, strings};

const LATENCY: Duration = Duration::from_millis(1);

async fn invented(classes: usize, each: usize) -> (SessionContext, InventedStore) {
    let store = InventedStore::new(classes, each, LATENCY);
    let ctx = session(Arc::new(store.clone()), 4);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    (ctx, store)
}

/// The pages that a query asks for.
async fn pages(ctx: &SessionContext, store: &InventedStore, sql: &str) -> usize {
    let before = store.pages();
    run(ctx, sql).await.unwrap();
    store.pages() - before
}

async fn number(ctx: &SessionContext, sql: &str) -> i64 {
    let batches = run(ctx, sql).await.unwrap();
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test]
async fn a_long_listing_is_a_leaf_that_lists() {
    let (ctx, _) = invented(10, 1_000).await;
    insta::assert_snapshot!(plan(&ctx, "SELECT path FROM images WHERE length > 0").await, @"ImageListingExec: columns=[path], locations=1, partitions=4, predicate=length@2 > 0");
    insta::assert_snapshot!(plan(&ctx, "SELECT content FROM images").await, @r"
    ImageScanExec: columns=[content], locations=1, objects=?, bytes=?, concurrency=auto
      ImageListingExec: columns=[path, length], locations=1, partitions=4
    ");
}

#[tokio::test]
async fn every_object_is_a_row_however_the_rows_are_divided() {
    let (ctx, _) = invented(7, 1_234).await;
    let sql = "SELECT count(*) FROM images";
    assert_eq!(number(&ctx, sql).await, 7 * 1_234);
    let sql = "SELECT count(DISTINCT path) FROM images";
    assert_eq!(number(&ctx, sql).await, 7 * 1_234);
    let sql = "SELECT sum(length) FROM images WHERE label <> 'class 0003'";
    assert_eq!(number(&ctx, sql).await, 6 * 1_234);
    let sql = "SELECT count(*) FROM images a JOIN images b ON a.path = b.path";
    assert_eq!(number(&ctx, sql).await, 7 * 1_234);
    let sql = "SELECT path FROM images ORDER BY path DESC LIMIT 1";
    let last = "s3://bucket/d/class 0006/0001233.jpg";
    assert_eq!(strings(&ctx, sql).await, [last]);
    // The partitions share the rows, and one alone gets them all.
    let frame = ctx.sql("SELECT path FROM images").await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    for _ in 0..2 {
        let mut rows = 0;
        for partition in 0..plan.output_partitioning().partition_count() {
            let mut stream = plan.execute(partition, ctx.task_ctx()).unwrap();
            while let Some(batch) = stream.next().await {
                rows += batch.unwrap().num_rows();
            }
        }
        assert_eq!(rows, 7 * 1_234, "a plan that is executed again lists again");
    }
}

#[tokio::test]
async fn rows_come_after_the_first_page_and_a_dropped_query_lists_no_more() {
    let store = InventedStore::new(1_000, 1_000, Duration::from_millis(20));
    let ctx = session(Arc::new(store.clone()), 2);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    let before = store.pages();
    let frame = ctx.sql("SELECT path FROM images").await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let mut stream = execute_stream(plan, ctx.task_ctx()).unwrap();
    let first = stream.next().await.unwrap().unwrap();
    assert!(first.num_rows() > 0);
    let listed = store.pages() - before;
    assert!(
        listed <= 20,
        "{listed} pages of 1,000 before the first rows"
    );
    drop(stream);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let listed = store.pages() - before;
    assert!(
        listed <= 60,
        "{listed} pages of 1,000 after the query ended"
    );
}

#[tokio::test]
async fn a_limit_stops_the_listing() {
    let (ctx, store) = invented(1_000, 10_000).await;
    let limit = "SELECT path, length FROM images LIMIT 3";
    assert_eq!(pages(&ctx, &store, limit).await, 1);
    let mut first = strings(&ctx, limit).await;
    first.sort();
    assert_eq!(first[2], "s3://bucket/d/class 0000/0000002.jpg");
    let limit = "SELECT path FROM images LIMIT 2500";
    assert_eq!(pages(&ctx, &store, limit).await, 3);
    assert_eq!(strings(&ctx, limit).await.len(), 2_500);
    let limit = "SELECT path FROM images WHERE length > 0 LIMIT 5";
    assert_eq!(pages(&ctx, &store, limit).await, 1);
    assert_eq!(strings(&ctx, limit).await.len(), 5);
}

/// The script of a run has a limit in any case, and must not list one page after the other for it.
#[tokio::test]
async fn the_largest_limit_is_none() {
    let (ctx, store) = invented(4, 2_500).await;
    let all = "SELECT path FROM images";
    let asked = pages(&ctx, &store, all).await;
    let one_by_one = format!("{all} LIMIT 10000");
    assert!(pages(&ctx, &store, &one_by_one).await < asked, "{asked}");
    for condition in ["", "WHERE length > 0"] {
        let sql = format!("{all} {condition} LIMIT {}", i64::MAX);
        assert_eq!(pages(&ctx, &store, &sql).await, asked, "{condition}");
    }
}

#[tokio::test]
async fn conditions_list_only_what_can_match() {
    let (ctx, store) = invented(500, 2_000).await;
    let count = "SELECT count(*) FROM images WHERE";
    for (condition, rows, most) in [
        ("path LIKE 's3://bucket/d/class 0123/%'", 2_000, 3),
        ("path LIKE 's3://bucket/d/class 0123/00000%'", 100, 1),
        ("path LIKE 's3://bucket/d/class 012%'", 20_000, 22),
        ("path = 's3://bucket/d/class 0499/0001999.jpg'", 1, 1),
        (
            "path IN ('s3://bucket/d/class 0001/0000001.jpg', 's3://bucket/d/class 0002/x')",
            1,
            2,
        ),
        ("starts_with(path, 's3://bucket/d/class 0007/')", 2_000, 3),
        ("path LIKE 's3://bucket/other/%'", 0, 0),
    ] {
        let sql = format!("{count} {condition}");
        let asked = pages(&ctx, &store, &sql).await;
        assert!(asked <= most, "{asked} pages for {condition}");
        assert_eq!(number(&ctx, &sql).await, rows, "{condition}");
    }
    // Where folders may lie in folders, any may hold one of that name.
    let sql = format!("{count} label = 'class 0123'");
    assert_eq!(number(&ctx, &sql).await, 2_000);

    for (location, folders) in [
        ("s3://bucket/d/*", "OPTIONS (recursive 'false')"),
        ("s3://bucket/d/", "OPTIONS (depth 1)"),
    ] {
        let store = InventedStore::new(500, 2_000, LATENCY);
        let ctx = session(Arc::new(store.clone()), 4);
        create(&ctx, location, folders).await.unwrap();
        for (condition, rows, most) in [
            ("label = 'class 0123'", 2_000, 3),
            ("label IN ('class 0001', 'class 0499', 'none')", 4_000, 6),
            ("label = 'class 0001' AND length > 1", 0, 3),
            ("label = 'x' OR label = 'class 0002'", 2_000, 4),
        ] {
            let sql = format!("{count} {condition}");
            let asked = pages(&ctx, &store, &sql).await;
            assert!(asked <= most, "{asked} pages for {condition}");
            assert_eq!(number(&ctx, &sql).await, rows, "{condition}");
        }
    }
}

#[tokio::test]
async fn labels_are_found_at_every_depth() {
    let mut names = vec![];
    for folder in ["x", "a/x", "a/b/x", "x/y", "x/x", "b"] {
        names.extend((0..300).map(|number| format!("d/{folder}/{number}.jpg")));
    }
    names.push("d/root.jpg".to_owned());
    for (location, options, found) in [
        ("s3://bucket/d", "", 4 * 300),
        ("s3://bucket/d", "OPTIONS (depth 0)", 0),
        ("s3://bucket/d", "OPTIONS (depth 1)", 300),
        ("s3://bucket/d", "OPTIONS (depth 2)", 3 * 300),
        ("s3://bucket/d", "OPTIONS (depth 9)", 4 * 300),
        ("s3://bucket/d/*", "OPTIONS (depth 1)", 3 * 300),
        ("s3://bucket/d/*", "OPTIONS (recursive 'false')", 300),
        ("s3://bucket/d/*/*", "OPTIONS (recursive 'false')", 3 * 300),
        (
            "s3://bucket/d/*/*/*",
            "OPTIONS (recursive 'false')",
            3 * 300,
        ),
    ] {
        let ctx = session(store_with(&names).await, 3);
        create(&ctx, location, options).await.unwrap();
        let sql = "SELECT count(*) FROM images WHERE label = 'x'";
        let all = "SELECT count(*) FROM images WHERE label || '' = 'x'";
        assert_eq!(
            number(&ctx, sql).await,
            number(&ctx, all).await,
            "{location}"
        );
        assert_eq!(number(&ctx, sql).await, found, "{location}");
        let sql = "SELECT count(*) FROM images WHERE label = 'd'";
        let all = "SELECT count(*) FROM images WHERE label || '' = 'd'";
        assert_eq!(
            number(&ctx, sql).await,
            number(&ctx, all).await,
            "{location}"
        );
    }
}

#[tokio::test]
async fn a_folder_of_a_disk_streams_too() {
    let dir = tempfile::tempdir().unwrap();
    for label in ["b", "a", "a/deep", "c x"] {
        std::fs::create_dir(dir.path().join(label)).unwrap();
        for number in 0..700 {
            std::fs::write(dir.path().join(format!("{label}/{number}.jpg")), "x").unwrap();
        }
    }
    std::fs::write(dir.path().join("notes.txt"), "x").unwrap();
    std::fs::write(dir.path().join("b/line\nbreak.jpg"), "x").unwrap();
    let sink = Arc::new(SkippedSink::default());
    let mut state = session(store_with::<&str>([]).await, 3).state();
    let config = state.config().clone().with_extension(Arc::clone(&sink));
    *state.config_mut() = config;
    let ctx = SessionContext::new_with_state(state);
    let root = dir.path().to_str().unwrap();
    create(&ctx, root, "").await.unwrap();
    let count = "SELECT count(*) FROM images";
    assert_eq!(number(&ctx, count).await, 4 * 700);
    // What was passed over travels with the rows, from all pages.
    assert_eq!(sink.skipped().unreadable_count(), 1);
    assert_eq!(sink.skipped().no_image_count(), 1);
    for (condition, rows) in [
        ("label = 'deep'".to_owned(), 700),
        ("label IN ('a', 'c x')".to_owned(), 1_400),
        (format!("path LIKE 'file://{root}/a/%'"), 1_400),
        (format!("path LIKE 'file://{root}/a/d%'"), 700),
        (
            format!("path LIKE 'file://{root}/a/1%' AND label = 'a'"),
            111,
        ),
        (format!("path = 'file://{root}/c x/12.jpg'"), 1),
        (format!("path LIKE 'file://{root}/none/%'"), 0),
    ] {
        let sql = format!("{count} WHERE {condition}");
        assert_eq!(number(&ctx, &sql).await, rows, "{condition}");
    }
    // A limit takes the first in the order of paths, so that it takes the same again.
    let mut first = strings(&ctx, "SELECT path FROM images LIMIT 1200").await;
    first.sort();
    let all = strings(&ctx, "SELECT path FROM images ORDER BY path").await;
    assert_eq!(first, all[..1_200]);
}

#[tokio::test]
async fn overlapping_locations_have_each_object_once() {
    let names = (0..1_500).map(|number| format!("d/{}/{number}.jpg", number % 3));
    let ctx = session(store_with(names).await, 3);
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES \
               LOCATION ('s3://bucket/d/1/7.jpg', 's3://bucket/d', 's3://bucket/d/1')";
    run(&ctx, sql).await.unwrap();
    assert_eq!(number(&ctx, "SELECT count(*) FROM images").await, 1_500);
    let sql = "SELECT count(DISTINCT path) FROM images";
    assert_eq!(number(&ctx, sql).await, 1_500);
}

#[tokio::test]
async fn a_session_whose_plans_travel_has_the_rows_in_the_plan() {
    let store = InventedStore::new(3, 1_000, LATENCY);
    let mut state = session(Arc::new(store), 4).state();
    let config = state.config().clone();
    *state.config_mut() = config.with_extension(Arc::new(ListWhilePlanning));
    let ctx = SessionContext::new_with_state(state);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    insta::assert_snapshot!(plan(&ctx, "SELECT content FROM images").await, @r"
    ImageScanExec: columns=[content], locations=1, objects=3000, bytes=3000, concurrency=auto
      DataSourceExec: partitions=4, output_ordering=path@0 ASC NULLS LAST
    ");
}

/// The most resident memory of this process since the last call, in bytes.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes: String = line.unwrap().chars().filter(char::is_ascii_digit).collect();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_flat() {
    let objects: usize = match std::env::var("POMONA_INVENTED_OBJECTS") {
        Ok(objects) => objects.parse().unwrap(),
        Err(_) => 1_000_000,
    };
    let store = InventedStore::new(1_000, objects / 1_000, LATENCY);
    let ctx = session(Arc::new(store.clone()), 4);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    for sql in [
        "SELECT count(*) FROM images",
        "SELECT sum(length) FROM images",
    ] {
        for round in 1.. {
            peak_memory();
            let (begin, pages) = (Instant::now(), store.pages());
            assert_eq!(number(&ctx, sql).await, objects as i64);
            let (peak, pages) = (peak_memory(), store.pages() - pages);
            println!(
                "{sql}: {objects} objects, {pages} pages, {:?}, {} MB",
                begin.elapsed(),
                peak >> 20
            );
            // Other tests of this process may have had much in one of the rounds.
            if peak < 250 << 20 {
                break;
            }
            assert!(round < 5, "{} MB", peak >> 20);
        }
    }
}
