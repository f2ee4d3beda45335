//! Plans that hold ranges of keys instead of rows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, collect};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
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

/// How often each path is a row, and how many rows each partition has.
async fn rows_of(ctx: &SessionContext, sql: &str) -> (BTreeMap<String, usize>, Vec<usize>) {
    let frame = ctx.sql(sql).await.unwrap();
    rows_of_plan(ctx, frame.create_physical_plan().await.unwrap()).await
}

async fn rows_of_plan(
    ctx: &SessionContext,
    plan: Arc<dyn ExecutionPlan>,
) -> (BTreeMap<String, usize>, Vec<usize>) {
    let mut seen = BTreeMap::new();
    let counts = each_row(ctx, plan, |path| {
        *seen.entry(path.to_owned()).or_insert(0) += 1
    });
    let counts = counts.await;
    (seen, counts)
}

/// How many rows each partition has, whose paths are passed on.
async fn each_row(
    ctx: &SessionContext,
    plan: Arc<dyn ExecutionPlan>,
    mut each: impl FnMut(&str),
) -> Vec<usize> {
    let mut counts = vec![];
    for partition in 0..plan.output_partitioning().partition_count() {
        let mut rows = plan.execute(partition, ctx.task_ctx()).unwrap();
        let mut count = 0;
        while let Some(batch) = rows.next().await {
            let batch = batch.unwrap();
            for path in batch.column(0).as_string::<i32>().iter().flatten() {
                each(path);
                count += 1;
            }
        }
        counts.push(count);
    }
    counts
}

#[tokio::test]
async fn a_million_keys_are_divided_with_a_few_requests() {
    for partitions in [4, 16] {
        let store = InventedStore::new(1_000, 1_000, Duration::ZERO);
        let ctx = travelling(Arc::new(store.clone()), partitions);
        create(&ctx, "s3://bucket/d/", "").await.unwrap();
        let before = store.pages();
        let frame = ctx.sql("SELECT path FROM images").await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        let asked = store.pages() - before;
        println!("{partitions} ranges of a million keys: {asked} LIST requests");
        assert!(asked < 250, "{asked} LIST requests");
        assert!(plan.is::<ListRangesExec>());
        // Executors make the others, and few more than there are pages.
        let before = store.pages();
        // A million paths would be in the way of a test of this process's memory.
        let mut seen = vec![0_u8; 1_000_000];
        let counts = each_row(&ctx, plan, |path| {
            let digits: String = path.chars().filter(char::is_ascii_digit).collect();
            // The 3 of s3, the class and the number in it.
            let (class, number) = (&digits[1..5], &digits[5..]);
            let (class, number): (usize, usize) = (class.parse().unwrap(), number.parse().unwrap());
            seen[class * 1_000 + number] += 1;
        });
        let counts = counts.await;
        let listed = store.pages() - before;
        assert!(listed <= 1_000 + 2 * partitions, "{listed} LIST requests");
        assert!(seen.iter().all(|times| *times == 1));
        let most = *counts.iter().max().unwrap();
        assert!(most * partitions <= 1_300_000, "{counts:?}");
    }
}

