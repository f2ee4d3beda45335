//! Jobs that kill executors, and jobs that nobody waits for, come to an end.

use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pomona_tests::patience::in_some_round;

use super::{Cluster, ClusterOptions, options, start};
use crate::interrupt::interrupt;
use crate::workplace::Workplace;

/// Everything here has happened within this.
const LIMIT: Duration = Duration::from_secs(300);

const PAUSE: Duration = Duration::from_millis(20);

/// A query that runs for hours, and hears of its cancellation within milliseconds.
const ENDLESS: &str = "SELECT sum(value) AS s FROM generate_series(1, 1000000000000)";

fn guarded(executors: usize, scheduler: &[&str]) -> ClusterOptions {
    let mut options = options().with_short_timeout();
    options.executors = executors;
    options.scheduler = scheduler.iter().map(ToString::to_string).collect();
    options
}

fn query(place: &Workplace, cluster: &Cluster, sql: &str) -> Child {
    let url = format!("--scheduler={}", cluster.url());
    let mut command = place.command(["sql", "-q", "--format", "csv", &url, "-c", sql]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[track_caller]
fn assert_answers(place: &Workplace, cluster: &Cluster) {
    let answered = query(place, cluster, "SELECT 1 AS one");
    let answered = answered.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&answered.stderr);
    assert_eq!(answered.stdout, b"one\n1\n", "{said}\n{}", cluster.logs());
}

fn begun_tasks(cluster: &Cluster, executor: usize) -> usize {
    let log = cluster.log(&format!("executor-{executor}"));
    log.matches("Execute task").count()
}

/// A plan that makes a process end, and a supervisor that starts it again: each executor is killed when
/// it has begun a task.
#[test]
fn a_job_that_kills_its_executors_fails_and_says_so() {
    let place = Workplace::new();
    let mut cluster = start(guarded(1, &["--task-max-lost-executors=3"]));
    let mut running = query(&place, &cluster, ENDLESS);
    let begin = Instant::now();
    let mut executor = 0;
    while running.try_wait().unwrap().is_none() {
        assert!(
            begin.elapsed() < LIMIT && executor < 4,
            "{}",
            cluster.logs()
        );
        if begun_tasks(&cluster, executor) > 0 {
            cluster.kill_executor(executor).unwrap();
            cluster.wait_for_executors(0).unwrap();
            executor = cluster.add_executor().unwrap();
        }
        sleep(PAUSE);
    }
    let ended = running.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(
        said.contains("3 executors were lost while they ran partition"),
        "{said}"
    );
    cluster.wait_for_job("Failed").unwrap();
    assert_answers(&place, &cluster);
    // Fewer where one that lived was late with its heartbeats, and taken for lost.
    assert!(executor <= 3, "executors died after the job had cost three");
}

/// With a limit of one, any loss of a task that runs would end the job.
#[test]
fn executors_that_were_gone_before_are_not_the_jobs_fault() {
    let place = Workplace::new();
    let mut gone = guarded(3, &["--task-max-lost-executors=1"]);
    // The third must not be missed for a moment, however busy the machine is.
    gone.timeout_seconds = 12;
    let mut cluster = start(gone);
    assert_answers(&place, &cluster);
    cluster.kill_executor(0).unwrap();
    cluster.kill_executor(1).unwrap();
    // They are not missed yet, and get tasks.
    let sql = "SELECT count(*) AS n FROM (SELECT value % 7 AS g FROM generate_series(1, 100000) GROUP BY 1)";
    let answered = query(&place, &cluster, sql).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&answered.stderr);
    assert_eq!(answered.stdout, b"n\n7\n", "{said}\n{}", cluster.logs());
}

#[test]
fn the_job_of_a_client_that_died_is_cancelled() {
    let place = Workplace::new();
    let cluster = start(guarded(2, &["--client-timeout-seconds=3"]));
    let mut running = query(&place, &cluster, ENDLESS);
    cluster.wait_for_job("Running").unwrap();
    running.kill().unwrap();
    running.wait().unwrap();
    let job = cluster.wait_for_job("Failed").unwrap();
    let shown = cluster.get(&format!("/api/job/{job}")).unwrap();
    assert!(shown.contains("its client has not asked for it"), "{shown}");
    assert_answers(&place, &cluster);
}

/// A client that waits for longer than the timeout keeps its job, and one that was suspended gets
/// another.
#[test]
fn a_client_that_was_suspended_submits_its_query_again() {
    let place = Workplace::new();
    let cluster = start(guarded(1, &["--client-timeout-seconds=3"]));
    let mut running = query(&place, &cluster, ENDLESS);
    let mut job = String::new();
    in_some_round(|| {
        job = cluster.wait_for_job("Running").unwrap();
        sleep(Duration::from_secs(6));
        // On a busy machine a client may be as late as one that is suspended.
        match cluster.wait_for_job("Running").unwrap() {
            same if same == job => Ok(()),
            other => Err(format!("after {job} there is {other}")),
        }
    });
    let client = Pid::from_raw(running.id() as i32);
    kill(client, Signal::SIGSTOP).unwrap();
    let begin = Instant::now();
    let failed = (job.clone(), "Failed".to_string());
    let is_cancelled = || cluster.jobs().unwrap().contains(&failed);
    while !is_cancelled() && begin.elapsed() < LIMIT {
        sleep(PAUSE);
    }
    kill(client, Signal::SIGCONT).unwrap();
    assert!(is_cancelled(), "{}", cluster.logs());
    assert_ne!(cluster.wait_for_job("Running").unwrap(), job);
    interrupt(&running);
    assert_eq!(running.wait().unwrap().code(), Some(130));
}
