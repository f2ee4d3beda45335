//! An output in a bucket: its lock, and `kill -9` of a run that writes it.

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use pomona_tests::images;
use pomona_tests::patience::{PATIENCE, wait_until};
use pomona_tests::s3_faults::{Condition, Fault, FaultPlan};
use pomona_tests::s3_server::S3Server;

use crate::lock::assert_has_not_waited;
use crate::resume::files;
use crate::workplace::{MANY, Workplace};

const RUN: [&str; 6] = [
    "-i",
    "images",
    "-o",
    "s3://results/out",
    "--checkpoint",
    "4",
];

const LONG: [&str; 6] = ["-i", "many", "-o", "s3://results/out", "--partitions", "1"];

/// Moments at which a run is killed: when there is an object whose path contains this.
const MOMENTS: [&str; 7] = [
    "_temporary/lock.json",
    "_temporary/checkpoints/",
    "-000004.json",
    "/results/features/",
    "/results/pca/",
    "publication.json",
    "_temporary/manifest.json",
];

#[test]
fn a_run_that_is_killed_is_continued_with_the_same_result() {
    let server = S3Server::start(&["results"]).unwrap();
    let place = place(&server);
    let undisturbed = ["-i", "images", "-o", "undisturbed", "--checkpoint", "4"];
    place.run(&undisturbed).code(0);
    let output = server.bucket("results").join("out");
    let mut killed = 0;
    // A run may be through a moment before this test sees it, which then tries them all again.
    for (number, moment) in MOMENTS.iter().cycle().take(3 * MOMENTS.len()).enumerate() {
        if killed >= 4 && number >= MOMENTS.len() {
            break;
        }
        let _ = std::fs::remove_dir_all(&output);
        let mut child = place.start(&RUN);
        killed += u32::from(kill_when(&mut child, &output, moment));
        let left = checkpoints(&output);
        let is_complete = output.join("manifest.json").exists();
        let ran = place.run(&RUN).code(0);
        if !ran.stderr().contains("nothing has changed") && !is_complete {
            let manifest = std::fs::read(output.join("manifest.json")).unwrap();
            let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
            let computed = manifest["counts"]["computed"].as_u64().unwrap();
            assert!(
                computed <= 35 - 4 * left.min(8),
                "{moment}: {computed}, {left}"
            );
        }
        assert!(checkpoints(&output) == 0, "{moment}");
        assert!(
            !files(&output).keys().any(|path| path.contains("lock")),
            "{moment}"
        );
        assert_eq!(
            rows(&place, "s3://results/out"),
            rows(&place, "undisturbed"),
            "{moment}"
        );
        let difference = "WITH both AS (
                SELECT unnest(flatten(a.model['components'])) AS ours,
                       unnest(flatten(b.model['components'])) AS theirs
                FROM 's3://results/out/model/' AS a, 'undisturbed/model/' AS b)
            SELECT count(*) AS n, max(abs(ours - theirs)) <= 1e-9 AS same FROM both";
        assert_eq!(place.query(difference), "n,same\n3840,true\n");
    }
    assert!(killed >= 4, "{killed} runs were killed");
}

#[test]
fn one_run_at_a_time_writes_a_bucket() {
    let server = S3Server::start(&["results"]).unwrap();
    let place = place(&server);
    place.many_images(MANY);
    let lock = server.bucket("results").join("out/_temporary/lock.json");

    let mut holder = place.start(&LONG);
    wait_for(&lock, &mut holder);
    place
        .run(&RUN)
        .code(1)
        .says(&format!("process {} on ", holder.id()))
        .says("--force-unlock");
    // Killed, it leaves its lock, which the next run on this machine takes over at once.
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(lock.exists());
    let ran = place.run(&RUN).code(0).says("takes s3://results/out over");
    assert_has_not_waited(&ran);
    assert!(!lock.exists());
}

