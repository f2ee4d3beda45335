//! `--format` and the sizes of files.

use std::fs;

use arrow::datatypes::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pomona_tests::images;

use crate::resume::{assert_alike, assert_consistent, counts, files, manifest};
use crate::workplace::Workplace;

const RUN: [&str; 4] = ["-i", "images", "-o", "out"];

/// Whether there is a file below each of the folders of results.
fn written(place: &Workplace) -> [bool; 5] {
    let files = files(&place.path("out"));
    [
        "features_csv/",
        "metadata/parquet/",
        "metadata/csv/",
        "pca/parquet/",
        "pca/csv/",
    ]
    .map(|folder| files.keys().any(|path| path.starts_with(folder)))
}

#[test]
fn formats_are_what_was_asked_for_and_change_without_computing() {
    let place = Workplace::new();
    let run = |format: &'static str| [&RUN[..], &["--format", format]].concat();
    place.run(&run("parquet")).code(0);
    assert_eq!(written(&place), [false, true, false, true, false]);
    assert_eq!(counts(&place), (15, 0, 15));
    for (format, expected) in [
        ("csv", [true, true, true, false, true]),
        ("parquet,csv", [true; 5]),
        ("parquet", [false, true, false, true, false]),
    ] {
        place.run(&run(format)).code(0);
        assert_eq!(written(&place), expected, "{format}");
        assert_eq!(counts(&place), (15, 15, 0), "{format}");
        assert_eq!(manifest(&place, "out")["parameters"]["format"], format);
        place.run(&run(format)).code(0).says("nothing has changed");
    }
    // The usual: everything but the features as text.
    place.run(&RUN).code(0);
    assert_eq!(written(&place), [false, true, true, true, true]);
    assert_consistent(&place);

    // What is added goes into every format that is asked for.
    fs::write(place.path("images/Kiwi/new.png"), images::png(9, 50, 50)).unwrap();
    fs::write(place.path("images/Kiwi/bad.png"), "no image").unwrap();
    place.run(&run("parquet,csv")).code(3);
    assert_eq!(counts(&place), (17, 15, 2));
    assert_consistent(&place);

    place
        .run(&run("json"))
        .code(2)
        .says("'json' is not a format");
}

#[test]
fn text_holds_the_numbers_of_parquet() {
    let place = Workplace::new();
    for bad in ["Kiwi/bad", "Kiwi/a, \"b\"", "Apple Red/worse"] {
        fs::write(place.path(&format!("images/{bad}.png")), "no image").unwrap();
    }
    place
        .run(&[&RUN[..], &["--format", "parquet,csv"]].concat())
        .code(3);
    let define = "CREATE EXTERNAL TABLE text STORED AS CSV LOCATION 'out/features_csv/' OPTIONS ('format.has_header' 'true');
                  CREATE EXTERNAL TABLE projected STORED AS CSV LOCATION 'out/pca/csv/' OPTIONS ('format.has_header' 'true');";
    let features = "SELECT count(*) AS n, count(t.features) AS good, count(t.error) AS bad FROM text AS t
                    JOIN 'out/features/' AS p USING (path, label, e_tag)
                    WHERE array_to_string(p.features, ',') IS NOT DISTINCT FROM btrim(t.features, '[]')";
    assert_eq!(
        place.query(&format!("{define}{features}")),
        "n,good,bad\n18,15,3\n"
    );
    let pca =
        "SELECT count(*) AS n FROM projected AS t JOIN 'out/pca/parquet/' AS p USING (path, label)
               WHERE array_to_string(p.pca, ',') = btrim(t.pca, '[]')";
    assert_eq!(place.query(&format!("{define}{pca}")), "n\n15\n");
    // Text of one file is in the order of the paths.
    for file in [
        "pca/csv/pca.csv",
        "metadata/csv/metadata.csv",
        "errors/errors.csv",
        "stats/stats.csv",
    ] {
        let text = fs::read_to_string(place.path("out").join(file)).unwrap();
        // Paths with commas are in quotes.
        let rows = text
            .lines()
            .skip(1)
            .map(|line| line.trim_start_matches('"'));
        assert!(rows.is_sorted(), "{file}: {text}");
    }
    // Small tables are there in both.
    for (table, rows) in [("stats", 3), ("errors", 3)] {
        let count = format!("SELECT count(*) AS n FROM 'out/{table}/{table}.parquet'");
        assert_eq!(place.query(&count), format!("n\n{rows}\n"));
        let text = fs::read_to_string(place.path(&format!("out/{table}/{table}.csv"))).unwrap();
        assert_eq!(text.lines().count(), rows + 1);
    }
}

/// The target of `--file-size`: files have from half of it to twice it.
const TARGET: u64 = 64 << 10;
pub const SIZED: [&str; 10] = [
    "-i",
    "images",
    "-o",
    "out",
    "--checkpoint",
    "4",
    "--file-size",
    "64k",
    "--format",
    "parquet",
];

