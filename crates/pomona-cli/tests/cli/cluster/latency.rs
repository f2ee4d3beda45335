//! A store that is late: executors compute all the same, and one slow object holds up no other.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use image::ImageFormat;
use image::imageops::{FilterType, resize};
use pomona_tests::cluster::{Cluster, ClusterOptions};
use pomona_tests::images;
use pomona_tests::patience::in_some_round;
use pomona_tests::s3_faults::{Fault, FaultPlan};
use pomona_tests::s3_server::S3Server;

use super::start;
use crate::workplace::Workplace;

/// Images that differ.
const DIFFERENT: usize = 5;

/// Images of the run that loads the network: some tasks for either executor.
const WARM_UP: &str = "200";

/// How late the store is.
const LATENCY: Duration = Duration::from_millis(50);

/// The share of the time that executors compute in at the least, though the store is late: without tasks
/// ahead, and with batches that wait to be full, they reach less than half. Alone on its machine it is all of it;
/// elsewhere the store is late by more than it should be.
const LEAST_WORKING: f64 = 0.8;

/// Clock ticks a second of `/proc/PID/stat`.
const TICKS: f64 = 100.0;

/// The processor seconds of a process.
fn processor_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name of the program, in parentheses, may have spaces.
    let fields = stat.rsplit_once(')').map(|(_, fields)| fields);
    let fields: Vec<&str> = fields.unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| -> f64 {
        let field = fields.get(at).and_then(|field| field.parse().ok());
        field.unwrap_or_default()
    };
    (ticks(11) + ticks(12)) / TICKS
}

/// Idle and all processor seconds of the machine.
fn machine_seconds() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default().split_whitespace();
    let fields: Vec<f64> = line.skip(1).filter_map(|f| f.parse().ok()).collect();
    (
        fields[3] / TICKS,
        fields.iter().take(8).sum::<f64>() / TICKS,
    )
}

/// The threads of an executor that decode images and run a network, and those that run its tasks.
const COMPUTING: [&str; 2] = ["pomona-decode", "task_runner"];

/// Whether an executor of one slot computes, or waits for a processor to do so: for nothing else.
fn is_working(pid: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    threads.into_iter().flatten().flatten().any(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        let named = stat
            .split_once('(')
            .and_then(|(_, rest)| rest.rsplit_once(')'));
        named.is_some_and(|(name, rest)| {
            COMPUTING.contains(&name) && rest.trim_start().starts_with('R')
        })
    })
}

/// What is looked at while a run goes on.
struct Moment {
    at: Instant,
    /// Processor seconds of the executors, idle ones of the machine, and all of it.
    executors: f64,
    idle: f64,
    all: f64,
    /// How many executors work.
    working: usize,
}

/// A store that is late, or not, and when a run read its images.
#[derive(Default)]
struct Store {
    is_late: AtomicBool,
    /// When each GET came.
    reads: Mutex<Vec<Instant>>,
}

impl Store {
    fn is_read(&self) -> bool {
        self.reads.lock().unwrap().push(Instant::now());
        self.is_late.load(Ordering::Relaxed)
    }
}

/// Shares of the time in which images are read: the stages that follow are short, and wait for one another.
#[derive(Clone, Copy)]
struct Shares {
    /// Of the time, the mean of the executors, in which one computes or waits for a processor.
    working: f64,
    /// Of two processors, what the executors had.
    executors: f64,
    /// Of all processors, what anybody had.
    machine: f64,
}

/// Watches the processors while `work` runs; what it returned, and the shares.
fn watched<T>(cluster: &Cluster, store: &Store, work: impl FnOnce() -> T) -> (T, Shares) {
    let pids: Vec<u32> = (0..2).filter_map(|n| cluster.executor_pid(n)).collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&is_over);
    let watch = thread::spawn(move || {
        let mut moments = vec![];
        while !watched.load(Ordering::Relaxed) {
            let (idle, all) = machine_seconds();
            moments.push(Moment {
                at: Instant::now(),
                executors: pids.iter().map(|&pid| processor_seconds(pid)).sum(),
                idle,
                all,
                working: pids.iter().filter(|&&pid| is_working(pid)).count(),
            });
            thread::sleep(Duration::from_millis(40));
        }
        moments
    });
    store.reads.lock().unwrap().clear();
    let done = work();
    is_over.store(true, Ordering::Relaxed);
    let moments = watch.join().unwrap();
    // The report reads some of them again.
    let reads = store.reads.lock().unwrap();
    let at = |read: usize| moments.partition_point(|moment| moment.at < reads[read]);
    let reading = &moments[at(0)..at(count() - 1)];
    let (begin, end) = (&reading[0], &reading[reading.len() - 1]);
    let elapsed = (end.at - begin.at).as_secs_f64();
    let working: usize = reading.iter().map(|moment| moment.working).sum();
    let shares = Shares {
        working: working as f64 / (2 * reading.len()) as f64,
        executors: (end.executors - begin.executors) / (2.0 * elapsed),
        machine: 1.0 - (end.idle - begin.idle) / (end.all - begin.all),
    };
    (done, shares)
}

