//! Filters and limits on the listing, and what is left for the plan above it.

use std::sync::Arc;

use crate::probe::ProbeStore;
use crate::session::{create, plan, run, session, store_with, strings, table};

async fn fruits() -> (datafusion::prelude::SessionContext, Arc<ProbeStore>) {
    let mut names = Vec::new();
    for label in ["Apple Braeburn", "Apple Pink", "Banana", "Cherry"] {
        names.extend((0..10).map(|i| format!("t/{label}/{i}_100.jpg")));
    }
    let store = Arc::new(ProbeStore::new(store_with(&names).await));
    let ctx = session(Arc::clone(&store) as _, 4);
    create(&ctx, "s3://bucket/t/", "").await.unwrap();
    (ctx, store)
}

#[tokio::test]
async fn filters_on_the_listing_leave_no_trace_in_the_plan() {
    let (ctx, _) = fruits().await;
    let sql =
        "SELECT path, content FROM images WHERE label LIKE 'Apple%' AND path LIKE '%/1_100.jpg'";
    insta::assert_snapshot!(plan(&ctx, sql).await, @r"
    ImageScanExec: columns=[path, content], locations=1, objects=2, bytes=48, concurrency=auto
      DataSourceExec: partitions=2, output_ordering=path@0 ASC NULLS LAST
    ");
    let sql = "SELECT label FROM images WHERE upper(label) = 'BANANA' AND length > 5";
    insta::assert_snapshot!(plan(&ctx, sql).await, @"DataSourceExec: partitions=4");
}

#[tokio::test]
async fn filters_on_content_and_volatile_ones_stay_above() {
    let (ctx, store) = fruits().await;
    let sql =
        "SELECT path FROM images WHERE content <> arrow_cast('', 'Binary') AND label = 'Cherry'";
    insta::assert_snapshot!(plan(&ctx, sql).await, @r"
    FilterExec: content@1 != , projection=[path@0]
      ImageScanExec: columns=[path, content], locations=1, objects=10, bytes=180, concurrency=auto
        DataSourceExec: partitions=4, output_ordering=path@0 ASC NULLS LAST
    ");
    assert_eq!(strings(&ctx, sql).await.len(), 10);
    assert_eq!(store.gets(), 10);
    let sql = "SELECT label FROM images WHERE random() >= 0";
    insta::assert_snapshot!(plan(&ctx, sql).await, @r"
    FilterExec: random() >= 0
      DataSourceExec: partitions=4
    ");
    assert_eq!(strings(&ctx, sql).await.len(), 40);
}

#[tokio::test]
async fn filters_are_exact() {
    let (ctx, store) = fruits().await;
    let unfiltered = "(SELECT * FROM images LIMIT 1000)";
    for predicate in [
        "label = 'Banana'",
        "label <> 'Banana'",
        "label IN ('Banana', 'Cherry') AND path LIKE '%/3%'",
        "NOT (label LIKE 'Apple%' OR path LIKE '%/0_100.jpg')",
        "length BETWEEN 20 AND 21",
        "length > 1000",
        "modification_time > TIMESTAMP '2020-01-01T00:00:00Z'",
        "modification_time > now()",
        "e_tag IS NULL",
        "e_tag > '20'",
        "regexp_like(path, '[0-4]_100')",
        "NULL",
        "1 = 0",
        "label = (SELECT min(label) FROM images)",
        "label IN (SELECT max(label) FROM images)",
    ] {
        let pushed = format!("SELECT path FROM images WHERE {predicate} ORDER BY path");
        let above = format!("SELECT path FROM {unfiltered} WHERE {predicate} ORDER BY path");
        assert_eq!(
            strings(&ctx, &pushed).await,
            strings(&ctx, &above).await,
            "{predicate}"
        );
    }
    assert_eq!(store.gets(), 0, "no query named content");
}

#[tokio::test]
async fn only_what_is_selected_is_fetched() {
    let (ctx, store) = fruits().await;
    run(
        &ctx,
        "SELECT path, label, length, modification_time, e_tag FROM images",
    )
    .await
    .unwrap();
    run(
        &ctx,
        "SELECT label, count(*), sum(length) FROM images GROUP BY label",
    )
    .await
    .unwrap();
    run(&ctx, "SELECT count(*) FROM images WHERE label = 'Cherry'")
        .await
        .unwrap();
    assert_eq!(store.gets(), 0);
    run(&ctx, "SELECT content FROM images WHERE label = 'Cherry'")
        .await
        .unwrap();
    assert_eq!(store.gets(), 10);
    assert!(
        store
            .requested
            .lock()
            .unwrap()
            .iter()
            .all(|path| path.starts_with("t/Cherry/"))
    );
}

#[tokio::test]
async fn a_limit_prunes_requests() {
    let (ctx, store) = fruits().await;
    let batches = run(&ctx, "SELECT content FROM images LIMIT 3")
        .await
        .unwrap();
    assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), 3);
    assert_eq!(store.gets(), 3);
    let sql = "SELECT content FROM images WHERE label LIKE 'Apple%' LIMIT 4 OFFSET 2";
    let batches = run(&ctx, sql).await.unwrap();
    assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), 4);
    assert_eq!(store.gets(), 3 + 6);
    let sql = "SELECT path, content FROM images ORDER BY path LIMIT 2";
    assert_eq!(
        strings(&ctx, sql).await,
        [
            "s3://bucket/t/Apple Braeburn/0_100.jpg",
            "s3://bucket/t/Apple Braeburn/1_100.jpg"
        ]
    );
    assert!(store.gets() <= 3 + 6 + 4 * 2, "{} requests", store.gets());
}

#[tokio::test]
async fn the_listing_has_exact_statistics() {
    let (ctx, _) = fruits().await;
    insta::assert_snapshot!(plan(&ctx, "SELECT count(*) FROM images WHERE label = 'Cherry'").await, @r"
    ProjectionExec: expr=[10 as count(*)]
      PlaceholderRowExec
    ");
    insta::assert_snapshot!(table(&ctx, "SELECT count(*) AS n FROM images WHERE label = 'Cherry'").await, @r"
    +----+
    | n  |
    +----+
    | 10 |
    +----+
    ");
}

#[tokio::test]
async fn explain_analyze_shows_what_was_read() {
    let (ctx, _) = fruits().await;
    let text = table(&ctx, "EXPLAIN ANALYZE SELECT content FROM images").await;
    for part in [
        "objects_fetched=40",
        "objects_missing=0",
        "bytes_scanned=",
        "fetch_time=",
        "output_rows=40",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
