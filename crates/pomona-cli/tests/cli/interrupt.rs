//! Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pomona_tests::patience::wait_until;

use crate::decoding::{has_ended, processor_seconds};
use crate::workplace::{MANY, Workplace};

/// Does what Ctrl-C does.
pub(crate) fn interrupt(child: &Child) {
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
}

/// Interrupts a command, and requires that it ends by that, and computes for so many seconds of a processor at most:
/// on a busy machine they take longer.
pub(crate) fn assert_stops(child: &mut Child, most: f64) {
    let before = processor_seconds(child.id());
    interrupt(child);
    // Until it is waited for, what has ended keeps its times.
    wait_until("the command has ended", || has_ended(child.id()));
    let spent = processor_seconds(child.id()) - before;
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(spent < most, "{spent} s of the processor after Ctrl-C");
}

#[test]
fn a_run_stops_and_publishes_nothing() {
    let place = Workplace::new();
    place.many_images(MANY);
    let arguments = [
        "run",
        "-k",
        "3",
        "-i",
        "many",
        "-o",
        "out",
        "--partitions",
        "1",
        "--weights",
        place.weights(),
    ];
    let mut child = place
        .command(arguments)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // The features are what takes long.
    while !line.contains("\"phase\":\"features\"") {
        line.clear();
        assert!(
            stderr.read_line(&mut line).unwrap() > 0,
            "the run has ended"
        );
    }
    assert_stops(&mut child, 5.0);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(
        rest.contains("Interrupted: nothing was published"),
        "{rest}"
    );
    assert!(!place.path("out/manifest.json").exists());
    assert!(!place.path("out/features").exists());
    // No chunk was complete, and the folder was not there before.
    assert!(!place.path("out").exists());
}

#[test]
fn a_command_stops() {
    let place = Workplace::new();
    let sql = "SELECT 1 AS a; SELECT sum(value % 7) FROM generate_series(1, 1000000000000)";
    let arguments = ["sql", "-q", "--format", "csv", "-c", sql];
    let command = place
        .command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = command.unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    for expected in ["a\n", "1\n"] {
        line.clear();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, expected);
    }
    thread::sleep(Duration::from_millis(300));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "Interrupted\n");
}