/// The number of images: enough for some seconds.
fn count() -> usize {
    let count = std::env::var("POMONA_TEST_LATE_IMAGES").ok();
    count.and_then(|count| count.parse().ok()).unwrap_or(2_000)
}

/// What two executors of a binary take for all images, at once and when the store is late, after a run over few
/// that loads the network; again if that `is_wrong`.
fn measured(
    binary: &str,
    server: &S3Server,
    store: &Store,
    is_wrong: impl Fn([(Duration, Shares); 2]) -> Option<String>,
) -> Workplace {
    let options = ClusterOptions::of(binary.into());
    let cluster = start(options.with_environment(server.environment()));
    let place = Workplace::new().with_environment(server.environment());
    let url = cluster.url();
    let run = |output: &str, more: &[&str]| {
        let _ = fs::remove_dir_all(place.path(output));
        let begin = Instant::now();
        let mut command = place.program(binary);
        command.args(["run", "--weights", place.weights(), "--components", "3"]);
        command.args(["-i", "s3://photos", "-o", output, "--scheduler", &url]);
        command.args(more);
        let ran = command.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}");
        begin.elapsed()
    };
    store.is_late.store(false, Ordering::Relaxed);
    run("warm", &["--limit", WARM_UP]);
    in_some_round(|| {
        let times = ["soon", "late"].map(|output| {
            store.is_late.store(output == "late", Ordering::Relaxed);
            let (elapsed, shares) = watched(&cluster, store, || run(output, &[]));
            let percent = |share: f64| format!("{:.1}%", 100.0 * share);
            println!(
                "{binary}, {output}: {elapsed:?}, executors work {} of the time, have {} of two \
                 processors, machine {} busy",
                percent(shares.working),
                percent(shares.executors),
                percent(shares.machine),
            );
            (elapsed, shares)
        });
        is_wrong(times).map_or(Ok(()), Err)
    });
    place
}

#[test]
fn executors_are_busy_though_a_store_is_late() {
    let store = Arc::new(Store::default());
    let served = Arc::clone(&store);
    let plan: FaultPlan = Box::new(move |line| {
        let is_late = line.reads_object() && served.is_read();
        is_late.then_some(Fault::Slow(LATENCY))
    });
    let server = S3Server::start_faulty(&["photos"], plan).unwrap();
    // As many pixels as a photograph has, and few bytes: of smaller images the test's server, on its one
    // thread, serves fewer than two executors compute.
    let folder = server.bucket("photos").join("Kiwi");
    fs::create_dir(&folder).unwrap();
    let file = |number: usize| folder.join(format!("{number}.png"));
    for number in 0..DIFFERENT {
        let small = images::draw(number as u32, 32, 24);
        let large = resize(&small, 1024, 768, FilterType::Nearest);
        fs::write(file(number), images::encode(&large, ImageFormat::Png)).unwrap();
    }
    for number in DIFFERENT..count() {
        fs::hard_link(file(number % DIFFERENT), file(number)).unwrap();
    }
    // Another binary, to be compared by people.
    if let Ok(before) = std::env::var("POMONA_TEST_BEFORE") {
        measured(&before, &server, &store, |_| None);
    }
    let binary = env!("CARGO_BIN_EXE_pomona");
    let place = measured(binary, &server, &store, |[(soon, _), (late, shares)]| {
        // Alone on its machine it is within some percent. Where a machine is busy the store is slow as well, and
        // executors compute for longer.
        let is_right = late < 2 * soon && shares.working >= LEAST_WORKING;
        (!is_right).then(|| {
            format!(
                "{late:?} with 50 ms a GET, {soon:?} without; executors work {:.1}% of the time",
                100.0 * shares.working
            )
        })
    });
    let same = "SELECT count(*) AS n, count(features) AS features FROM";
    let counted = place.local_query(&format!("{same} 'late/features/'"));
    assert_eq!(counted, format!("n,features\n{0},{0}\n", count()));
}

/// Executors have tasks ahead only while no other waits.
#[test]
fn a_small_query_does_not_wait_for_the_end_of_a_run() {
    let cluster = start(super::options());
    let place = Workplace::new();
    place.many_images(2_000);
    place.query("COPY (SELECT 1 AS a) TO 'rows.parquet'");
    let url = cluster.url();
    in_some_round(|| {
        let _ = fs::remove_dir_all(place.path("out"));
        let mut command = place.command(["run", "--weights", place.weights(), "-k", "3"]);
        command.args(["-i", "many", "-o", "out", "--scheduler", &url, "-q"]);
        let mut run = command.spawn().unwrap();
        cluster.wait_for_job("Running").unwrap();
        let sql = ["sql", "-q", "--format", "csv", "--scheduler", &url, "-c"];
        let query = place.pomona([&sql[..], &["SELECT a FROM 'rows.parquet'"]].concat());
        assert_eq!(query.code(0).stdout(), "a\n1\n");
        let is_running = run.try_wait().unwrap().is_none();
        run.kill().unwrap();
        run.wait().unwrap();
        // A client that is late with its question may be late for all of the run.
        let late = "the run ended before a query of one row".to_string();
        is_running.then_some(()).ok_or(late)
    });
}
