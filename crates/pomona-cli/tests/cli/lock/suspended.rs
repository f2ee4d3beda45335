//! Runs that are suspended, as by Ctrl-Z or a machine that sleeps, and go on after another has taken
//! their output.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pomona_tests::images;
use pomona_tests::patience::wait_until;
use pomona_tests::s3_faults::{Condition, Fault, FaultPlan, RequestLine};
use pomona_tests::s3_server::S3Server;

use crate::publishing::Strike;
use crate::resume::files;
use crate::workplace::{MANY, Workplace};

/// How long a run acts on what it knows of its lock.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Images that a store serves before it holds the others back.
const SERVED: usize = 200;

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
}

/// Whether a lock is that of a process.
fn is_held_by(lock: &Path, child: &Child) -> bool {
    let held = fs::read_to_string(lock).unwrap_or_default();
    held.contains(&format!("\"pid\":{},", child.id()))
}

/// A run whose messages are kept.
fn start(place: &Workplace, arguments: &[&str]) -> Child {
    let weights = ["run", "-k", "3", "--weights", place.weights()];
    let mut command = place.command(weights.iter().chain(arguments));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// That a run ends because another has its output.
#[track_caller]
fn assert_lost(child: Child) {
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("was taken over"), "{stderr}");
}

/// A run is suspended, another takes its output over, and it goes on: the lock stays that of the
/// other.
fn suspend_the_holder(
    place: &Workplace,
    run: &[&str],
    lock: &Path,
    mut is_taken: impl FnMut() -> bool,
) {
    let first = start(place, run);
    wait_until("the run has the lock", || {
        is_held_by(lock, &first) && is_taken()
    });
    signal(&first, Signal::SIGSTOP);
    let mut second = start(place, &[run, &["--force-unlock"]].concat());
    wait_until("the lock is taken over", || is_held_by(lock, &second));
    signal(&first, Signal::SIGCONT);
    assert_lost(first);
    assert_eq!(second.try_wait().unwrap(), None, "it has ended");
    assert!(is_held_by(lock, &second));
    second.kill().unwrap();
    second.wait().unwrap();
}

/// Images of a store that keeps all of them but the first to itself: both runs wait for it, and cost no
/// processor until the first has noticed that it lost its lock.
#[test]
fn a_suspended_run_leaves_the_lock_of_its_successor_alone() {
    let read = AtomicUsize::new(0);
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Condition::of(&is_over);
    let plan: FaultPlan = Box::new(move |line| {
        let is_held = line.reads_object() && read.fetch_add(1, Ordering::Relaxed) >= SERVED;
        is_held.then(|| Fault::Held(over.clone()))
    });
    let server = S3Server::start_faulty(&["photos"], plan).unwrap();
    // A client gives an answer up after 30 s, usually.
    let patient = [("AWS_TIMEOUT", "10 minutes".to_string())];
    let place = Workplace::new()
        .with_environment(server.environment())
        .with_environment(patient);
    place.many_images(10 * SERVED);
    fs::rename(place.path("many"), server.bucket("photos").join("many")).unwrap();
    let lock = place.path("out/_temporary/lock.json");
    let temporary = place.path("out/_temporary");
    // It has begun to write features.
    let is_chunk = |path: &String| path.contains("/chunks/");
    let checkpoint = (SERVED / 4).to_string();
    let input = ["-i", "s3://photos/many", "-o", "out"];
    let run = [&input[..], &["--checkpoint", &checkpoint]].concat();
    suspend_the_holder(&place, &run, &lock, || {
        files(&temporary).keys().any(is_chunk)
    });
    is_over.store(true, Ordering::Relaxed);
}

#[test]
fn a_suspended_run_leaves_the_lock_of_its_successor_in_a_bucket_alone() {
    let server = S3Server::start(&["results"]).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    place.many_images(MANY);
    let lock = server.bucket("results").join("out/_temporary/lock.json");
    // It looks, creates the lock, tries whether the store would create it twice, and looks again.
    let requests = |server: &S3Server| {
        let seen = server.requests();
        let of_lock = |line: &&RequestLine| line.path.ends_with("/lock.json");
        seen.iter().filter(of_lock).count()
    };
    let run = ["-i", "many", "-o", "s3://results/out", "--partitions", "1"];
    suspend_the_holder(&place, &run, &lock, || requests(&server) >= 4);
}

