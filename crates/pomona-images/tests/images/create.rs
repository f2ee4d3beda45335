//! CREATE EXTERNAL TABLE: locations that exist and that do not, options, refused clauses.

use std::fs;
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use pomona_images::{ImageTable, ImageTableOptions};

use crate::session::{create, run, session, store_with, strings};

async fn bucket(names: &[&str]) -> SessionContext {
    session(store_with(names).await, 2)
}

/// The names of the images at `location`, without the bucket.
async fn listed(names: &[&str], location: &str, options: &str) -> Vec<String> {
    let ctx = bucket(names).await;
    create(&ctx, location, options).await.unwrap();
    let paths = strings(&ctx, "SELECT path FROM images ORDER BY path").await;
    paths
        .into_iter()
        .map(|path| path.replace("s3://bucket/", ""))
        .collect()
}

async fn refused(names: &[&str], location: &str, options: &str) -> String {
    create(&bucket(names).await, location, options)
        .await
        .unwrap_err()
        .to_string()
}

const NAMES: [&str; 8] = [
    "d/0.JPG",
    "d/A/1.jpg",
    "d/A/2.png",
    "d/A/notes.txt",
    "d/B/3.jpg",
    "d/B/deep/4.jpeg",
    "d/B/_SUCCESS",
    "d/C/5.heif",
];

#[tokio::test]
async fn folders_files_and_globs() {
    let all = [
        "d/0.JPG",
        "d/A/1.jpg",
        "d/A/2.png",
        "d/B/3.jpg",
        "d/B/deep/4.jpeg",
    ];
    for location in [
        "s3://bucket/d",
        "s3://bucket/d/",
        "s3://bucket/",
        "s3://bucket",
        "s3a://bucket/d",
    ] {
        assert_eq!(listed(&NAMES, location, "").await, all, "{location}");
    }
    assert_eq!(
        listed(&NAMES, "s3://bucket/d/A/1.jpg", "").await,
        ["d/A/1.jpg"]
    );
    assert_eq!(
        listed(&NAMES, "s3://bucket/d/C/5.heif", "").await,
        ["d/C/5.heif"]
    );
    assert_eq!(
        listed(&NAMES, "s3://bucket/d/*/*.jpg", "").await,
        ["d/A/1.jpg", "d/B/3.jpg"]
    );
    assert_eq!(
        listed(&NAMES, "s3://bucket/d/[B]*/", "").await,
        ["d/B/3.jpg", "d/B/deep/4.jpeg"]
    );
}

#[tokio::test]
async fn options_choose_images() {
    let d = "s3://bucket/d/";
    assert_eq!(
        listed(&NAMES, d, "OPTIONS (recursive 'false')").await,
        ["d/0.JPG"]
    );
    assert_eq!(
        listed(&NAMES, d, "OPTIONS (glob '*.png')").await,
        ["d/A/2.png"]
    );
    assert_eq!(
        listed(&NAMES, d, "OPTIONS ('format.glob' '*/*.jpg')").await,
        ["d/A/1.jpg", "d/B/3.jpg"]
    );
    assert_eq!(
        listed(&NAMES, d, "OPTIONS (glob '*.heif', concurrency 4)").await,
        ["d/C/5.heif"]
    );
    assert!(listed(&NAMES, d, "OPTIONS (glob '*.gif')").await.is_empty());
    assert!(
        listed(&NAMES, "s3://bucket/d/B/deep/", "OPTIONS (glob '*.jpg')")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn several_locations_make_one_table_and_each_object_counts_once() {
    let ctx = bucket(&NAMES).await;
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES \
               LOCATION ('s3://bucket/d/A/', 's3://bucket/d/B/deep/', 's3://bucket/d/A/1.jpg')";
    run(&ctx, sql).await.unwrap();
    let paths = strings(
        &ctx,
        "SELECT split_part(path, '/', -1) FROM images ORDER BY path",
    )
    .await;
    assert_eq!(paths, ["1.jpg", "2.png", "4.jpeg"]);
}

#[tokio::test]
async fn a_table_of_two_stores_reads_from_both() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("local.jpg"), "from disk").unwrap();
    let ctx = bucket(&["d/remote.jpg"]).await;
    let locations = ["s3://bucket/d", dir.path().to_str().unwrap()];
    let state = ctx.state();
    let table = ImageTable::try_new(&state, locations, ImageTableOptions::default())
        .await
        .unwrap();
    let stores: Vec<_> = table.object_store_urls().unwrap();
    assert_eq!(
        stores.iter().map(|url| url.as_str()).collect::<Vec<_>>(),
        ["s3://bucket/", "file:///"]
    );
    ctx.register_table("images", Arc::new(table)).unwrap();
    let sql = "SELECT arrow_cast(content, 'Utf8') FROM images ORDER BY path";
    assert_eq!(strings(&ctx, sql).await, ["from disk", "d/remote.jpg"]);
}

