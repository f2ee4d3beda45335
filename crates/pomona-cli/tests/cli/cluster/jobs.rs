//! `pomona jobs`, and Ctrl-C.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pomona_tests::cluster::Cluster;
use pomona_tests::patience::{in_some_round, wait_until};

use super::{kept_jobs, options, start, start_with_history};
use crate::interrupt::interrupt;
use crate::workplace::Workplace;

/// How long the first Ctrl-C waits for a scheduler to confirm that the job is cancelled.
const CANCELLATION: Duration = Duration::from_secs(5);

/// A query that runs for minutes.
pub(super) const LONG: &str = "SELECT sum(a.value * b.value) AS s FROM generate_series(1, 200000) a, generate_series(1, 200000) b";

#[test]
fn jobs_are_listed_shown_and_cancelled() {
    let cluster = start(options());
    let url = cluster.url();
    let place = Workplace::new().with_environment([("POMONA_SCHEDULER", url)]);
    let named = "SET ballista.job.name = 'one'; SELECT 1";
    place.pomona(["sql", "-c", named]).code(0);
    let mut query = running(&cluster, &place);
    let job = cluster.wait_for_job("Running").unwrap();

    let list = place.pomona(["jobs", "--format", "csv"]).code(0).stdout();
    assert!(list.starts_with("job,name,status,"), "{list}");
    assert!(
        list.contains(",,Running,") && list.contains(",one,Completed,"),
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

/// A job that the scheduler lists is shown, also where it has no plan, and in words for people.
#[test]
fn jobs_that_failed_are_shown_with_their_reasons() {
    let place = Workplace::new();
    let folder = place.path("history");
    let mut cluster = start_with_history(&folder);
    let place = place.with_environment([("POMONA_SCHEDULER", cluster.url())]);
    let reason = "its build side does not fit ballista.optimizer.broadcast_join_threshold_bytes";
    let not_planned = "SET ballista.optimizer.broadcast_join_threshold_bytes = 0; \
        SET ballista.job.name = 'not planned'; \
        SELECT count(*) FROM generate_series(1, 9) AS t(a) \
        WHERE a NOT IN (SELECT b FROM (VALUES (1), (NULL)) AS u(b) WHERE u.b > t.a)";
    let said = place
        .pomona(["sql", "-c", not_planned])
        .code(1)
        .says(reason);
    assert!(!said.stderr().contains("General("), "{}", said.stderr());
    let not_cast = "SELECT arrow_cast(concat('x', value), 'Int64') FROM generate_series(1, 9)";
    place.pomona(["sql", "-c", not_cast]).code(1);

    let list = || place.pomona(["jobs", "--format", "csv"]).code(0).stdout();
    let shown = |list: &str, name: &str| {
        let mut jobs = list.lines().skip(1).map(|job| job.split_once(',').unwrap());
        let (job, _) = jobs.find(|(_, rest)| rest.starts_with(name)).unwrap();
        place.pomona(["jobs", "show", job]).code(0).stdout()
    };
    let listed = list();
    // It has not begun, and took no time.
    assert!(listed.contains(",not planned,Failed,0,0,,\n"), "{listed}");
    let text = shown(&listed, "not planned,");
    assert!(text.contains("\nstatus: Failed: Null-aware anti join") && text.contains(reason));
    let text = shown(&listed, ",");
    let words = "\nstatus: Failed: Cast error: Cannot cast string 'x1' to value of Int64 type\n";
    assert!(
        text.contains(words) && text.contains("stage 1: Failed"),
        "{text}"
    );

    // The next scheduler has both of the folder.
    wait_until("the jobs are kept", || kept_jobs(&folder).len() == 2);
    cluster.kill_scheduler().unwrap();
    cluster.restart_scheduler().unwrap();
    let listed = list();
    assert!(listed.contains(",not planned,Failed,0,0,,\n"), "{listed}");
    assert!(shown(&listed, "not planned,").contains(reason));
}

/// A client whose query runs on the cluster.
fn running(cluster: &Cluster, place: &Workplace) -> Child {
    let query = place
        .command(["sql", "--scheduler", &cluster.url(), "-c", LONG])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    cluster.wait_for_job("Running").unwrap();
    query
}

#[test]
fn an_interrupt_cancels_the_job_on_the_cluster() {
    let cluster = start(options());
    let place = Workplace::new();
    let mut query = running(&cluster, &place);
    interrupt(&query);
    assert_eq!(query.wait().unwrap().code(), Some(130));
    cluster.wait_for_job("Failed").unwrap();
}

#[test]
fn a_second_interrupt_does_not_wait_for_the_cluster() {
    let cluster = start(options());
    let place = Workplace::new();
    let (url, scheduler) = (cluster.url(), cluster.scheduler_pid());
    let scheduler = Pid::from_raw(scheduler as i32);
    in_some_round(|| {
        // Of an earlier round.
        for (job, _) in cluster.jobs().unwrap() {
            place.pomona(["jobs", "--scheduler", &url, "cancel", &job]);
        }
        let mut query = running(&cluster, &place);
        // A scheduler that is stopped confirms nothing, and the first Ctrl-C waits for it.
        kill(scheduler, Signal::SIGSTOP).unwrap();
        let first = Instant::now();
        interrupt(&query);
        let mut lines = BufReader::new(query.stderr.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "Interrupted");
        let ended = query.try_wait().unwrap();
        assert!(
            ended.is_none() || first.elapsed() >= CANCELLATION,
            "the first Ctrl-C does not wait"
        );
        interrupt(&query);
        assert_eq!(query.wait().unwrap().code(), Some(130));
        let took = first.elapsed();
        kill(scheduler, Signal::SIGCONT).unwrap();
        // A second Ctrl-C that is not heard ends with the time of the first.
        match took < CANCELLATION {
            true => Ok(()),
            false => Err(format!("the second Ctrl-C ends {took:?} after the first")),
        }
    });
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
    place.pomona(["jobs"]).code(2).says("df://HOST:PORT");
}
