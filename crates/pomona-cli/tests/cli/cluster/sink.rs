//! COPY and INSERT on a cluster: files by every executor, and none that nobody names.

use std::fs;
use std::path::Path;

use super::{options, start};
use crate::workplace::Workplace;

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_executor_writes_its_part() {
    let cluster = start(options());
    let place = Workplace::new();
    let url = cluster.url();
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images/';
        COPY (SELECT path, label, length FROM images) TO 'out/' STORED AS PARQUET";
    let copy = ["sql", "--scheduler", &url, "--partitions", "4", "-c", sql];
    let ran = place.pomona(copy).code(0);
    assert!(ran.stdout().contains("15"), "{}", ran.stdout());

    let written = files(&place.path("out"));
    assert_eq!(written.len(), 4, "{written:?}");
    assert!(written.iter().all(|name| name.ends_with(".parquet")));
    let count = "SELECT count(*) AS n, count(DISTINCT path) AS paths FROM 'out/'";
    assert_eq!(place.local_query(count), "n,paths\n15,15\n");

    let single = ["sql", "--scheduler", &url, "--partitions", "1", "-c"];
    let sql = sql.replace("'out/'", "'single/'");
    place.pomona([&single[..], &[&sql]].concat()).code(0);
    assert_eq!(files(&place.path("single")).len(), 1);

    // Another COPY adds files, as on one machine.
    place.pomona(copy).code(0);
    assert_eq!(files(&place.path("out")).len(), 8);
}

#[test]
fn formats_options_and_partitions_of_a_copy_arrive() {
    let cluster = start(options());
    let place = Workplace::new();
    let url = cluster.url();
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images/';
        COPY (SELECT label, length FROM images) TO 'csv/' STORED AS CSV
            OPTIONS ('format.has_header' 'true', 'format.delimiter' ';');
        COPY (SELECT label, length FROM images) TO 'json/' STORED AS JSON;
        COPY (SELECT label, length FROM images ORDER BY length) TO 'one.csv' STORED AS CSV
            OPTIONS ('format.has_header' 'false');
        COPY (SELECT label, length FROM images) TO 'hive/' STORED AS PARQUET PARTITIONED BY (label);
        COPY (SELECT label, length FROM images) TO 'small/' STORED AS PARQUET
            OPTIONS ('format.compression' 'zstd(3)')";
    place
        .pomona(["sql", "--scheduler", &url, "-c", sql])
        .code(0);

    let csv = files(&place.path("csv"));
    let csv = fs::read_to_string(place.path("csv").join(&csv[0])).unwrap();
    assert!(csv.starts_with("label;length\n"), "{csv}");
    let json = files(&place.path("json"));
    let json = fs::read_to_string(place.path("json").join(&json[0])).unwrap();
    assert!(json.starts_with("{\"label\":"), "{json}");
    let one = fs::read_to_string(place.path("one.csv")).unwrap();
    assert_eq!(one.lines().count(), 15);
    // As on one machine, names and all.
    let hive = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images/';
        COPY (SELECT label, length FROM images) TO 'here/' STORED AS PARQUET PARTITIONED BY (label)";
    place.pomona(["sql", "-c", hive]).code(0);
    assert_eq!(files(&place.path("hive")), files(&place.path("here")));
    let labels = "SELECT count(DISTINCT label) AS labels FROM 'hive/'";
    let table =
        "CREATE EXTERNAL TABLE hive STORED AS PARQUET LOCATION 'hive/' PARTITIONED BY (label);";
    let counted = place.local_query(&format!("{table} {}", labels.replace("'hive/'", "hive")));
    assert_eq!(counted, "labels\n3\n");
    let total = "SELECT count(*) AS n, sum(length) > 0 AS some FROM 'small/'";
    assert_eq!(place.local_query(total), "n,some\n15,true\n");
}

#[test]
fn a_failed_copy_leaves_nothing() {
    let cluster = start(options());
    let place = Workplace::new();
    let url = cluster.url();
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images/';
        COPY (SELECT path, 1 / (length - length) AS boom FROM images) TO 'out/' STORED AS PARQUET";
    place
        .pomona(["sql", "--scheduler", &url, "-c", sql])
        .code(1)
        .says("Divide by zero");
    let left = files(&place.path("."));
    assert!(
        !left.contains(&"out".to_string()) || files(&place.path("out")).is_empty(),
        "{left:?}"
    );
}
