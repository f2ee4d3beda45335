//! Images in tar, gzipped tar and zip files: rows, bytes, requests.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use datafusion::prelude::SessionContext;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use pomona_tests::archives::{Tar, Zip, ZipMember, gzip};

use crate::probe::ProbeStore;
use crate::session::{create, plan, run, session, strings, table};

/// A store in memory with these objects.
pub async fn store_of<'a>(objects: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Arc<InMemory> {
    let store = Arc::new(InMemory::new());
    for (path, bytes) in objects {
        let path = Path::parse(path).unwrap();
        store.put(&path, bytes.into()).await.unwrap();
    }
    store
}

/// The bytes of an image that is none: no test here decodes.
pub fn image(number: usize) -> Vec<u8> {
    let length = 40 + number * 97 % 1500;
    (0..length).map(|i| (i * 31 + number) as u8).collect()
}

fn name(number: usize) -> String {
    format!("{}/{number:04}.jpg", ["Apple", "Kiwi"][number % 2])
}

fn tar(numbers: impl Iterator<Item = usize>) -> Vec<u8> {
    let files = numbers.fold(Tar::new(), |tar, n| tar.file(name(n), &image(n)));
    files.finish()
}

fn zip(numbers: impl Iterator<Item = usize>) -> Vec<u8> {
    let files = numbers.fold(Zip::new(), |zip, n| {
        let how = ZipMember {
            is_deflated: n % 3 == 0,
            ..ZipMember::default()
        };
        zip.member(name(n), &image(n), how)
    });
    files.finish()
}

/// The images of a table by their numbers, which are their names.
async fn contents(ctx: &SessionContext) -> Vec<(usize, Vec<u8>)> {
    let batches = run(ctx, "SELECT path, content FROM images").await.unwrap();
    let mut rows = vec![];
    for batch in &batches {
        let (paths, contents) = (batch.column(0), batch.column(1));
        let paths = paths.as_string::<i32>().iter().flatten();
        let contents = contents.as_binary::<i32>().iter().flatten();
        for (path, content) in paths.zip(contents) {
            let number = path.rsplit(['/', '.']).nth(1).unwrap().parse().unwrap();
            rows.push((number, content.to_vec()));
        }
    }
    rows.sort();
    rows
}

fn images(count: usize) -> Vec<(usize, Vec<u8>)> {
    (0..count).map(|n| (n, image(n))).collect()
}

#[tokio::test]
async fn images_in_archives_are_rows_with_their_bytes() {
    let shards: [(&str, Vec<u8>); 4] = [
        ("s/a.tar", tar(0..60)),
        ("s/b.tar.gz", gzip(&tar(60..130))),
        ("s/c.zip", zip(130..200)),
        ("s/d/e.tgz", gzip(&tar(200..210))),
    ];
    for partitions in [1, 3] {
        let store = store_of(shards.clone()).await;
        let ctx = session(store, partitions);
        for location in ["s3://bucket/s/", "s3://bucket/s"] {
            create(&ctx, location, "").await.unwrap();
            assert_eq!(contents(&ctx).await, images(210));
            run(&ctx, "DROP TABLE images").await.unwrap();
        }
        create(&ctx, "s3://bucket/s/", "").await.unwrap();
        let few = "SELECT path || ' ' || label || ' ' || length FROM images \
                   WHERE path LIKE '%/000_.jpg' AND label = 'Kiwi' ORDER BY path LIMIT 2";
        assert_eq!(
            strings(&ctx, few).await,
            [
                "s3://bucket/s/a.tar/Kiwi/0001.jpg Kiwi 137",
                "s3://bucket/s/a.tar/Kiwi/0003.jpg Kiwi 331"
            ]
        );
        for (condition, count) in [
            ("path = 's3://bucket/s/c.zip/Kiwi/0131.jpg'", 1),
            ("path LIKE 's3://bucket/s/d/e.tgz/Kiwi/%'", 5),
            ("path LIKE 's3://bucket/s/a.t%' AND label = 'Apple'", 30),
            ("path LIKE 's3://bucket/s/z.tar/%'", 0),
        ] {
            let sql = format!("SELECT path FROM images WHERE {condition}");
            assert_eq!(strings(&ctx, &sql).await.len(), count, "{condition}");
        }
        let counted = "SELECT count(*) FROM images WHERE length > 100";
        let expected = images(210)
            .iter()
            .filter(|(_, bytes)| bytes.len() > 100)
            .count();
        assert!(table(&ctx, counted).await.contains(&expected.to_string()));
    }
}

#[tokio::test]
async fn a_shard_is_read_with_few_requests() {
    for (path, bytes, most) in [
        // The index, and the images of each of two partitions.
        ("s/a.tar", tar(0..900), 3),
        ("s/b.tgz", gzip(&tar(0..900)), 3),
        ("s/c.zip", zip(0..900), 3),
    ] {
        let store = Arc::new(ProbeStore::new(store_of([(path, bytes)]).await));
        let ctx = session(Arc::clone(&store) as _, 2);
        create(&ctx, "s3://bucket/s/", "").await.unwrap();
        assert_eq!(contents(&ctx).await, images(900));
        assert!(store.gets() <= most, "{path}: {} requests", store.gets());
    }
}

