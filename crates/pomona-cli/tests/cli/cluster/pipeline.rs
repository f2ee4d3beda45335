//! `pomona run` on a cluster gives what it gives on one machine.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pomona_tests::images;
use pomona_tests::patience::in_some_round;
use pomona_tests::s3_faults::{Condition, Fault, FaultPlan};
use pomona_tests::s3_server::S3Server;

use super::{assert_same_results, options, start};
use crate::formats::{SIZED, assert_sizes};
use crate::progress::objects;
use crate::resume::{assert_consistent, files};
use crate::workplace::Workplace;

/// Images of the run whose progress is looked at: ten a task.
const IMAGES: usize = 500;

/// Time in which a run reports its progress twice.
const REPORTED_TWICE: Duration = Duration::from_secs(6);

/// What the store has been asked for by a run.
#[derive(Default)]
struct Served {
    began: Option<Instant>,
    images: usize,
}

#[test]
fn a_run_on_a_cluster_gives_the_local_results() {
    let cluster = start(options());
    let place = Workplace::new();
    place.many_images(200);
    place.run(&["-i", "many", "-o", "local"]).code(0);
    let url = cluster.url();
    let run = ["-i", "many", "-o", "distributed", "--scheduler", &url];
    place.run(&run).code(0);
    assert_same_results(&place, "distributed", "local");
    let jobs = place.pomona(["jobs", "--scheduler", &url, "--format", "csv"]);
    let jobs = jobs.code(0).stdout();
    for script in ["features", "pca_fit", "report/totals"] {
        assert!(jobs.contains(&format!(",{script},Completed,")), "{jobs}");
    }

    // Nothing is left of the way there, and a second run has nothing to do.
    assert!(!place.path("distributed/_temporary").exists());
    place.run(&run).code(0).says("nothing has changed");
}

#[test]
fn the_progress_on_a_cluster_is_reported_while_it_runs() {
    // A run that is long because its store is: of most tasks the images are there at once, and of the last
    // ones not before the run has had the time to report twice.
    let served = Arc::new(Mutex::new(Served::default()));
    let plan: FaultPlan = {
        let served = Arc::clone(&served);
        Box::new(move |line| {
            if !line.reads_object() {
                return None;
            }
            let mut served = served.lock().unwrap();
            let began = *served.began.get_or_insert_with(Instant::now);
            served.images += 1;
            let is_due = Condition::new(move || began.elapsed() > REPORTED_TWICE);
            (served.images > IMAGES / 2).then_some(Fault::Held(is_due))
        })
    };
    let server = S3Server::start_faulty(&["photos"], plan).unwrap();
    let cluster = start(options().with_environment(server.environment()));
    let place = Workplace::new().with_environment(server.environment());
    place.many_images(IMAGES);
    fs::rename(place.path("many"), server.bucket("photos").join("many")).unwrap();
    let url = cluster.url();
    let folders = ["-i", "s3://photos/many", "-o", "out", "--no-report"];
    let spread = ["--scheduler", &url, "--partitions", "50"];
    let all = IMAGES as u64;
    // A client that a busy machine has stopped for seconds reports nothing meanwhile.
    in_some_round(|| {
        let _ = fs::remove_dir_all(place.path("out"));
        *served.lock().unwrap() = Served::default();
        let ran = place.run(&[folders.as_slice(), &spread].concat());
        let lines = objects(&ran.code(0));
        let features = lines.iter().filter(|line| line["phase"] == "features");
        let done: Vec<u64> = features
            .clone()
            .map(|line| line["done"].as_u64().unwrap())
            .collect();
        assert!(done.is_sorted() && done.last() == Some(&all), "{done:?}");
        // Of tasks that are complete, before the last one is.
        let between = features
            .filter(|line| (1..all).contains(&line["done"].as_u64().unwrap()))
            .find(|line| line["eta_seconds"].as_f64().is_some());
        let between = between.ok_or_else(|| format!("{lines:?}"))?;
        assert!(between["images_per_second"].as_f64().unwrap() > 0.0);
        Ok(())
    });
}

#[test]
fn files_of_features_have_their_size_on_a_cluster() {
    let cluster = start(options());
    let place = Workplace::new();
    images::write_folder(&place.path("images"), &["Apple Red", "Kiwi"], 30);
    let url = cluster.url();
    // Four partitions of each chunk, written at once by two executors, and far smaller than a file.
    let run = [&SIZED[..], &["--scheduler", &url, "--partitions", "4"]].concat();
    place.run(&run).code(0);
    assert_sizes(&place);
    assert_consistent(&place);
}

#[test]
fn a_run_on_a_cluster_reads_and_writes_a_bucket() {
    let server = S3Server::start(&["photos", "results"]).unwrap();
    let labels = ["Apple Red", "Kiwi", "Pêche+Plate"];
    images::write_folder(&server.bucket("photos").join("Training"), &labels, 5);
    let cluster = start(options().with_environment(server.environment()));
    let place = Workplace::new().with_environment(server.environment());
    let input = "s3://photos/Training/";
    place.run(&["-i", input, "-o", "local"]).code(0);
    let url = cluster.url();
    place
        .run(&["-i", input, "-o", "s3://results/out", "--scheduler", &url])
        .code(0);
    assert_same_results(&place, "s3://results/out", "local");
    // The server keeps the folders of objects that are gone; a bucket has none.
    let left = files(&server.bucket("results").join("out/_temporary"));
    assert!(left.is_empty(), "{left:?}");
}