/// The renewal of a suspended run reaches the store after its lock has been taken over: the request
/// itself says what it replaces.
#[test]
fn a_renewal_that_comes_late_is_refused_by_the_store() {
    // Of the writes of a lock the first creates it and the second makes sure that the store would
    // not create it twice; the third is a renewal.
    let written = Arc::new(AtomicUsize::new(0));
    let is_due = Arc::new(AtomicBool::new(false));
    let plan: FaultPlan = {
        let (written, is_due) = (Arc::clone(&written), Arc::clone(&is_due));
        Box::new(move |line| {
            let is_lock = line.method == "PUT" && line.path.ends_with("/lock.json");
            let is_late = is_lock && written.fetch_add(1, Ordering::Relaxed) == 2;
            let is_due = Arc::clone(&is_due);
            let is_due = Condition::new(move || is_due.load(Ordering::Relaxed));
            is_late.then_some(Fault::Held(is_due))
        })
    };
    let server = S3Server::start_faulty(&["results"], plan).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    place.many_images(MANY);
    let lock = server.bucket("results").join("out/_temporary/lock.json");
    let run = ["-i", "many", "-o", "s3://results/out", "--partitions", "1"];
    let first = start(&place, &run);
    wait_until("the lock is renewed", || {
        written.load(Ordering::Relaxed) > 2
    });
    signal(&first, Signal::SIGSTOP);
    let mut second = start(&place, &[&run[..], &["--force-unlock"]].concat());
    // The server shows a new lock a moment before it knows its version: it does when it has answered,
    // and the next write of the lock comes after that.
    wait_until("the lock is taken over", || {
        is_held_by(&lock, &second) && written.load(Ordering::Relaxed) > 4
    });
    // The server has the request, and carries it out now.
    is_due.store(true, Ordering::Relaxed);
    thread::sleep(Duration::from_secs(1));
    assert!(is_held_by(&lock, &second));
    signal(&first, Signal::SIGCONT);
    assert_lost(first);
    assert!(is_held_by(&lock, &second));
    second.kill().unwrap();
    second.wait().unwrap();
}

/// Every file of an output and its bytes, but for what is below `_temporary`.
fn contents(output: &Path) -> BTreeMap<String, Vec<u8>> {
    let results = files(output).into_keys();
    results
        .filter(|path| !path.starts_with("_temporary"))
        .map(|path| {
            let bytes = fs::read(output.join(&path)).unwrap();
            (path, bytes)
        })
        .collect()
}

/// A run is suspended at a write of its publication, another finishes that and publishes more, and
/// the first goes on: nothing of the other's is moved or removed.
#[test]
fn a_suspended_publication_leaves_the_results_of_its_successor_alone() {
    let strike = Arc::new(Strike::default());
    let server = S3Server::start_faulty(&["results"], strike.plan(Signal::SIGSTOP)).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    let output = server.bucket("results").join("out");
    let run = ["-i", "images", "-o", "s3://results/out", "--no-report"];
    place.run(&run).code(0);
    // At the announcement, at a removal or a move, and near the end.
    for (round, at) in [0, 2, 9].into_iter().enumerate() {
        let image = |place: &Workplace, name: &str, seed: u32| {
            let path: PathBuf = place.path(&format!("images/Kiwi/{name}_{round}.png"));
            fs::write(path, images::png(seed + round as u32, 90, 90)).unwrap();
        };
        image(&place, "first", 100);
        let first = strike.start(at, || start(&place, &run));
        wait_until("the run is suspended", || {
            strike.hit.load(Ordering::SeqCst) == first.id() as i32
        });
        strike.stop();
        let suspended = Instant::now();
        image(&place, "second", 150);
        // Other formats, so that the names of some files were obsolete before.
        let formats = match round % 2 {
            0 => "parquet,csv",
            _ => "parquet",
        };
        let taking_over = [&run[..], &["--force-unlock", "--format", formats]].concat();
        place.run(&taking_over).code(0);
        let published = contents(&output);
        thread::sleep((HEARTBEAT + Duration::from_secs(1)).saturating_sub(suspended.elapsed()));
        signal(&first, Signal::SIGCONT);
        assert_lost(first);
        assert_eq!(contents(&output), published, "write {at}");
        place
            .pomona(["verify", "s3://results/out", "--integrity"])
            .code(0);
        place
            .run(&[&run[..], &["--format", formats]].concat())
            .code(0)
            .says("nothing has changed");
        assert_eq!(contents(&output), published, "write {at}");
    }
}