#[test]
fn files_are_neither_small_nor_large_after_many_runs() {
    let place = Workplace::new();
    images::write_folder(&place.path("images"), &["Apple Red", "Kiwi"], 30);
    place.run(&SIZED).code(0);
    assert_eq!(counts(&place), (65, 0, 65));
    assert_sizes(&place);
    assert_consistent(&place);
    for round in 0..8 {
        for number in 0..=round % 3 {
            let path = place.path(&format!("images/Kiwi/{round} {number}.png"));
            fs::write(path, images::png(300 + 10 * round + number, 70, 70)).unwrap();
        }
        if round == 4 {
            fs::write(place.path("images/Kiwi/3.png"), images::png(500, 80, 80)).unwrap();
            fs::remove_file(place.path("images/Apple Red/4.png")).unwrap();
        }
        place.run(&[&SIZED[..], &["--prune"]].concat()).code(0);
        let (_, _, computed) = counts(&place);
        assert!(computed <= 4, "{computed} images were computed");
        assert_sizes(&place);
    }
    assert_consistent(&place);
    place.run(&["-i", "images", "-o", "fresh"]).code(0);
    assert_alike(&place, "fresh", "out");
}

/// A dictionary of features is as large as the features.
#[test]
fn vectors_have_no_dictionary_and_text_has() {
    let place = Workplace::new();
    let run = |more: &[&str]| {
        place
            .run(&[&RUN[..], &["--file-size", "32k"], more].concat())
            .code(0)
    };
    run(&["--checkpoint", "4"]);
    // Rows of removed images are left out of files that are written again.
    fs::remove_file(place.path("images/Kiwi/3.png")).unwrap();
    run(&["--prune"]);
    let mut columns = 0;
    for folder in ["features", "pca/parquet"] {
        for file in fs::read_dir(place.path("out").join(folder)).unwrap() {
            let file = fs::File::open(file.unwrap().path()).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            for column in reader
                .metadata()
                .row_groups()
                .iter()
                .flat_map(|rows| rows.columns())
            {
                let path = column.column_path().string();
                let is_vector = path.ends_with(".list.item");
                let has_dictionary = column.dictionary_page_offset().is_some();
                assert!(!(is_vector && has_dictionary), "{folder}: {path}");
                assert!(has_dictionary || path != "label", "{folder}: {path}");
                columns += usize::from(is_vector);
            }
        }
    }
    assert!(columns > 2, "{columns}");
}

#[test]
fn a_chunk_that_is_too_large_is_divided() {
    // A file ends where a batch ends.
    let place =
        Workplace::new().with_environment([("DATAFUSION_EXECUTION_BATCH_SIZE", "4".to_string())]);
    images::write_folder(&place.path("images"), &["Kiwi"], 60);
    let run = ["-i", "images", "-o", "out", "--file-size", "64k"];
    place.run(&run).code(0);
    assert_sizes(&place);
    assert_consistent(&place);
}

/// That all files of features but one have the right size, in a run with [`SIZED`].
#[track_caller]
pub fn assert_sizes(place: &Workplace) {
    let manifest = manifest(place, "out");
    let files = manifest["files"].as_array().unwrap().iter();
    let sizes: Vec<u64> = files
        .filter(|file| file["path"].as_str().unwrap().starts_with("features/"))
        .map(|file| file["bytes"].as_u64().unwrap())
        .collect();
    let small = sizes.iter().filter(|&&bytes| bytes < TARGET / 2).count();
    assert!(sizes.len() > 2 && small <= 1, "{sizes:?}");
    assert!(sizes.iter().all(|&bytes| bytes <= 2 * TARGET), "{sizes:?}");
}

/// Whether every reader of Parquet files knows a type: pyarrow 14 no views, pyarrow before 26
/// no NULL in a list of fixed size, Spark no dictionaries.
fn is_plain(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) => is_plain(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_plain(field.data_type())),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => &**zone == "UTC",
        DataType::Utf8 => true,
        number => number.is_integer() || number.is_floating(),
    }
}

#[test]
fn files_have_types_that_every_reader_knows() {
    let place = Workplace::new();
    fs::write(place.path("images/Kiwi/bad.png"), "no image").unwrap();
    let lenient = ["-i", "images", "-o", "out", "--max-error-rate", "1"];
    place.run(&lenient).code(0);
    // Rows of the first run are written again with those of the second.
    fs::write(place.path("images/Kiwi/new.png"), images::png(9, 50, 50)).unwrap();
    place.run(&lenient).code(0);
    // What a person writes by hand.
    let copy = format!(
        "SET pomona.weights = '{}';
         CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images';
         COPY (SELECT path, CAST(label AS VARCHAR) AS label, try_mobilenet_v2(content) AS features FROM images)
         TO 'out/by_hand.parquet' STORED AS PARQUET;
         COPY (SELECT path, upper(label) AS label FROM 'out/by_hand.parquet') TO 'out/again.parquet' STORED AS PARQUET",
        place.weights()
    );
    place.pomona(["sql", "-q", "-c", &copy]).code(0);
    let mut read = 0;
    for path in files(&place.path("out")).keys() {
        if path.ends_with(".parquet") {
            let file = fs::File::open(place.path("out").join(path)).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            for field in reader.schema().fields() {
                assert!(is_plain(field.data_type()), "{path}: {field}");
            }
            read += 1;
        }
    }
    // Features, metadata, projection, statistics, errors, moments, model; two by hand.
    assert_eq!(read, 9);
}
