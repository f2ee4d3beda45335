//! Processes that die in the middle of a run, and what becomes of it.

use std::collections::HashSet;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pomona_tests::cluster::Cluster;
use pomona_tests::images;
use pomona_tests::patience::wait_until;
use pomona_tests::s3_faults::{Condition, Fault, FaultPlan};
use pomona_tests::s3_server::S3Server;

use super::{assert_same_results, options, start};
use crate::workplace::Workplace;

/// Every fault is overcome within this: the executor's timeout, and the work done again.
const LIMIT: Duration = Duration::from_secs(300);

/// An executor's death is overcome within this, in the mean: the scheduler takes it for lost after
/// 3 s, and looks every second.
const OVERCOME: Duration = Duration::from_secs(40);

const IMAGES: usize = 1500;

/// Images, and the undisturbed results of them, which all tests compare theirs with.
struct Undisturbed(Workplace);

impl Undisturbed {
    /// Those that another test has at the moment, or new ones. They are gone with the last test that has them.
    fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Undisturbed>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let place = Workplace::new();
            place.many_images(IMAGES);
            place
                .run(&["-i", "many", "-o", "local", "--no-report"])
                .code(0);
            let new = Arc::new(Self(place));
            *shared = Arc::downgrade(&new);
            new
        })
    }

    fn images(&self) -> String {
        self.0.path("many").display().to_string()
    }

    fn results(&self) -> String {
        self.0.path("local").display().to_string()
    }
}

/// A place for a run on a cluster, over images of which the undisturbed results are there.
struct Prepared {
    undisturbed: Arc<Undisturbed>,
    place: Workplace,
}

fn prepared() -> Prepared {
    Prepared {
        undisturbed: Undisturbed::shared(),
        place: Workplace::new(),
    }
}

fn begin(Prepared { undisturbed, place }: &Prepared, url: &str) -> Child {
    begin_with(place, url, &undisturbed.images())
}