#[tokio::test]
async fn long_listings_of_shards_are_streams() {
    let shards = (0..8).map(|n| (format!("s/{n}.tar"), tar(n * 400..(n + 1) * 400)));
    let shards: Vec<_> = shards.collect();
    let shards = shards
        .iter()
        .map(|(path, bytes)| (path.as_str(), bytes.clone()));
    let store = Arc::new(ProbeStore::new(store_of(shards).await));
    let ctx = session(Arc::clone(&store) as _, 2);
    create(&ctx, "s3://bucket/s/", "").await.unwrap();
    let text = plan(&ctx, "SELECT content FROM images").await;
    assert!(
        text.contains("ImageListingExec: columns=[path, length, e_tag]"),
        "{text}"
    );
    let before = store.gets();
    assert_eq!(contents(&ctx).await, images(3200));
    // One for the index of each shard, and one for its images; partitions may meet in one.
    let gets = store.gets() - before;
    assert!(gets <= 3 * 8, "{gets} requests");
    run(&ctx, "SELECT content FROM images LIMIT 3")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_location_says_whether_shards_are_read() {
    let objects = || {
        [
            ("both/1.jpg", image(1)),
            ("both/more.tar", tar(2..4)),
            ("shards/x-0.tar", tar(0..2)),
            ("shards/x-1.tar", tar(2..4)),
            ("shards/y.zip", zip(4..6)),
            ("shards/.hidden.tar", tar(7..8)),
            ("shards/readme.md", b"text".to_vec()),
        ]
    };
    let listed = async |location: &str, options: &str| {
        let ctx = session(store_of(objects()).await, 2);
        create(&ctx, location, options).await.unwrap();
        let paths = strings(&ctx, "SELECT path FROM images ORDER BY path").await;
        let paths = paths
            .into_iter()
            .map(|path| path.replace("s3://bucket/", ""));
        paths.collect::<Vec<_>>()
    };
    assert_eq!(listed("s3://bucket/both/", "").await, ["both/1.jpg"]);
    let all = [
        "both/1.jpg",
        "both/more.tar/Apple/0002.jpg",
        "both/more.tar/Kiwi/0003.jpg",
    ];
    assert_eq!(
        listed("s3://bucket/both/", "OPTIONS (shards 'true')").await,
        all
    );
    assert_eq!(listed("s3://bucket/both/more.tar", "").await, all[1..]);
    assert_eq!(listed("s3://bucket/shards/", "").await.len(), 6);
    assert_eq!(listed("s3://bucket/shards/x-*.tar", "").await.len(), 4);
    assert_eq!(
        listed("s3://bucket/shards/", "OPTIONS (glob '*.zip')")
            .await
            .len(),
        2
    );
    let odd = ["shards/x-0.tar/Kiwi/0001.jpg"];
    assert_eq!(
        listed("s3://bucket/shards/", "OPTIONS (glob '*1.jpg')").await,
        odd
    );
    assert_eq!(
        listed("s3://bucket/shards/", "OPTIONS (shards 'false')")
            .await
            .len(),
        0
    );
    assert_eq!(
        listed("s3://bucket/shards/x-0.tar/Kiwi/0001.jpg", "").await,
        odd
    );
    assert_eq!(listed("s3://bucket/shards/x-0.tar/Kiwi/", "").await, odd);
    assert_eq!(listed("s3://bucket/shards/x-0.tar/", "").await.len(), 2);

    let ctx = session(store_of(objects()).await, 2);
    let inside = "s3://bucket/shards/x-0.tar/Kiwi/0009.jpg";
    create(&ctx, inside, "").await.unwrap();
    let error = run(&ctx, "SELECT path FROM images").await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("x-0.tar has no image 'Kiwi/0009.jpg'"),
        "{error}"
    );
}

#[tokio::test]
async fn what_an_archive_holds_twice_is_read_once() {
    let tar = Tar::new()
        .file("a/1.jpg", b"first")
        .file("a/2.jpg", b"other")
        .file("./a//1.jpg", b"last")
        .finish();
    let ctx = session(store_of([("x.tar", tar)]).await, 2);
    create(&ctx, "s3://bucket/x.tar", "").await.unwrap();
    let rows = "SELECT path || ' ' || encode(content, 'hex') FROM images ORDER BY path";
    assert_eq!(
        strings(&ctx, rows).await,
        [
            "s3://bucket/x.tar/a/1.jpg 6c617374",
            "s3://bucket/x.tar/a/2.jpg 6f74686572"
        ]
    );
}