/// Two runs that see no lock and create theirs, in a store that lets both: one goes on. No image is served before one of
/// them has ended, so that neither is through before the other has looked.
fn two_runs_of_one_output(plan: FaultPlan, more: &[(&'static str, &str)]) {
    let is_one_left = Arc::new(AtomicBool::new(false));
    let one_left = Condition::of(&is_one_left);
    let plan: FaultPlan = Box::new(move |line| {
        let is_image = line.reads_object() && line.path.starts_with("/photos/");
        match is_image {
            true => Some(Fault::Held(one_left.clone())),
            false => plan(line),
        }
    });
    let server = S3Server::start_faulty(&["photos", "results"], plan).unwrap();
    images::write_folder(&server.bucket("photos"), &["Apple Red", "Kiwi"], 30);
    // A client gives an answer up after 30 s, usually.
    let patient = [("AWS_TIMEOUT", "10 minutes".to_string())];
    let mut place = Workplace::new()
        .with_environment(server.environment())
        .with_environment(patient);
    for (name, value) in more {
        place = place.with_environment([(*name, value.to_string())]);
    }
    let run = ["-i", "s3://photos", "-o", "s3://results/out", "--no-report"];
    let mut runs = [start(&place, &run), start(&place, &run)];
    wait_until("one of two runs ends", || {
        let mut ended = runs.iter_mut().map(|run| run.try_wait().unwrap());
        ended.any(|ended| ended.is_some())
    });
    is_one_left.store(true, Ordering::SeqCst);
    let mut refused = 0;
    for run in runs {
        let ended = run.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        match ended.status.code() {
            Some(0) => assert!(stderr.contains("may not see each other"), "{stderr}"),
            Some(1) => {
                // The latter where it was stopped for seconds between two requests.
                let reasons = ["written by another run", "was taken over"];
                assert!(reasons.iter().any(|why| stderr.contains(why)), "{stderr}");
                refused += 1;
            }
            code => panic!("{code:?}: {stderr}"),
        }
    }
    assert_eq!(refused, 1);
    let count = place.query("SELECT count(*) AS n FROM 's3://results/out/features/'");
    assert_eq!(count, "n\n60\n");
    place
        .pomona(["verify", "s3://results/out", "--integrity"])
        .code(0);
}

#[test]
fn a_store_that_creates_over_what_is_there_is_found_out() {
    let looks = Arc::new(AtomicUsize::new(0));
    two_runs_of_one_output(
        Box::new(move |line| {
            if !line.path.ends_with("/lock.json") {
                return None;
            }
            if line.reads_object() {
                looks.fetch_add(1, Ordering::Relaxed);
            }
            let looks = Arc::clone(&looks);
            // Both have seen no lock when the first request is carried out.
            let both = Condition::new(move || looks.load(Ordering::Relaxed) > 1);
            line.is_conditional.then_some(Fault::CreatesOver(both))
        }),
        &[],
    );
}

#[test]
fn a_store_that_refuses_conditions_is_read_back() {
    two_runs_of_one_output(
        Box::new(|line| {
            line.is_conditional.then_some(Fault::Refusal(
                StatusCode::NOT_IMPLEMENTED,
                "NotImplemented",
            ))
        }),
        // It would be asked again and again.
        &[("AWS_MAX_ATTEMPTS", "1")],
    );
}