fn begin_with(place: &Workplace, url: &str, input: &str) -> Child {
    let run = [
        "run",
        "--weights",
        place.weights(),
        "--components",
        "3",
        "-i",
        input,
        "-o",
        "out",
        "--no-report",
        "--scheduler",
        url,
        "--partitions",
        "12",
    ];
    let mut command = place.command(run);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until the scheduler has started so many tasks of its newest jobs, or the run has ended.
fn wait_for_tasks(cluster: &Cluster, run: &mut Child, count: usize) {
    let start = Instant::now();
    loop {
        let started = cluster.logs().matches("Finished task").count();
        if started >= count || run.try_wait().unwrap().is_some() {
            return;
        }
        assert!(start.elapsed() < LIMIT, "{}", cluster.logs());
        sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn assert_completes(prepared: &Prepared, run: Child, cluster: &Cluster) {
    let undisturbed = prepared.undisturbed.results();
    assert_gives(&prepared.place, &undisturbed, run, cluster);
}

#[track_caller]
fn assert_gives(place: &Workplace, undisturbed: &str, run: Child, cluster: &Cluster) {
    let start = Instant::now();
    let output = run.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        cluster.logs()
    );
    assert!(start.elapsed() < LIMIT, "took {:?}", start.elapsed());
    assert_same_results(place, "out", undisturbed);
}

/// Runs the pipeline, kills the older of two executors whenever a query is for the first time in a
/// state that `strikes`, given which query it is, and starts another. Gives the number of kills.
fn kill_whenever(strikes: impl Fn(usize, &str) -> bool) -> usize {
    let prepared = prepared();
    let mut cluster = start(options().with_short_timeout());
    let mut run = begin(&prepared, &cluster.url());
    let begun = Instant::now();
    let mut queries = vec![];
    let mut struck = HashSet::new();
    while run.try_wait().unwrap().is_none() {
        for (query, state) in cluster.jobs().unwrap() {
            let known = queries.iter().position(|known| *known == query);
            let number = known.unwrap_or(queries.len());
            if known.is_none() {
                queries.push(query);
            }
            if strikes(number, &state) && struck.insert((number, state)) {
                cluster.add_executor().unwrap();
                cluster.kill_executor(struck.len() - 1).unwrap();
            }
        }
        let limit = LIMIT + OVERCOME * struck.len() as u32;
        assert!(begun.elapsed() < limit, "{}", cluster.logs());
        sleep(Duration::from_millis(5));
    }
    println!("{} kills in {:?}", struck.len(), begun.elapsed());
    assert_completes(&prepared, run, &cluster);
    struck.len()
}

#[test]
fn one_of_two_executors_is_killed_in_every_query() {
    let kills = kill_whenever(|_, state| state == "Running");
    // Of metadata, features, model, projection, statistics and texts.
    assert!(kills >= 8, "{kills}");
}

/// Before the next query, that is, and perhaps before the rows are fetched. A query whose rows are
/// lost is submitted again; that one, the next, is left in peace.
#[test]
fn one_of_two_executors_is_killed_after_every_other_query() {
    let kills = kill_whenever(|number, state| state == "Completed" && number % 2 == 0);
    assert!(kills >= 6, "{kills}");
}

#[test]
fn a_killed_scheduler_is_started_again() {
    let prepared = prepared();
    let mut cluster = start(options());
    let mut run = begin(&prepared, &cluster.url());
    wait_for_tasks(&cluster, &mut run, 16);
    cluster.kill_scheduler().unwrap();
    sleep(Duration::from_secs(1));
    cluster.restart_scheduler().unwrap();
    assert_completes(&prepared, run, &cluster);
}

#[test]
fn a_terminated_executor_finishes_its_tasks() {
    let prepared = prepared();
    let mut cluster = start(options());
    let mut run = begin(&prepared, &cluster.url());
    wait_for_tasks(&cluster, &mut run, 14);
    let pid = cluster.executor_pid(0).unwrap();
    kill(Pid::from_raw(pid as i32), Signal::SIGTERM).unwrap();
    assert!(cluster.executor_ended(0).unwrap());
    assert_completes(&prepared, run, &cluster);
}

#[test]
fn an_executor_that_joins_late_gets_work() {
    // The store serves no image before the late executor has a task of the run.
    let has_joined = Arc::new(AtomicBool::new(true));
    let joined = Condition::of(&has_joined);
    let plan: FaultPlan =
        Box::new(move |line| line.reads_object().then(|| Fault::Held(joined.clone())));
    let server = S3Server::start_faulty(&["many"], plan).unwrap();
    images::write_folder(&server.bucket("many"), &["Apple Red", "Kiwi"], 30);
    let place = Workplace::new().with_environment(server.environment());
    place
        .run(&["-i", "s3://many", "-o", "local", "--no-report"])
        .code(0);
    let mut one = options().with_environment(server.environment());
    one.executors = 1;
    let mut cluster = start(one);
    has_joined.store(false, Ordering::SeqCst);
    let run = begin_with(&place, &cluster.url(), "s3://many");
    cluster.wait_for_job("Running").unwrap();
    let late = cluster.add_executor().unwrap();
    let log = format!("executor-{late}");
    wait_until("the late executor has a task", || {
        cluster.log(&log).contains("Execute task")
    });
    has_joined.store(true, Ordering::SeqCst);
    assert_gives(&place, "local", run, &cluster);
    let log = cluster.log(&log);
    assert!(log.contains("Finished task"), "{log}");
}

#[test]
fn a_cluster_without_executors_is_waited_for_and_then_given_up() {
    let place = Workplace::new();
    let mut cluster = start(options().with_short_timeout());
    cluster.kill_executor(0).unwrap();
    cluster.kill_executor(1).unwrap();
    cluster.wait_for_executors(0).unwrap();
    let url = cluster.url();
    let query = |wait: u32| {
        let sql = format!("SET pomona.executor_wait_seconds = {wait}; SELECT 41 + 1 AS n");
        let mut command =
            place.command(["sql", "--scheduler", &url, "--format", "csv", "-c", &sql]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let failed = query(2).wait_with_output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    let stderr = String::from_utf8(failed.stderr).unwrap();
    assert!(stderr.contains("has no executor"), "{stderr}");
    assert!(stderr.contains("'pomona executor'"), "{stderr}");

    // One that comes in time gets the query.
    let waiting = query(300);
    sleep(Duration::from_secs(1));
    cluster.add_executor().unwrap();
    let answered = waiting.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(answered.stdout).unwrap(), "n\n42\n");
}

#[test]
fn a_bucket_that_fails_now_and_then_changes_nothing() {
    let server = S3Server::start_with_faults(&["photos"], 10).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    place.many_images(200);
    std::fs::remove_dir(server.bucket("photos")).unwrap();
    std::fs::rename(place.path("many"), server.bucket("photos")).unwrap();
    let cluster = start(options().with_environment(server.environment()));
    let input = "s3://photos/";
    let url = cluster.url();
    place
        .run(&["-i", input, "-o", "out", "--scheduler", &url])
        .code(0);
    assert!(server.faults() > 20, "{} faults", server.faults());
    let quiet = place.run(&["-i", input, "-o", "local"]).code(0);
    drop(quiet);
    assert_same_results(&place, "out", "local");
}