#[tokio::test]
async fn a_table_survives_being_written_and_read() {
    let ctx = bucket(&NAMES).await;
    let options = ImageTableOptions {
        recursive: false,
        ..Default::default()
    };
    let table = ImageTable::try_new(&ctx.state(), ["s3://bucket/d/*"], options)
        .await
        .unwrap();
    let written = serde_json::to_string(&(table.locations(), table.options())).unwrap();
    let (locations, options) = serde_json::from_str(&written).unwrap();
    assert_eq!(ImageTable::from_resolved(locations, options), table);
}

#[tokio::test]
async fn folders_named_like_images_are_no_images() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("x.jpg/empty.png")).unwrap();
    fs::write(dir.path().join("x.jpg/inside.jpg"), "").unwrap();
    fs::write(dir.path().join("._x.jpg"), "").unwrap();
    let ctx = bucket(&[]).await;
    create(&ctx, dir.path().to_str().unwrap(), "")
        .await
        .unwrap();
    let labels = strings(
        &ctx,
        "SELECT label || '/' || split_part(path, '/', -1) FROM images",
    )
    .await;
    assert_eq!(labels, ["x.jpg/inside.jpg"]);

    // Consoles of S3 write an empty object for a folder.
    use object_store::ObjectStoreExt;
    let store = store_with(["d/x.jpg/inside.jpg"]).await;
    store
        .put(&"d/x.jpg".into(), Default::default())
        .await
        .unwrap();
    let ctx = session(store, 2);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    assert_eq!(
        strings(&ctx, "SELECT path FROM images").await,
        ["s3://bucket/d/x.jpg/inside.jpg"]
    );
}

#[tokio::test]
async fn an_existing_folder_without_images_is_an_empty_table() {
    let dir = tempfile::tempdir().unwrap();
    let ctx = bucket(&["d/notes.txt"]).await;
    for location in [dir.path().to_str().unwrap(), "s3://bucket/d/"] {
        create(&ctx, location, "").await.unwrap();
        assert!(strings(&ctx, "SELECT path FROM images").await.is_empty());
        assert!(
            run(&ctx, "SELECT content FROM images")
                .await
                .unwrap()
                .iter()
                .all(|b| b.num_rows() == 0)
        );
        run(&ctx, "DROP TABLE images").await.unwrap();
    }
}

#[tokio::test]
async fn a_missing_place_is_refused_with_its_name_and_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let missing = format!("{}/no/such", dir.path().display());
    let text = refused(&[], &missing, "")
        .await
        .replace(dir.path().to_str().unwrap(), "TMP");
    insta::assert_snapshot!(text, @"External error: no such folder: TMP/no/such (LOCATION 'TMP/no/such'): the nearest folder that exists is TMP; give an existing folder, a file, or a glob below a folder");
    let text = refused(&NAMES, "s3://bucket/Trainig/Apple%20Pink/", "").await;
    insta::assert_snapshot!(text, @"External error: no object found below s3://bucket/Trainig/Apple%20Pink/ (LOCATION 's3://bucket/Trainig/Apple%20Pink/'): LOCATION is literal, write a space as a space and not as %20; check the bucket and the prefix, which are case-sensitive");
    let text = refused(&NAMES, "s3://bucket/no/*/x.jpg", "").await;
    insta::assert_snapshot!(text, @"External error: no object found below s3://bucket/no/*/x.jpg (LOCATION 's3://bucket/no/*/x.jpg'): check the bucket and the prefix, which are case-sensitive");
    let text = refused(&[], "s3://other/d", "").await;
    assert!(text.contains("s3://other"), "{text}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let text = refused(&NAMES, "s3://bucket/d/", "OPTIONS (globs '*.png')").await;
    insta::assert_snapshot!(text, @"External error: unknown option 'globs' of an image table: the options are glob, recursive, depth, concurrency, batch_bytes, missing, shards, sidecars, listing, path_column");
    let ctx = bucket(&NAMES).await;
    for (columns, clauses) in [
        ("(path VARCHAR)", ""),
        ("(path VARCHAR)", "PARTITIONED BY (path)"),
    ] {
        let sql = format!(
            "CREATE EXTERNAL TABLE t {columns} STORED AS IMAGES {clauses} LOCATION 's3://bucket/d/'"
        );
        let text = run(&ctx, &sql).await.unwrap_err().to_string();
        assert!(text.contains("modification_time"), "{text}");
    }
    let sql = "CREATE UNBOUNDED EXTERNAL TABLE t STORED AS IMAGES LOCATION 's3://bucket/d/'";
    let text = run(&ctx, sql).await.unwrap_err().to_string();
    assert!(text.contains("UNBOUNDED"), "{text}");

    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    let text = run(&ctx, "INSERT INTO images SELECT * FROM images")
        .await
        .unwrap_err()
        .to_string();
    assert!(text.contains("read-only"), "{text}");
}