#[tokio::test]
async fn sidecars_are_columns_on_request() {
    let files: [(&str, &[u8]); 8] = [
        ("x/0001.jpg", b"image 1"),
        ("x/0001.cls", b"7\n"),
        ("x/0001.json", b"{\"a\": 1}"),
        ("x/0002.cls", b"8"),
        ("x/0002.jpg", b"image 2"),
        ("x/0003.jpg", b"image 3"),
        ("x/0003.txt", b"a text\nof two lines\n"),
        ("x/0003.cls", b"\xff\xff"),
    ];
    let tar = files
        .iter()
        .fold(Tar::new(), |tar, (name, bytes)| tar.file(name, bytes));
    let zip = files.iter().fold(Zip::new(), |zip, (name, bytes)| {
        let how = ZipMember {
            is_deflated: true,
            ..ZipMember::default()
        };
        zip.member(name, bytes, how)
    });
    let tar = tar.finish();
    for (path, bytes) in [
        ("x.tar", tar.clone()),
        ("x.tar.gz", gzip(&tar)),
        ("x.zip", zip.finish()),
    ] {
        let ctx = session(store_of([(path, bytes)]).await, 2);
        let options = "OPTIONS (sidecars 'cls, json, txt', missing 'null')";
        create(&ctx, &format!("s3://bucket/{path}"), options)
            .await
            .unwrap();
        let rows = "SELECT concat_ws('|', label, length, coalesce(json, '-'), coalesce(cls, '-'), \
                    coalesce(txt, '-'), coalesce(read_error, '-')) FROM images ORDER BY path";
        let expected = [
            "x|7|{\"a\": 1}|7|-|-",
            "x|7|-|8|-|-",
            "x|7|-|-|a text\nof two lines|-",
        ];
        assert_eq!(strings(&ctx, rows).await, expected, "{path}");
        let chosen = "SELECT content FROM images WHERE CAST(cls AS INT) = 8";
        assert!(
            table(&ctx, chosen).await.contains("696d6167652032"),
            "{path}"
        );
        let images = ctx.table("images").await.unwrap();
        let columns = images.schema().fields().iter().map(|field| field.name());
        let columns: Vec<_> = columns.skip(6).collect();
        assert_eq!(columns, ["read_error", "json", "cls", "txt"]);
    }
}

#[tokio::test]
async fn a_shard_that_is_replaced_is_not_read_by_old_places() {
    let store = store_of([("s/a.tar", tar(0..4))]).await;
    for (options, is_null) in [("", false), ("OPTIONS (missing 'null')", true)] {
        let path = Path::parse("s/a.tar").unwrap();
        store.put(&path, tar(0..4).into()).await.unwrap();
        let ctx = session(Arc::clone(&store) as _, 1);
        create(&ctx, "s3://bucket/s/", options).await.unwrap();
        let frame = ctx.sql("SELECT content FROM images").await.unwrap();
        let planned = frame.create_physical_plan().await.unwrap();
        store.put(&path, tar(1..5).into()).await.unwrap();
        let read = datafusion::physical_plan::collect(planned, ctx.task_ctx()).await;
        match read {
            Ok(batches) => {
                assert!(is_null);
                assert_eq!(batches[0].column(0).null_count(), 4);
            }
            Err(error) => assert!(!is_null && error.to_string().contains("changed"), "{error}"),
        }
    }
}

#[tokio::test]
async fn zips_of_all_kinds_are_read() {
    let large = ZipMember {
        is_large: true,
        is_deflated: true,
        ..ZipMember::default()
    };
    let streamed = ZipMember {
        has_descriptor: true,
        ..ZipMember::default()
    };
    let shards = [
        ("zip64.zip", zip_with(Zip::new(), large).finish_large()),
        ("fields.zip", zip_with(Zip::new(), large).finish()),
        ("descriptors.zip", zip_with(Zip::new(), streamed).finish()),
        // Offsets that do not count the program before the archive.
        ("program.zip", {
            let plain = zip_with(Zip::new(), ZipMember::default()).finish();
            [b"#!/bin/sh\nexit 0\n".to_vec(), plain].concat()
        }),
        (
            "behind.zip",
            zip_with(Zip::behind(b"MZ program"), streamed).finish(),
        ),
    ];
    for (path, bytes) in shards {
        let ctx = session(store_of([(path, bytes)]).await, 2);
        create(&ctx, &format!("s3://bucket/{path}"), "")
            .await
            .unwrap();
        assert_eq!(contents(&ctx).await, images(6), "{path}");
    }
}

fn zip_with(zip: Zip, how: ZipMember) -> Zip {
    (0..6).fold(zip, |zip, n| zip.member(name(n), &image(n), how))
}

#[tokio::test]
async fn archives_on_a_disk_are_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.tar"), tar(0..50)).unwrap();
    std::fs::write(folder.path().join("b.zip"), zip(50..90)).unwrap();
    std::fs::write(folder.path().join("c.tgz"), gzip(&tar(90..100))).unwrap();
    let ctx = session(store_of([]).await, 2);
    create(&ctx, folder.path().to_str().unwrap(), "")
        .await
        .unwrap();
    assert_eq!(contents(&ctx).await, images(100));
}
