//! Images in columns of Parquet files.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::probe::ProbeStore;
use crate::session::{create, run, session, strings};
use crate::shards::{image, store_of};

/// A file of these columns, in row groups of ten rows.
fn file(columns: Vec<(&str, ArrayRef)>, features: Option<&str>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let features = features.map(|json| KeyValue::new("huggingface".to_owned(), json.to_owned()));
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(10))
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(features.map(|features| vec![features]))
        .build();
    let mut writer = ArrowWriter::try_new(vec![], batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn bytes(count: usize) -> ArrayRef {
    let images: Vec<_> = (0..count).map(image).collect();
    Arc::new(BinaryArray::from_iter_values(images))
}

/// Hugging Face's struct of bytes and path.
fn images(bytes: ArrayRef, paths: Vec<Option<String>>) -> ArrayRef {
    let fields = Fields::from(vec![
        Field::new("bytes", DataType::Binary, true),
        Field::new("path", DataType::Utf8, true),
    ]);
    let paths: ArrayRef = Arc::new(StringArray::from(paths));
    Arc::new(StructArray::new(fields, vec![bytes, paths], None))
}

const ROWS: &str = "SELECT concat_ws('|', replace(path, 's3://bucket/', ''), label, length, \
                    coalesce(md5(content), read_error)) FROM images ORDER BY path";

/// The rows of a file, as [`ROWS`] has them, and how often it was read.
async fn rows(bytes: Vec<u8>, options: &str) -> (Vec<String>, usize) {
    let store = Arc::new(ProbeStore::new(store_of([("x.parquet", bytes)]).await));
    let ctx = session(Arc::clone(&store) as _, 2);
    create(&ctx, "s3://bucket/x.parquet", options)
        .await
        .unwrap();
    let rows = strings(&ctx, ROWS).await;
    (rows, store.gets())
}

async fn md5(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let ctx = session(store_of([]).await, 1);
    let sql = format!("SELECT md5(decode('{hex}', 'hex'))");
    strings(&ctx, &sql).await.remove(0)
}

#[tokio::test]
async fn the_struct_of_hugging_face_is_images() {
    let paths = (0..25).map(|n| Some(format!("{n:03}.jpg"))).collect();
    let label: ArrayRef = Arc::new(Int64Array::from_iter_values((0..25).map(|n| n % 2)));
    let features = r#"{"info": {"features": {"label": {"names": ["Apple", "Kiwi"]}}}}"#;
    let columns = vec![
        ("id", label.clone()),
        ("image", images(bytes(25), paths)),
        ("label", label),
    ];
    let (rows, gets) = rows(file(columns, Some(features)), "OPTIONS (missing 'null')").await;
    assert_eq!(rows.len(), 25);
    for (n, row) in rows.iter().enumerate() {
        let (image, label) = (image(n), ["Apple", "Kiwi"][n % 2]);
        let (length, md5) = (image.len(), md5(&image).await);
        assert_eq!(*row, format!("x.parquet/{n:03}.jpg|{label}|{length}|{md5}"));
    }
    // Footer and three row groups; and for each of two partitions the footer and two row groups.
    assert!(gets <= 4 + 2 * 3, "{gets} requests");
}

#[tokio::test]
async fn any_column_of_bytes_is_images() {
    let null = "OPTIONS (missing 'null')";
    let names: ArrayRef = Arc::new(StringArray::from(vec!["a.png", "b.png", "a.png"]));
    let columns = vec![("payload", bytes(3)), ("file_name", names.clone())];
    let (named, _) = rows(file(columns, None), null).await;
    assert_eq!(
        named
            .iter()
            .map(|row| row.split('|').next().unwrap())
            .collect::<Vec<_>>(),
        [
            "x.parquet/000000002/a.png",
            "x.parquet/a.png",
            "x.parquet/b.png"
        ]
    );
    let (unnamed, _) = rows(file(vec![("n", names), ("jpg", bytes(3))], None), null).await;
    assert!(
        unnamed[1].starts_with("x.parquet/000000001|x.parquet|"),
        "{unnamed:?}"
    );
}

#[tokio::test]
async fn rows_without_images_and_files_without_columns_are_said() {
    let some: ArrayRef = Arc::new(BinaryArray::from_opt_vec(vec![Some(&b"x"[..]), None]));
    let paths = vec![
        Some("../up.jpg".to_owned()),
        Some("elsewhere.jpg".to_owned()),
    ];
    let null = "OPTIONS (missing 'null')";
    let (nulls, _) = rows(file(vec![("image", images(some, paths))], None), null).await;
    assert!(
        nulls[0].starts_with("x.parquet/000000000|x.parquet|1|"),
        "{nulls:?}"
    );
    assert_eq!(
        nulls[1],
        "x.parquet/elsewhere.jpg|x.parquet|0|its bytes are NULL"
    );

    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let (none, _) = rows(file(vec![("n", numbers)], None), null).await;
    assert!(
        none[0].ends_with("|the Parquet file has no column of bytes, and no struct with bytes")
    );

    let whole = file(vec![("image", bytes(30))], None);
    for damaged in [
        vec![],
        b"PAR1".to_vec(),
        b"no Parquet file at all".to_vec(),
        whole[..whole.len() - 1].to_vec(),
        whole[200..].to_vec(),
    ] {
        let (rows, _) = rows(damaged, null).await;
        let is_said = rows
            .iter()
            .any(|row| row.contains("|the Parquet file cannot be read: "));
        assert!(is_said, "{rows:?}");
    }
}

#[tokio::test]
async fn columns_of_sidecars_are_columns() {
    let cls: ArrayRef = Arc::new(Int64Array::from(vec![Some(4), None]));
    let json: ArrayRef = Arc::new(StringArray::from(vec!["{}", "[]"]));
    let bytes = file(vec![("jpg", bytes(2)), ("cls", cls), ("json", json)], None);
    let ctx = session(store_of([("x.parquet", bytes)]).await, 2);
    create(
        &ctx,
        "s3://bucket/x.parquet",
        "OPTIONS (sidecars 'json,cls')",
    )
    .await
    .unwrap();
    let sql = "SELECT json || coalesce(cls, '-') FROM images ORDER BY path";
    assert_eq!(strings(&ctx, sql).await, ["{}4", "[]-"]);
}

/// Every part of a small file changed: rows or errors, never a panic.
#[tokio::test]
async fn no_parquet_file_is_a_panic() {
    let whole = file(vec![("image", bytes(3))], None);
    for at in (0..whole.len()).step_by(whole.len() / 200 + 1) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let ctx = session(store_of([("x.parquet", bytes)]).await, 1);
        create(&ctx, "s3://bucket/x.parquet", "OPTIONS (missing 'null')")
            .await
            .unwrap();
        run(&ctx, "SELECT content FROM images").await.unwrap();
    }
}
