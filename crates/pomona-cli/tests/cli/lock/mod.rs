//! Runs that want the same output at the same time.

mod suspended;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pomona_tests::patience::wait_until;

use crate::interrupt::interrupt;
use crate::resume::{assert_consistent, files};
use crate::workplace::{MANY, Ran, Workplace};

const LONG: [&str; 6] = ["-i", "many", "-o", "out", "--partitions", "1"];
const SHORT: [&str; 4] = ["-i", "images", "-o", "out"];

fn lock(place: &Workplace) -> PathBuf {
    place.path("out/_temporary/lock.json")
}

/// Starts a run that takes long, and waits until it holds the output.
fn hold(place: &Workplace) -> Child {
    let mut child = place.start(&LONG);
    wait_until("the run has a lock", || {
        assert!(child.try_wait().unwrap().is_none(), "the run has ended");
        lock(place).exists()
    });
    child
}

#[test]
fn the_second_run_is_refused_until_the_first_ends() {
    let place = Workplace::new();
    place.many_images(MANY);
    let mut holder = hold(&place);
    let refused = place.run(&SHORT).code(1);
    for says in [
        "'out' is being written by another run",
        &format!("process {} on ", holder.id()),
        "--force-unlock",
    ] {
        assert!(refused.stderr().contains(says), "{}", refused.stderr());
    }
    // Another output is free.
    place.run(&["-i", "images", "-o", "other"]).code(0);

    // Ctrl-C gives the output back.
    interrupt(&holder);
    assert_eq!(holder.wait().unwrap().code(), Some(130));
    assert!(!lock(&place).exists());
    place.run(&SHORT).code(0);
    assert!(!place.path("out/_temporary").exists());
    assert_consistent(&place);
}

#[test]
fn a_run_that_is_interrupted_releases_the_output() {
    let place = Workplace::new();
    place.many_images(MANY);
    let mut holder = hold(&place);
    let pid = nix::unistd::Pid::from_raw(holder.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(holder.wait().unwrap().code(), Some(130));
    assert!(!lock(&place).exists());
    place.run(&SHORT).code(0);
}

#[test]
fn a_run_that_fails_gives_the_output_back() {
    let place = Workplace::new();
    place.run(&["-i", "nowhere", "-o", "out"]).code(1);
    assert!(!place.path("out/_temporary").exists());
    place.run(&SHORT).code(0);
}

#[test]
fn the_lock_of_a_killed_run_is_taken_over_at_once() {
    let place = Workplace::new();
    place.many_images(MANY);
    let mut holder = hold(&place);
    holder.kill().unwrap();
    // Its parent, this test, has not asked for its exit code yet.
    let ran = place
        .run(&SHORT)
        .code(0)
        .says("has ended without a word: this run takes out over");
    assert_has_not_waited(&ran);
    holder.wait().unwrap();
    assert!(!place.path("out/_temporary").exists());
    assert_consistent(&place);
}

/// That a run has not watched a lock for a sign of life: whoever does says so before.
#[track_caller]
pub fn assert_has_not_waited(ran: &Ran) {
    assert!(!ran.stderr().contains("waiting"), "{}", ran.stderr());
}

#[test]
fn of_many_runs_one_takes_a_lock_over() {
    let place = Workplace::new();
    place.many_images(MANY);
    for _ in 0..3 {
        let _ = fs::remove_dir_all(place.path("out"));
        let mut holder = hold(&place);
        holder.kill().unwrap();
        holder.wait().unwrap();
        let arguments = [
            "run",
            "--weights",
            place.weights(),
            "-k",
            "3",
            "--format",
            "parquet",
        ];
        let runs: Vec<Child> = (0..4)
            .map(|_| {
                let mut command = place.command(arguments.iter().chain(&SHORT));
                command.stdout(Stdio::null()).stderr(Stdio::piped());
                command.spawn().unwrap()
            })
            .collect();
        let mut finished = 0;
        for run in runs {
            let output = run.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(0) => finished += 1,
                Some(1) => assert!(stderr.contains("written by another run"), "{stderr}"),
                code => panic!("{code:?}: {stderr}"),
            }
        }
        assert!(finished >= 1);
        assert!(!place.path("out/_temporary").exists());
        assert_consistent(&place);
    }
}

/// The identifier of a run elsewhere.
const RUN: &str = "20260101T000000.000000Z";

/// A moment of this machine's clock, as locks are dated.
fn in_seconds(seconds: u32) -> String {
    let later = format!("+{seconds} seconds");
    let date = Command::new("date")
        .args(["-u", "-d", &later, "+%FT%TZ"])
        .output();
    let date = String::from_utf8(date.unwrap().stdout).unwrap();
    date.trim().to_string()
}

#[test]
fn the_lock_of_another_machine_holds_until_it_is_stale() {
    let place = Workplace::new();
    let held = |renewed: &str| {
        let json = format!(
            r#"{{"run":"{RUN}","process":{{"host":"elsewhere","pid":7,"space":null,"began":null}},
                "began":"2026-01-01T00:00:00Z","renewed":"{renewed}"}}"#
        );
        fs::create_dir_all(place.path("out/_temporary")).unwrap();
        fs::write(lock(&place), json).unwrap();
    };
    // Renewed a moment ago, by a clock that may be ahead of ours.
    held(&in_seconds(20));
    place.run(&SHORT).code(1).says(&format!(
        "process 7 on elsewhere, since 2026-01-01T00:00:00Z, run {RUN}"
    ));
    // A clock that is far ahead is wrong: only a renewal would be a sign of life.
    held("2999-01-01T00:00:00Z");
    place
        .run(&SHORT)
        .code(0)
        .says("waiting 15 s for a sign of it");
    // It has been silent for long, and is silent while it is watched.
    held("2026-01-01T00:00:00Z");
    let start = Instant::now();
    place
        .run(&["-i", "images", "-o", "out", "-k", "2"])
        .code(0)
        .says("waiting 15 s for a sign of it");
    assert!(start.elapsed() >= Duration::from_secs(15));
    // Whoever knows better need not wait.
    held(&in_seconds(0));
    place
        .run(&["-i", "images", "-o", "out", "-k", "4", "--force-unlock"])
        .code(0);
    assert_consistent(&place);

    fs::create_dir_all(place.path("out/_temporary")).unwrap();
    fs::write(lock(&place), "{").unwrap();
    place.run(&SHORT).code(1).says("--force-unlock");
    place
        .run(&["-i", "images", "-o", "out", "--force-unlock"])
        .code(0);
}

#[test]
fn a_run_that_loses_its_lock_publishes_nothing() {
    let place = Workplace::new();
    place.many_images(MANY);
    let mut command = place.command(["run", "-k", "3", "--weights", place.weights()]);
    command
        .args(LONG)
        .args(["--checkpoint", "100"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let holder = command.spawn().unwrap();
    // When it writes, it has read its lock back.
    wait_until("features are written", || {
        let mut written = files(&place.path("out")).into_keys();
        written.any(|path| path.contains("/chunks/"))
    });
    fs::remove_file(lock(&place)).unwrap();
    let output = holder.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("was taken over while this run was writing it"),
        "{stderr}"
    );
    assert!(!place.path("out/manifest.json").exists());
}