#[tokio::test]
async fn keys_of_all_shapes_are_divided_and_each_is_listed_once() {
    let mix = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let count = 36_000;
    let hashes = (0..count).map(|n| format!("d/{:016x}.jpg", mix(n)));
    let numbers = (0..count).map(|n| format!("d/IMG_{n}.jpg"));
    let dates = (0..count).map(|n| {
        let (day, month) = (n % 28 + 1, n / 28 % 12 + 1);
        format!("d/2026/{month:02}/{day:02}/{n}.jpg")
    });
    // One folder of a thousand has most of them.
    let uneven = (0..count).map(|n| match n % 10 {
        0 => format!("d/class {:04}/{n}.jpg", n / 10 % 1_000),
        _ => format!("d/class 0617/{n:06}.jpg"),
    });
    let letters = ["ä", "é", "日", "本", "-", "Z", "a b", "\u{10FFFD}"];
    let unicode = (0..count).map(|n| format!("d/{}/{n}.jpg", letters[n as usize % 8]));
    // Keys that others begin with.
    let nested = (0..count)
        .map(|n| format!("d/{}x.jpg", "x".repeat(n as usize % 200 + 1)) + &format!("/{n}.jpg"));
    let shapes: [(&str, Vec<String>, usize); 6] = [
        ("hashes", hashes.collect(), 150),
        ("numbers", numbers.collect(), 150),
        ("dates", dates.collect(), 150),
        ("uneven", uneven.collect(), 250),
        ("unicode", unicode.collect(), 200),
        ("nested", nested.collect(), 400),
    ];
    for (shape, names, percent) in shapes {
        let store = store_with(&names).await;
        let ctx = travelling(store, 6);
        create(&ctx, "s3://bucket/d", "").await.unwrap();
        let (seen, counts) = rows_of(&ctx, "SELECT path FROM images").await;
        println!("{shape}: {counts:?}");
        assert_eq!(seen.len(), names.len(), "{shape}");
        assert!(seen.values().all(|times| *times == 1), "{shape}");
        let most = *counts.iter().max().unwrap();
        assert!(
            most * 6 * 100 <= names.len() * percent,
            "{shape}: {counts:?}"
        );
    }
}

#[tokio::test]
async fn a_condition_is_part_of_how_long_listings_are_divided() {
    let ctx = travelling(Arc::new(InventedStore::new(100, 1_000, Duration::ZERO)), 4);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    for (condition, expected) in [
        ("label < 'class 0050'", 50_000),
        (
            "path LIKE 's3://bucket/d/class 00%' AND label <> 'class 0007'",
            99_000,
        ),
        (
            "path LIKE 's3://bucket/d/class 001%' OR path LIKE 's3://bucket/d/class 009%'",
            20_000,
        ),
    ] {
        let sql = format!("SELECT path FROM images WHERE {condition}");
        let (seen, counts) = rows_of(&ctx, &sql).await;
        assert_eq!(seen.len(), expected, "{condition}");
        assert!(seen.values().all(|times| *times == 1), "{condition}");
        let most = *counts.iter().max().unwrap();
        assert!(most * 4 <= 2 * expected, "{condition}: {counts:?}");
    }
    let plan = plan(&ctx, "SELECT path, content FROM images").await;
    let about = |word: &str| {
        let (_, rest) = plan.split_once(&format!("{word}=~")).unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap()
    };
    // Guesses, which may be far off.
    assert!(about("objects") > 10_000, "{plan}");
    assert!(about("bytes") > 10_000, "{plan}");
}

#[tokio::test]
async fn what_was_there_throughout_is_listed_once_in_a_long_listing() {
    let name = |number: usize| format!("d/{:02}/{number:05}.jpg", number % 40);
    let store = store_with((0..36_000).map(name)).await;
    let ctx = travelling(Arc::clone(&store) as _, 8);
    create(&ctx, "s3://bucket/d", "").await.unwrap();
    let frame = ctx.sql("SELECT path FROM images").await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    for number in (0..36_000).filter(|number| number % 3 == 0) {
        store.delete(&Path::from(name(number))).await.unwrap();
    }
    for number in 36_000..40_000 {
        let path = Path::from(name(number));
        store.put(&path, "new".into()).await.unwrap();
    }
    let (seen, counts) = rows_of_plan(&ctx, plan).await;
    assert!(seen.values().all(|times| *times == 1));
    for number in 0..36_000 {
        let path = format!("s3://bucket/{}", name(number));
        assert_eq!(seen.contains_key(&path), number % 3 > 0, "{path}");
    }
    assert_eq!(seen.len(), 24_000 + 4_000);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[tokio::test]
async fn what_was_passed_over_is_said_once() {
    for images in [11_000, 40_000] {
        passed_over_is_said_once(images).await;
    }
}

async fn passed_over_is_said_once(images: usize) {
    let mut names: Vec<_> = (0..images)
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
