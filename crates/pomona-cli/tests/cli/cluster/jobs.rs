//! `pomona jobs`, and Ctrl-C.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{options, start};
use crate::workplace::Workplace;

/// A query that runs for minutes.
pub(super) const LONG: &str = "SELECT sum(a.value * b.value) AS s FROM generate_series(1, 200000) a, generate_series(1, 200000) b";

#[test]
fn jobs_are_listed_shown_and_cancelled() {
    let cluster = start(options());
    let url = cluster.url();
    let place = Workplace::new().with_environment([("POMONA_SCHEDULER", url)]);
    place.pomona(["sql", "-c", "SELECT 1"]).code(0);
    let mut query = place
        .command(["sql", "-c", LONG])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let job = cluster.wait_for_job("Running").unwrap();

    let list = place.pomona(["jobs", "--format", "csv"]).code(0).stdout();
    assert!(list.starts_with("job,name,status,"), "{list}");
    assert!(
        list.contains("Running") && list.contains("Completed"),
        "{list}"
    );
    let shown = place.pomona(["jobs", "show", &job]).code(0).stdout();
    assert!(
        shown.contains("stage 1") && shown.contains("AggregateExec"),
        "{shown}"
    );

    place
        .pomona(["jobs", "cancel", &job])
        .code(0)
        .says("is cancelled");
    let status = query.wait().unwrap();
    assert_eq!(status.code(), Some(1));
    place
        .pomona(["jobs", "cancel", &job])
        .code(1)
        .says("has ended already");
    place
        .pomona(["jobs", "show", "nobody"])
        .code(1)
        .says("knows no job 'nobody'");
}

#[test]
fn an_interrupt_cancels_the_job_on_the_cluster() {
    let cluster = start(options());
    let url = cluster.url();
    let place = Workplace::new();
    let mut query = place
        .command(["sql", "--scheduler", &url, "-c", LONG])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    cluster.wait_for_job("Running").unwrap();
    kill(Pid::from_raw(query.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(query.wait().unwrap().code(), Some(130));
    cluster.wait_for_job("Failed").unwrap();
}

#[test]
fn a_scheduler_that_is_not_there_is_named() {
    let place = Workplace::new();
    place
        .pomona(["sql", "--scheduler", "df://127.0.0.1:1", "-c", "SELECT 1"])
        .code(1)
        .says("no scheduler answers at df://127.0.0.1:1")
        .says("refused");
    place
        .pomona(["sql", "--scheduler", "localhost:50050", "-c", "SELECT 1"])
        .code(2)
        .says("write df://HOST:PORT");
    place.pomona(["jobs"]).code(1).says("df://HOST:PORT");
}
