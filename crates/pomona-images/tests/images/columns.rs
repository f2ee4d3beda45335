//! The columns, their types and what they hold.

use std::fs;

use arrow::datatypes::{DataType, TimeUnit};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::session::{create, run, session, store_with, strings, table};

#[tokio::test]
async fn the_schema_is_fixed() {
    let ctx = session(store_with(["a/1.jpg"]).await, 2);
    create(&ctx, "s3://bucket/a/", "").await.unwrap();
    let schema = ctx
        .table("images")
        .await
        .unwrap()
        .schema()
        .as_arrow()
        .clone();
    let fields: Vec<_> = schema
        .fields()
        .iter()
        .map(|f| (f.name().as_str(), f.data_type().clone(), f.is_nullable()))
        .collect();
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    assert_eq!(
        fields,
        [
            ("path", DataType::Utf8, false),
            ("label", DataType::Utf8, false),
            ("length", DataType::Int64, false),
            ("modification_time", utc, false),
            ("e_tag", DataType::Utf8, true),
            ("content", DataType::Binary, true),
        ]
    );
    // What is executed has exactly the columns that were promised.
    for sql in [
        "SELECT * FROM images",
        "SELECT content, path, content AS again FROM images",
    ] {
        let frame = ctx.sql(sql).await.unwrap();
        let promised = frame.schema().as_arrow().clone();
        for batch in frame.collect().await.unwrap() {
            assert_eq!(batch.schema().fields(), promised.fields());
        }
    }
}

#[tokio::test]
async fn a_local_file_is_described_as_the_file_system_does() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("Apple Braeburn");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("0_100.jpg"), b"not really an image").unwrap();
    let ctx = session(store_with::<&str>([]).await, 2);
    create(&ctx, dir.path().to_str().unwrap(), "")
        .await
        .unwrap();

    let path = format!("{}/Apple Braeburn/0_100.jpg", dir.path().display());
    let meta = LocalFileSystem::new()
        .head(&Path::parse(&path).unwrap())
        .await
        .unwrap();
    let sql = format!(
        "SELECT path = 'file://{path}' AND label = 'Apple Braeburn' AND length = 19 \
         AND to_unixtime(modification_time) = {} \
         AND CAST(modification_time AS BIGINT) = {} \
         AND e_tag = '{}' AND content = arrow_cast('not really an image', 'Binary') AS right FROM images",
        meta.last_modified.timestamp(),
        meta.last_modified.timestamp_micros(),
        meta.e_tag.unwrap(),
    );
    insta::assert_snapshot!(table(&ctx, &sql).await, @r"
    +-------+
    | right |
    +-------+
    | true  |
    +-------+
    ");
}

#[tokio::test]
async fn any_projection_gives_its_columns_in_its_order() {
    let ctx = session(store_with(["r/A/1.jpg", "r/B/22.jpg"]).await, 2);
    create(&ctx, "s3://bucket/r", "").await.unwrap();
    let sql = "SELECT CAST(content AS VARCHAR) AS text, length, label FROM images ORDER BY path";
    insta::assert_snapshot!(table(&ctx, sql).await, @r"
    +------------+--------+-------+
    | text       | length | label |
    +------------+--------+-------+
    | r/A/1.jpg  | 9      | A     |
    | r/B/22.jpg | 10     | B     |
    +------------+--------+-------+
    ");
    let sql = "SELECT label, CAST(content AS VARCHAR) AS text FROM images ORDER BY length DESC";
    assert_eq!(strings(&ctx, sql).await, ["B", "A"]);
    insta::assert_snapshot!(table(&ctx, "SELECT count(*) AS n FROM images").await, @r"
    +---+
    | n |
    +---+
    | 2 |
    +---+
    ");
    insta::assert_snapshot!(table(&ctx, "SELECT 1 AS one FROM images").await, @r"
    +-----+
    | one |
    +-----+
    | 1   |
    | 1   |
    +-----+
    ");
    let total: usize = run(&ctx, "SELECT content FROM images")
        .await
        .unwrap()
        .iter()
        .map(|batch| batch.num_rows())
        .sum();
    assert_eq!(total, 2);
}

#[tokio::test]
async fn the_label_is_the_parent_folder_at_every_depth() {
    let names = ["0.jpg", "r/1.jpg", "r/A/2.jpg", "r/A/deep/3.jpg"];
    let ctx = session(store_with(names).await, 2);
    create(&ctx, "s3://bucket/r/", "").await.unwrap();
    assert_eq!(
        strings(&ctx, "SELECT label FROM images ORDER BY path").await,
        ["r", "A", "deep"]
    );

    let ctx = session(store_with(names).await, 2);
    create(&ctx, "s3://bucket", "").await.unwrap();
    let labels = strings(&ctx, "SELECT label FROM images ORDER BY path").await;
    assert_eq!(labels, ["bucket", "r", "A", "deep"]);
}

#[tokio::test]
async fn the_e_tag_is_the_stores() {
    let store = store_with(["a/1.jpg"]).await;
    let meta = store.head(&Path::from("a/1.jpg")).await.unwrap();
    let ctx = session(store as std::sync::Arc<dyn ObjectStore>, 1);
    create(&ctx, "s3://bucket/a", "").await.unwrap();
    assert_eq!(
        strings(&ctx, "SELECT e_tag FROM images").await,
        [meta.e_tag.unwrap()]
    );
}