#[test]
fn of_runs_that_start_together_one_writes() {
    let server = S3Server::start(&["results"]).unwrap();
    let place = place(&server);
    let arguments = ["run", "--weights", place.weights(), "-k", "3"];
    let runs: Vec<Child> = (0..4)
        .map(|_| {
            let mut command = place.command(arguments.iter().chain(&RUN));
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let mut refused = 0;
    for run in runs {
        let output = run.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => {}
            Some(1) => {
                assert!(stderr.contains("written by another run"), "{stderr}");
                refused += 1;
            }
            code => panic!("{code:?}: {stderr}"),
        }
    }
    assert!(refused < 4);
    let count = place.query("SELECT count(*) AS n FROM 's3://results/out/features/'");
    assert_eq!(count, "n\n35\n");
}

#[test]
fn a_store_that_only_overwrites_is_noted() {
    let server = S3Server::start(&["results"]).unwrap();
    let place = place(&server).with_environment([("AWS_CONDITIONAL_PUT", "disabled".to_string())]);
    place
        .run(&RUN)
        .code(0)
        .says("runs that start at the same moment may not see each other");
    // A lock that is there is respected all the same.
    place.many_images(MANY);
    let lock = server.bucket("results").join("out/_temporary/lock.json");
    let mut holder = place.start(&LONG);
    wait_for(&lock, &mut holder);
    place.run(&RUN).code(1).says("written by another run");
    holder.kill().unwrap();
    holder.wait().unwrap();
}

/// The features of the first chunk are not read back before an image of the second is read: a run that
/// reads them back first would wait for ever, which a store's client does for some minutes.
#[test]
fn a_chunk_is_read_back_while_the_next_is_computed() {
    let images_read = Arc::new(AtomicUsize::new(0));
    let is_next_begun = {
        let images_read = Arc::clone(&images_read);
        Condition::new(move || images_read.load(Ordering::Relaxed) > 10)
    };
    let held = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&held);
    let plan: FaultPlan = Box::new(move |line| {
        if line.reads_object() && line.path.starts_with("/photos/") {
            images_read.fetch_add(1, Ordering::Relaxed);
        }
        let is_read_back = line.reads_object() && line.path.contains("/chunks/000000/features/");
        is_read_back.then(|| {
            count.fetch_add(1, Ordering::Relaxed);
            Fault::Held(is_next_begun.clone())
        })
    });
    let server = S3Server::start_faulty(&["results", "photos"], plan).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    images::write_folder(&server.bucket("photos"), &["Kiwi"], 25);
    place
        .run(&[
            "-i",
            "s3://photos",
            "-o",
            "s3://results/out",
            "--checkpoint",
            "10",
        ])
        .code(0);
    assert!(held.load(Ordering::Relaxed) > 0);
    let counted = place.query("SELECT count(features) AS n FROM 's3://results/out/features/'");
    assert_eq!(counted, "n\n25\n");
}

fn place(server: &S3Server) -> Workplace {
    let place = Workplace::new().with_environment(server.environment());
    images::write_folder(&place.path("images"), &["Apple Red", "Kiwi"], 15);
    place
}

/// The rows of features and metadata, bit for bit.
fn rows(place: &Workplace, output: &str) -> (String, String) {
    let features = format!(
        "SELECT path, label, e_tag, error, array_to_string(features, ' ') AS features
         FROM '{output}/features/' ORDER BY path"
    );
    let metadata = format!("SELECT * FROM '{output}/metadata/parquet/' ORDER BY path");
    (place.query(&features), place.query(&metadata))
}

/// Kills a run when there is an object whose path contains a text; `false` if it ends before.
fn kill_when(child: &mut Child, output: &Path, text: &str) -> bool {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if files(output).keys().any(|path| path.contains(text)) {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        assert!(start.elapsed() < PATIENCE, "it takes too long");
        thread::yield_now();
    }
    false
}

fn wait_for(lock: &Path, holder: &mut Child) {
    wait_until("the run has a lock", || {
        assert!(holder.try_wait().unwrap().is_none(), "the run has ended");
        lock.exists()
    });
}

fn checkpoints(output: &Path) -> u64 {
    let files = files(&output.join("_temporary/checkpoints"));
    files.keys().filter(|path| path.ends_with(".json")).count() as u64
}
