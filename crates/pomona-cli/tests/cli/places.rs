//! Places that cannot be written.

use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::workplace::Workplace;

/// Waits for a command that must not take for ever.
fn finished(mut command: Command) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the command did not end: {:?}", child.wait_with_output());
        }
        sleep(Duration::from_millis(50));
    }
    child.wait_with_output().unwrap()
}

#[track_caller]
fn fails_with(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in words {
        assert!(said.contains(words), "no '{words}' in: {said}");
    }
    assert!(!said.contains("Internal error"), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_place_that_has_no_files_is_named_at_once() {
    let place = Workplace::new();
    for cluster in [&[][..], &["--standalone"]] {
        for (file, options) in [
            ("/proc/pomona.csv", ""),
            ("/proc/x/y.csv", ""),
            ("/proc/x/y.json", ""),
            ("/proc/pomona.parquet", ""),
            ("/proc/x/", "STORED AS PARQUET"),
        ] {
            let copy = format!("COPY (SELECT 1 AS n) TO '{file}' {options}");
            let sql = ["sql", "-q", "-c", &copy];
            let output = finished(place.command(sql.iter().chain(cluster)));
            fails_with(&output, &["cannot write /proc/", "write elsewhere"]);
        }
    }
}

/// A file system of 512 KB below `full`, for a command alone.
const ON_A_SMALL_DISK: &str = "mount -t tmpfs -o size=512k tmpfs full && exec \"$0\" \"$@\"";

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_named() {
    let place = Workplace::new();
    std::fs::create_dir(place.path("full")).unwrap();
    let on_small_disk = |arguments: &[&str]| {
        let mut command = place.program("unshare");
        command
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                ON_A_SMALL_DISK,
            ])
            .args(arguments);
        finished(command)
    };
    if !on_small_disk(&["true"]).status.success() {
        eprintln!("skipped: this system lets nobody mount a file system of their own");
        return;
    }
    let rows = "SELECT value, md5(value::VARCHAR) AS text FROM generate_series(1, 100000)";
    for cluster in [&[][..], &["--standalone"]] {
        for file in ["full/a.csv", "full/a.json", "full/a.parquet"] {
            let copy = format!("COPY ({rows}) TO '{file}'");
            let sql = [env!("CARGO_BIN_EXE_pomona"), "sql", "-q", "-c", &copy];
            let output = on_small_disk(&[&sql[..], cluster].concat());
            fails_with(&output, &["cannot write /", file, "the disk is full"]);
        }
    }
}
