//! Tables whose listing is a file: S3 Inventory, and files with a column of paths.

use std::fs;
use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::Int64Type;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::SessionContext;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use crate::probe::ProbeStore;
use crate::session::{create, plan, run, session, strings, table};

const CSV_SCHEMA: &str =
    "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass";

/// A file as a manifest names it: its key, its size and its MD5.
type Listed<'a> = (&'a str, usize, String);

fn listed<'a>(key: &'a str, bytes: &[u8]) -> Listed<'a> {
    (key, bytes.len(), md5(bytes))
}

fn md5(bytes: &[u8]) -> String {
    let digits = Md5::digest(bytes);
    digits.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn manifest(format: &str, schema: &str, files: &[Listed<'_>]) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|(key, size, md5)| {
            format!(r#"{{"key": "{key}", "size": {size}, "MD5checksum": "{md5}"}}"#)
        })
        .collect();
    format!(
        r#"{{"sourceBucket": "bucket", "destinationBucket": "arn:aws:s3:::inventory",
            "version": "2016-11-30", "creationTimestamp": "1514944800000",
            "fileFormat": "{format}", "fileSchema": "{schema}", "files": [{}]}}"#,
        files.join(", ")
    )
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A row as S3 writes it: all values in quotes, the key in the encoding of forms.
fn row(key: &str, is_latest: bool, is_deleted: bool, size: &str) -> String {
    format!(
        "\"bucket\",\"{key}\",\"v1\",\"{is_latest}\",\"{is_deleted}\",\"{size}\",\"2026-01-02T03:04:05.000Z\",\"abc\",\"STANDARD\"\n"
    )
}

/// The place of an inventory in its bucket.
const HOME: &str = "inv/bucket/daily";

struct Stores {
    images: Arc<ProbeStore>,
    inventory: Arc<ProbeStore>,
    ctx: SessionContext,
}

impl Stores {
    /// A bucket with these images, of which each holds its key, and one for inventories.
    async fn new(keys: &[&str], files: &[(&str, Vec<u8>)]) -> Self {
        let images = Arc::new(InMemory::new());
        for key in keys {
            let path = Path::parse(key).unwrap();
            images.put(&path, key.to_string().into()).await.unwrap();
        }
        let inventory = Arc::new(InMemory::new());
        for (key, bytes) in files {
            let path = Path::parse(key).unwrap();
            inventory.put(&path, bytes.clone().into()).await.unwrap();
        }
        let images = Arc::new(ProbeStore::new(images));
        let inventory = Arc::new(ProbeStore::new(inventory));
        let ctx = session(Arc::clone(&images) as _, 2);
        let url = Url::parse("s3://inventory").unwrap();
        ctx.register_object_store(&url, Arc::clone(&inventory) as Arc<dyn ObjectStore>);
        Self {
            images,
            inventory,
            ctx,
        }
    }

    /// With an inventory of these data files.
    async fn with_inventory(
        keys: &[&str],
        format: &str,
        schema: &str,
        files: &[(&str, Vec<u8>)],
    ) -> Self {
        let listed = files.iter().map(|(key, bytes)| listed(key, bytes));
        let listed: Vec<_> = listed.collect();
        let manifest = manifest(format, schema, &listed).into_bytes();
        let mut all = files.to_vec();
        let place = format!("{HOME}/2026-01-02T00-00Z/manifest.json");
        let checksum = format!("{HOME}/2026-01-02T00-00Z/manifest.checksum");
        all.push((&checksum, md5(&manifest).into_bytes()));
        all.push((&place, manifest));
        let stores = Self::new(keys, &all).await;
        create(&stores.ctx, &format!("s3://inventory/{place}"), "")
            .await
            .unwrap();
        stores
    }
}

