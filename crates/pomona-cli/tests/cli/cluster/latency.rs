//! A store that is late: executors compute all the same, and one slow object holds up no other.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pomona_tests::cluster::{Cluster, ClusterOptions};
use pomona_tests::images;
use pomona_tests::s3_faults::{Fault, FaultPlan};
use pomona_tests::s3_server::S3Server;

use super::start;
use crate::workplace::Workplace;

/// How late the store is.
const LATENCY: Duration = Duration::from_millis(50);

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

/// Processor seconds at a time: of the executors, idle ones of the machine, and all of it.
type Moment = (Instant, f64, f64, f64);

/// Watches the processors while `work` runs; what it returned, and the shares of the executors' cores
/// and of the machine that were busy in the steady part: between a fifth and four fifths of the executors' work.
fn watched<T>(cluster: &Cluster, work: impl FnOnce() -> T) -> (T, f64, f64) {
    let pids: Vec<u32> = (0..2).filter_map(|n| cluster.executor_pid(n)).collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&is_over);
    let watch = thread::spawn(move || {
        let mut moments: Vec<Moment> = vec![];
        while !watched.load(Ordering::Relaxed) {
            let executors = pids.iter().map(|&pid| processor_seconds(pid)).sum();
            let (idle, all) = machine_seconds();
            moments.push((Instant::now(), executors, idle, all));
            thread::sleep(Duration::from_millis(50));
        }
        moments
    });
    let done = work();
    is_over.store(true, Ordering::Relaxed);
    let moments = watch.join().unwrap();
    let (first, last) = (moments[0].1, moments[moments.len() - 1].1);
    let at = |share: f64| {
        let wanted = first + share * (last - first);
        let mut later = moments.iter().filter(|moment| moment.1 >= wanted);
        *later.next().unwrap()
    };
    let (begin, end) = (at(0.2), at(0.8));
    let elapsed = (end.0 - begin.0).as_secs_f64();
    let executors = (end.1 - begin.1) / (2.0 * elapsed);
    let machine = 1.0 - (end.2 - begin.2) / (end.3 - begin.3);
    (done, executors, machine)
}

/// The number of images: enough for some seconds.
fn count() -> usize {
    let count = std::env::var("POMONA_TEST_LATE_IMAGES").ok();
    count.and_then(|count| count.parse().ok()).unwrap_or(3_000)
}

/// What two executors of a binary take for all images, at once and when the store is late, after a first run that
/// loads the network.
fn measured(binary: &str, server: &S3Server, is_late: &AtomicBool) -> (Workplace, [Duration; 2]) {
    let options = ClusterOptions::of(binary.into());
    let cluster = start(options.with_environment(server.environment()));
    let place = Workplace::new().with_environment(server.environment());
    let url = cluster.url();
    let run = |output: &str| {
        let begin = Instant::now();
        let mut command = place.program(binary);
        command.args(["run", "--weights", place.weights(), "--components", "3"]);
        command.args(["-i", "s3://photos", "-o", output, "--scheduler", &url]);
        let ran = command.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}");
        begin.elapsed()
    };
    is_late.store(false, Ordering::Relaxed);
    run("warm");
    let times = ["soon", "late"].map(|output| {
        is_late.store(output == "late", Ordering::Relaxed);
        let (elapsed, executors, machine) = watched(&cluster, || run(output));
        let (executors, machine) = (100.0 * executors, 100.0 * machine);
        println!(
            "{binary}, {output}: {elapsed:?}, executors {executors:.1}%, machine {machine:.1}% busy"
        );
        elapsed
    });
    (place, times)
}

#[test]
fn executors_are_busy_though_a_store_is_late() {
    let is_late = Arc::new(AtomicBool::new(false));
    let late = Arc::clone(&is_late);
    let plan: FaultPlan = Box::new(move |line| {
        let is_late = late.load(Ordering::Relaxed) && line.reads_object();
        is_late.then_some(Fault::Slow(LATENCY))
    });
    let server = S3Server::start_faulty(&["photos"], plan).unwrap();
    let photos = server.bucket("photos");
    images::write_folder(&photos, &["Kiwi"], 20);
    let folder = photos.join("Kiwi");
    for number in 20..count() {
        let image = folder.join(format!("{}.png", number % 20));
        fs::hard_link(image, folder.join(format!("{number}.png"))).unwrap();
    }
    // Another binary, to be compared by people.
    if let Ok(before) = std::env::var("POMONA_TEST_BEFORE") {
        measured(&before, &server, &is_late);
    }
    let binary = env!("CARGO_BIN_EXE_pomona");
    let (place, [soon, late]) = measured(binary, &server, &is_late);
    // Alone on its machine it is within some percent.
    assert!(
        late < 2 * soon,
        "{late:?} with 50 ms a GET, {soon:?} without"
    );
    let same = "SELECT count(*) AS n, count(features) AS features FROM";
    let counted = place.local_query(&format!("{same} 'late/features/'"));
    assert_eq!(counted, format!("n,features\n{0},{0}\n", count()));
}
