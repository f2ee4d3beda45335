//! Plans that hold ranges of keys instead of rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::{ExecutionPlanProperties, collect};
use datafusion::prelude::SessionContext;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pomona_images::{ListRangesExec, ListWhilePlanning, SkippedSink};

use crate::invented::InventedStore;
use crate::session::{create, plan, run, session, store_with, strings};

/// A session whose plans travel.
fn travelling(store: Arc<dyn ObjectStore>, partitions: usize) -> SessionContext {
    let mut state = session(store, partitions).state();
    let config = state.config().clone();
    *state.config_mut() = config.with_extension(Arc::new(ListWhilePlanning));
    SessionContext::new_with_state(state)
}

async fn invented() -> SessionContext {
    let store = InventedStore::new(20, 1_000, Duration::ZERO);
    let ctx = travelling(Arc::new(store), 4);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    ctx
}

#[tokio::test]
async fn a_long_listing_travels_as_ranges() {
    let ctx = invented().await;
    insta::assert_snapshot!(plan(&ctx, "SELECT path, content FROM images").await, @r"
    ImageScanExec: columns=[path, content], locations=1, objects=?, bytes=?, concurrency=auto
      ListRangesExec: columns=[path, length], objects=20000, bytes=20000
        DataSourceExec: partitions=4
    ");
    insta::assert_snapshot!(plan(&ctx, "SELECT label FROM images WHERE length > 0").await, @r"
    FilterExec: length@2 > 0, projection=[label@1]
      ListRangesExec: columns=[path, label, length, modification_time, e_tag, json, cls, txt], objects=20000, bytes=20000
        DataSourceExec: partitions=4
    ");
    // What is few travels as rows, and so does what a limit leaves.
    for few in [
        "SELECT path FROM images WHERE label = 'class 0003'",
        "SELECT path FROM images LIMIT 12000",
    ] {
        let plan = plan(&ctx, few).await;
        assert!(!plan.contains(ListRangesExec::NAME), "{plan}");
    }
}

#[tokio::test]
async fn every_image_is_in_one_partition_and_partitions_are_even() {
    let ctx = invented().await;
    let frame = ctx.sql("SELECT path FROM images").await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    assert_eq!(plan.output_partitioning().partition_count(), 4);
    let mut seen = BTreeMap::new();
    for partition in 0..4 {
        let rows = plan.execute(partition, ctx.task_ctx()).unwrap();
        let rows: Vec<_> = futures::TryStreamExt::try_collect(rows).await.unwrap();
        let count: usize = rows.iter().map(|batch| batch.num_rows()).sum();
        assert!((4_900..=5_100).contains(&count), "{count} of 20,000");
        for path in rows.iter().flat_map(|batch| {
            let paths = arrow::array::AsArray::as_string::<i32>(batch.column(0));
            paths
                .iter()
                .flatten()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        }) {
            *seen.entry(path).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), 20_000);
    assert!(seen.values().all(|times| *times == 1));
}

#[tokio::test]
async fn conditions_and_folders_are_those_of_a_plan_with_rows() {
    let mut names: Vec<String> = (0..12_000)
        .map(|number| format!("d/{}/label {}/{number}.jpg", number % 3, number % 131))
        .collect();
    names.extend((0..700).map(|number| format!("d/{number}.png")));
    names.extend(["d/notes.txt".to_owned(), "d/1/.hidden.jpg".to_owned()]);
    names.extend((0..300).map(|number| format!("dd/{number}.jpg")));
    let store = store_with(&names).await;
    for (location, options) in [
        ("s3://bucket/d", ""),
        ("s3://bucket/", "OPTIONS (glob '*.jpg')"),
        ("s3://bucket/d/**/*7.jpg", ""),
        ("s3://bucket/d", "OPTIONS (depth 9)"),
    ] {
        let ctx = travelling(Arc::clone(&store) as _, 7);
        create(&ctx, location, options).await.unwrap();
        let here = session(Arc::clone(&store) as _, 3);
        create(&here, location, options).await.unwrap();
        let all =
            "concat_ws(' ', count(DISTINCT path), max(path || label || length::text || e_tag))";
        for (columns, condition) in [
            ("count(*)::text", "true"),
            (all, "true"),
            ("count(content)::text", "length > 17"),
            ("count(*)::text", "label LIKE 'label 1%'"),
            (all, "path LIKE 's3://bucket/d/1%' AND length <> 20"),
            ("count(*)::text", "path LIKE 's3://bucket/%' OR label = 'x'"),
            (all, "label = 'label 77'"),
            (all, "path > 's3://bucket/d/2'"),
        ] {
            let sql = format!("SELECT {columns} FROM images WHERE {condition}");
            let expected = strings(&here, &sql).await;
            assert_eq!(strings(&ctx, &sql).await, expected, "{location} {sql}");
        }
    }
}

#[tokio::test]
async fn what_was_there_throughout_is_listed_once() {
    let name = |number: usize| format!("d/{:02}/{number:05}.jpg", number % 40);
    let store = store_with((0..12_000).map(name)).await;
    let ctx = travelling(Arc::clone(&store) as _, 8);
    create(&ctx, "s3://bucket/d", "").await.unwrap();
    let frame = ctx.sql("SELECT path FROM images").await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    assert!(plan.is::<ListRangesExec>());
    // Between plan and execution keys go, bounds of ranges among them, and others come.
    for number in (0..12_000).filter(|number| number % 3 == 0) {
        store.delete(&Path::from(name(number))).await.unwrap();
    }
    for number in 12_000..14_000 {
        let path = Path::from(name(number));
        store.put(&path, "new".into()).await.unwrap();
    }
    let rows = collect(plan, ctx.task_ctx()).await.unwrap();
    let mut seen = BTreeMap::new();
    for batch in &rows {
        let paths = arrow::array::AsArray::as_string::<i32>(batch.column(0));
        for path in paths.iter().flatten() {
            *seen.entry(path.to_owned()).or_insert(0) += 1;
        }
    }
    assert!(seen.values().all(|times| *times == 1));
    for number in 0..12_000 {
        let path = format!("s3://bucket/{}", name(number));
        assert_eq!(seen.contains_key(&path), number % 3 > 0, "{path}");
    }
    assert_eq!(seen.len(), 8_000 + 2_000);
}

#[tokio::test]
async fn what_was_passed_over_is_said_once() {
    let mut names: Vec<_> = (0..11_000)
        .map(|number| format!("d/{number}.jpg"))
        .collect();
    names.extend((0..25).map(|number| format!("d/{number}.txt")));
    let mut state = travelling(store_with(names).await, 4).state();
    let sink = Arc::new(SkippedSink::default());
    let config = state.config().clone().with_extension(Arc::clone(&sink));
    *state.config_mut() = config;
    let ctx = SessionContext::new_with_state(state);
    create(&ctx, "s3://bucket/d", "").await.unwrap();
    run(&ctx, "SELECT path FROM images").await.unwrap();
    assert_eq!(sink.skipped().extensions(), "25 .txt");
}

#[tokio::test]
async fn other_listings_travel_as_rows() {
    let names = (0..11_000).map(|number| format!("d/{}/{number}.jpg", number % 2));
    let store: Arc<InMemory> = store_with(names).await;
    for (locations, options) in [
        ("'s3://bucket/d'", "OPTIONS (depth 0)"),
        ("('s3://bucket/d/0', 's3://bucket/d/1')", ""),
    ] {
        let ctx = travelling(Arc::clone(&store) as _, 4);
        let sql =
            format!("CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION {locations} {options}");
        run(&ctx, &sql).await.unwrap();
        let plan = plan(&ctx, "SELECT path FROM images").await;
        assert!(!plan.contains(ListRangesExec::NAME), "{plan}");
    }
    let ctx = travelling(store, 4);
    create(&ctx, "s3://bucket/d", "").await.unwrap();
    let sql = "SELECT path FROM images WHERE length + 1 > 2";
    let frame = ctx.sql(sql).await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    assert!(plan.is::<FilterExec>(), "{plan:?}");
}
