//! `--standalone`: a cluster inside the process of a command.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::assert_same_results;
use super::jobs::LONG;
use crate::interrupt::assert_stops;
use crate::workplace::Workplace;

#[test]
fn a_run_on_a_standalone_cluster_gives_the_local_results() {
    let place = Workplace::new();
    fs::create_dir(place.path("tmp")).unwrap();
    place.many_images(200);
    place.run(&["-i", "many", "-o", "local"]).code(0);
    let mut command = place.command(["run", "--weights", place.weights(), "--components=3"]);
    let run = command
        .args(["-i", "many", "-o", "distributed", "--standalone"])
        .env("TMPDIR", place.path("tmp"))
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    assert_same_results(&place, "distributed", "local");
    // What the stages handed on is gone with the process.
    assert_eq!(fs::read_dir(place.path("tmp")).unwrap().count(), 0);
}

#[test]
fn an_interrupt_ends_the_query_and_leaves_nothing() {
    let place = Workplace::new();
    fs::create_dir(place.path("tmp")).unwrap();
    let mut query = place
        .command(["sql", "--standalone", "-q", "--format", "csv"])
        .args(["-c", "SELECT 1 AS a", LONG])
        .env("TMPDIR", place.path("tmp"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(query.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "a");
    assert_eq!(lines.next().unwrap().unwrap(), "1");
    assert_stops(&mut query, 40.0);
    assert_eq!(fs::read_dir(place.path("tmp")).unwrap().count(), 0);
}

#[test]
fn an_error_is_reported_once() {
    let place = Workplace::new();
    let failing = "SELECT 1 / (value - 2) AS n FROM generate_series(1, 3)";
    let failed = place
        .pomona(["sql", "--standalone", "-c", failing])
        .code(1)
        .stderr();
    assert!(failed.contains("Divide by zero"), "{failed}");
    assert_eq!(failed.trim().lines().count(), 1, "{failed}");
}

#[test]
fn a_cluster_elsewhere_and_one_here_exclude_each_other() {
    let place = Workplace::new();
    place
        .pomona([
            "sql",
            "--standalone",
            "--scheduler",
            "df://127.0.0.1:1",
            "-c",
            "SELECT 1",
        ])
        .code(2)
        .says("cannot be used with");
}