async fn number(ctx: &SessionContext, sql: &str) -> i64 {
    let batches = run(ctx, sql).await.unwrap();
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test]
async fn an_inventory_in_csv_is_the_listing_of_its_bucket() {
    let keys = ["Apple Red/1.jpg", "Pêche+Plate/2.jpg", "a%20b/3.png"];
    let first = [
        row("Apple+Red/1.jpg", true, false, "15"),
        row("Apple+Red/1.jpg", false, false, "14"),
        row("Apple+Red/gone.jpg", true, true, ""),
        row("Apple+Red/", true, false, "0"),
        row("Apple+Red/notes.txt", true, false, "3"),
        row("P%C3%AAche%2BPlate/2.jpg", true, false, "18"),
    ];
    let second = [
        row("a%2520b/3.png", true, false, "11"),
        row(".hidden/4.jpg", true, false, "11"),
        row("odd//5.jpg", true, false, "11"),
    ];
    let files = [
        ("inv/bucket/daily/data/1.csv.gz", gzip(&first.concat())),
        ("inv/bucket/daily/data/2.csv.gz", gzip(&second.concat())),
    ];
    let stores = Stores::with_inventory(&keys, "CSV", CSV_SCHEMA, &files).await;
    let ctx = &stores.ctx;
    insta::assert_snapshot!(table(ctx, "SELECT path, label, length, modification_time, e_tag FROM images ORDER BY path").await, @r#"
    +-------------------------------+-------------+--------+----------------------+-------+
    | path                          | label       | length | modification_time    | e_tag |
    +-------------------------------+-------------+--------+----------------------+-------+
    | s3://bucket/Apple Red/1.jpg   | Apple Red   | 15     | 2026-01-02T03:04:05Z | "abc" |
    | s3://bucket/Pêche+Plate/2.jpg | Pêche+Plate | 18     | 2026-01-02T03:04:05Z | "abc" |
    | s3://bucket/a%20b/3.png       | a%20b       | 11     | 2026-01-02T03:04:05Z | "abc" |
    +-------------------------------+-------------+--------+----------------------+-------+
    "#);
    assert_eq!(stores.images.gets(), 0);
    let sql = "SELECT arrow_cast(content, 'Utf8') FROM images WHERE label = 'Pêche+Plate'";
    assert_eq!(strings(ctx, sql).await, ["Pêche+Plate/2.jpg"]);
    assert_eq!(stores.images.gets(), 1, "only what is selected is read");
    let sql = "SELECT count(*) FROM images WHERE path LIKE 's3://bucket/Apple%' AND length > 1";
    assert_eq!(number(ctx, sql).await, 1);
}

#[tokio::test]
async fn an_inventory_in_parquet_may_lack_columns() {
    let rows = RecordBatch::try_from_iter_with_nullable([
        (
            "bucket",
            Arc::new(StringArray::from(vec!["bucket"; 4])) as ArrayRef,
            false,
        ),
        (
            "key",
            Arc::new(StringArray::from(vec![
                "A/1+1.jpg",
                "A/2.jpg",
                "A/3.jpg",
                "A/4.jpg",
            ])),
            false,
        ),
        (
            "is_delete_marker",
            Arc::new(BooleanArray::from(vec![
                Some(false),
                Some(true),
                None,
                None,
            ])),
            true,
        ),
        (
            "is_latest",
            Arc::new(BooleanArray::from(vec![
                Some(true),
                Some(true),
                Some(true),
                Some(false),
            ])),
            true,
        ),
        (
            "last_modified_date",
            Arc::new(TimestampMillisecondArray::from(vec![1_767_323_045_000; 4])),
            true,
        ),
    ]);
    let files = [("inv/bucket/daily/data/1.parquet", parquet(&rows.unwrap()))];
    let keys = ["A/1+1.jpg", "A/3.jpg"];
    let stores = Stores::with_inventory(&keys, "Parquet", "message s3.inventory {…}", &files).await;
    insta::assert_snapshot!(table(&stores.ctx, "SELECT path, length, modification_time, e_tag, arrow_cast(content, 'Utf8') AS content FROM images ORDER BY path").await, @r"
    +-----------------------+--------+----------------------+-------+-----------+
    | path                  | length | modification_time    | e_tag | content   |
    +-----------------------+--------+----------------------+-------+-----------+
    | s3://bucket/A/1+1.jpg |        | 2026-01-02T03:04:05Z |       | A/1+1.jpg |
    | s3://bucket/A/3.jpg   |        | 2026-01-02T03:04:05Z |       | A/3.jpg   |
    +-----------------------+--------+----------------------+-------+-----------+
    ");
    let sql = "SELECT count(*) FROM images WHERE length IS NULL";
    assert_eq!(number(&stores.ctx, sql).await, 2);
    let sql = "SELECT count(*) FROM images WHERE length > 0";
    assert_eq!(number(&stores.ctx, sql).await, 0);
}

fn parquet(rows: &RecordBatch) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(vec![], rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn an_inventory_streams_and_stops() {
    let data: Vec<_> = (0..8)
        .map(|file| {
            let rows = (0..2_500).map(|i| row(&format!("f{file}/{i:05}.jpg"), true, false, "10"));
            let key = format!("inv/bucket/daily/data/{file}.csv.gz");
            (key, gzip(&rows.collect::<String>()))
        })
        .collect();
    let files: Vec<_> = data
        .iter()
        .map(|(key, bytes)| (key.as_str(), bytes.clone()))
        .collect();
    let stores = Stores::with_inventory(&[], "CSV", CSV_SCHEMA, &files).await;
    let ctx = &stores.ctx;
    assert_eq!(number(ctx, "SELECT count(*) FROM images").await, 20_000);
    assert_eq!(
        number(ctx, "SELECT count(DISTINCT path) FROM images").await,
        20_000
    );
    let sql = "SELECT count(*) FROM images WHERE label = 'f3'";
    assert_eq!(number(ctx, sql).await, 2_500);
    insta::assert_snapshot!(plan(ctx, "SELECT path FROM images").await, @"ImageListingExec: columns=[path], locations=1, partitions=2");

    // The manifest, its checksum, and the first of its files.
    let before = stores.inventory.gets();
    let sql = "SELECT path FROM images LIMIT 7";
    assert_eq!(strings(ctx, sql).await.len(), 7);
    assert_eq!(stores.inventory.gets() - before, 3);
}

#[tokio::test]
async fn an_inventory_that_is_none_is_refused_by_name() {
    let data = (
        "inv/bucket/daily/data/1.csv.gz",
        gzip(&row("1.jpg", true, false, "1")),
    );
    let other = row("1.jpg", true, false, "1").replace("\"bucket\"", "\"other\"");
    let other = ("inv/bucket/daily/data/o.csv.gz", gzip(&other));
    let (size, sum) = (data.1.len(), md5(&data.1));
    for (text, words) in [
        (manifest("ORC", "struct<…>", &[]), "ORC, which is not read"),
        (manifest("CSV", "Key, Size", &[]), "no bucket"),
        (
            manifest("CSV", CSV_SCHEMA, &[(data.0, size + 1, sum.clone())]),
            "by its manifest",
        ),
        (
            manifest("CSV", CSV_SCHEMA, &[listed("inv/none.csv.gz", b"1")]),
            "inv/none.csv.gz",
        ),
        (
            manifest("CSV", CSV_SCHEMA, &[listed(other.0, &other.1)]),
            "of the bucket other",
        ),
        (
            manifest("CSV", "Bucket, Key", &[(data.0, size, sum)]),
            "1.csv.gz",
        ),
        (
            manifest("CSV", CSV_SCHEMA, &[(data.0, size, "abc=".to_owned())]),
            "1.csv.gz cannot be used: its MD5checksum in the manifest, 'abc=', is no MD5",
        ),
        ("{}".to_owned(), "no manifest of S3 Inventory"),
        ("no json".to_owned(), "no manifest of S3 Inventory"),
    ] {
        let place = "inv/manifest.json";
        let files = [data.clone(), other.clone(), (place, text.into_bytes())];
        let stores = Stores::new(&[], &files).await;
        create(&stores.ctx, "s3://inventory/inv/manifest.json", "")
            .await
            .unwrap();
        let error = run(&stores.ctx, "SELECT path FROM images")
            .await
            .unwrap_err();
        let error = error.to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[tokio::test]
async fn a_file_of_an_inventory_that_was_damaged_is_named() {
    let rows = |key: &str| {
        let bucket: ArrayRef = Arc::new(StringArray::from(vec!["bucket"; 3]));
        let keys: ArrayRef = Arc::new(StringArray::from(vec!["1.jpg", "2.jpg", key]));
        parquet(&RecordBatch::try_from_iter([("bucket", bucket), ("key", keys)]).unwrap())
    };
    let csv = |key: &str| gzip(&(row("1.jpg", true, false, "7") + &row(key, true, false, "7")));
    for (format, data, written, found) in [
        ("CSV", "data/1.csv.gz", csv("3.jpg"), csv("8.jpg")),
        ("Parquet", "data/1.parquet", rows("3.jpg"), rows("8.jpg")),
    ] {
        let text = |bytes: &[u8]| {
            let listed = (data, bytes.len(), md5(&written));
            manifest(format, CSV_SCHEMA, &[listed])
        };
        let right = md5(text(&written).as_bytes());
        let damaged = format!("{data} cannot be used: its MD5 is");
        for (bytes, checksum, words) in [
            (&written, right.clone(), ""),
            (&written, format!("{}\n", right.to_uppercase()), ""),
            (&found, md5(text(&found).as_bytes()), damaged.as_str()),
            (
                &written,
                md5(b"another"),
                "manifest.json cannot be used: its MD5 is",
            ),
            (
                &written,
                "<Error/>".to_owned(),
                "manifest.checksum beside it is no MD5",
            ),
        ] {
            let files = [
                (data, bytes.clone()),
                ("2026/manifest.json", text(bytes).into_bytes()),
                ("2026/manifest.checksum", checksum.into_bytes()),
            ];
            let stores = Stores::new(&[], &files).await;
            create(&stores.ctx, "s3://inventory/2026/manifest.json", "")
                .await
                .unwrap();
            let read = run(&stores.ctx, "SELECT path FROM images").await;
            match read {
                Ok(rows) => assert!(words.is_empty() && !rows.is_empty(), "{format}: {words}"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(!words.is_empty() && error.contains(words), "{error}");
                    assert!(error.contains("s3://inventory/"), "{error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_copy_of_an_inventory_finds_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("copies").join(HOME);
    let data = gzip(&row("A/1.jpg", true, false, "7"));
    fs::create_dir_all(home.join("data")).unwrap();
    fs::create_dir_all(home.join("2026")).unwrap();
    fs::write(home.join("data/1.csv.gz"), &data).unwrap();
    let text = manifest(
        "CSV",
        CSV_SCHEMA,
        &[listed("inv/bucket/daily/data/1.csv.gz", &data)],
    );
    fs::write(home.join("2026/manifest.json"), text).unwrap();
    let stores = Stores::new(&["A/1.jpg"], &[]).await;
    let location = home.join("2026/manifest.json");
    create(&stores.ctx, location.to_str().unwrap(), "")
        .await
        .unwrap();
    let sql = "SELECT arrow_cast(content, 'Utf8') FROM images";
    assert_eq!(strings(&stores.ctx, sql).await, ["A/1.jpg"]);
}

#[tokio::test]
async fn a_file_of_paths_is_a_listing() {
    let text = "url,note\n\
        A/1.jpg,relative\n\
        ./A/2.jpg,relative\n\
        s3a://bucket/B/3.jpg,\n\
        \"s3://bucket/B/4, 5.jpg\",\n\
        s3://bucket/no extension,\n\
        ../up.jpg,climbs\n\
        s3://bucket/folder/,a folder\n\
        http://169.254.169.254@evil/x.jpg,a name before the host\n\
        file:///proc/self/environ,no image\n\
        gs://bucket/x.jpg,no store\n\
        ,nothing\n";
    let keys = ["B/3.jpg", "B/4, 5.jpg", "no extension"];
    let files = [
        ("lists/urls.csv", text.as_bytes().to_vec()),
        ("lists/urls.csv.gz", gzip(text)),
        ("lists/A/1.jpg", b"one".to_vec()),
        ("lists/A/2.jpg", b"two".to_vec()),
    ];
    let stores = Stores::new(&keys, &files).await;
    for name in ["urls.csv", "urls.csv.gz"] {
        let ctx = &stores.ctx;
        ctx.deregister_table("images").unwrap();
        create(ctx, &format!("s3://inventory/lists/{name}"), "")
            .await
            .unwrap();
        let sql = "SELECT path FROM images ORDER BY path";
        let paths = [
            "s3://bucket/B/3.jpg",
            "s3://bucket/B/4, 5.jpg",
            "s3://bucket/no extension",
            "s3://inventory/lists/A/1.jpg",
            "s3://inventory/lists/A/2.jpg",
        ];
        assert_eq!(strings(ctx, sql).await, paths, "{name}");
        let sql = "SELECT arrow_cast(content, 'Utf8') FROM images WHERE label = 'A' ORDER BY path";
        assert_eq!(strings(ctx, sql).await, ["one", "two"]);
        let sql = "SELECT count(*) FROM images WHERE length IS NULL AND e_tag IS NULL";
        assert_eq!(number(ctx, sql).await, 5);
    }
    let ctx = &stores.ctx;
    ctx.deregister_table("images").unwrap();
    let glob = "OPTIONS (glob '?.jpg')";
    create(ctx, "s3://inventory/lists/urls.csv", glob)
        .await
        .unwrap();
    assert_eq!(number(ctx, "SELECT count(*) FROM images").await, 3);
}

#[tokio::test]
async fn a_file_of_a_folder_says_what_there_is_in_it() {
    let rows = RecordBatch::try_from_iter([
        (
            "file",
            Arc::new(StringArray::from(vec![
                "1.jpg",
                "sub/2.jpg",
                "s3://bucket/d/3.jpg",
                "s3://bucket/other/4.jpg",
            ])) as ArrayRef,
        ),
        (
            "length",
            Arc::new(Int64Array::from(vec![8, 12, 8, 9])) as ArrayRef,
        ),
        (
            "e_tag",
            Arc::new(StringArray::from(vec!["a", "b", "c", "d"])) as ArrayRef,
        ),
    ])
    .unwrap();
    let keys = [
        "d/1.jpg",
        "d/sub/2.jpg",
        "d/3.jpg",
        "other/4.jpg",
        "d/unlisted.jpg",
    ];
    let stores = Stores::new(&keys, &[]).await;
    let ctx = &stores.ctx;
    let path = Path::from("d/list.parquet");
    stores
        .images
        .put(&path, parquet(&rows).into())
        .await
        .unwrap();
    let options = "OPTIONS ('listing' 'list.parquet', 'path_column' 'file')";
    create(ctx, "s3://bucket/d/", options).await.unwrap();
    insta::assert_snapshot!(table(ctx, "SELECT path, label, length, e_tag FROM images ORDER BY path").await, @r"
    +-------------------------+-------+--------+-------+
    | path                    | label | length | e_tag |
    +-------------------------+-------+--------+-------+
    | s3://bucket/d/1.jpg     | d     | 8      | a     |
    | s3://bucket/d/3.jpg     | d     | 8      | c     |
    | s3://bucket/d/sub/2.jpg | sub   | 12     | b     |
    +-------------------------+-------+--------+-------+
    ");
    for (location, options, words) in [
        (
            "s3://bucket/d/",
            "OPTIONS ('listing' 'list.parquet')",
            "no column path or url",
        ),
        (
            "s3://bucket/d/",
            "OPTIONS ('listing' 'list.parquet', 'path_column' 'x')",
            "no column x",
        ),
        (
            "s3://bucket/d/",
            "OPTIONS ('listing' 'none.parquet')",
            "none.parquet",
        ),
        ("s3://bucket/d/", "OPTIONS ('listing' '1.jpg')", ".csv.gz"),
        (
            "s3://bucket/d/1.jpg",
            "OPTIONS ('listing' 'list.parquet')",
            "of a folder",
        ),
    ] {
        ctx.deregister_table("images").unwrap();
        let error = match create(ctx, location, options).await {
            Ok(()) => run(ctx, "SELECT path FROM images").await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}
