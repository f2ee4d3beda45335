//! The pages of a scheduler that has 1,000 jobs and 10,000 tasks.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pomona_tests::cluster::Cluster;
use pomona_tests::http::send;
use pomona_tests::patience::in_some_round;
use serde_json::Value;

use super::console::long_query;
use super::{options, start};
use crate::workplace::Workplace;

const JOBS: usize = 1000;
const TASKS: usize = 10_000;

/// Ten tasks: one that makes the rows, and nine that count them.
const SMALL: &str = "SET datafusion.execution.target_partitions = 9; SET ballista.job.name = 'small'; \
     SELECT value % 90 AS k, count(*) AS n FROM generate_series(1, 1000) GROUP BY k";

/// A page is small whatever it is a part of, and comes while people wait for it: in milliseconds on a machine with
/// nothing else to do; the bound is for a busy one.
#[track_caller]
fn is_small_and_fast(cluster: &Cluster, path: &str, has: &str) {
    in_some_round(|| {
        let mut times = vec![];
        let mut bytes = 0;
        for _ in 0..5 {
            let start = Instant::now();
            let page = send(cluster.address(), &format!("GET {path}"), &[], "").unwrap();
            times.push(start.elapsed());
            assert_eq!(page.status, 200, "{path}");
            assert!(page.body.contains(has), "{has}: {}", page.body);
            bytes = page.body.len();
        }
        times.sort_unstable();
        println!("{path}: {bytes} bytes in {:?}", times[2]);
        assert!(bytes < 64 << 10, "{path}: {bytes} bytes");
        let is_fast = times[2] < Duration::from_secs(2);
        is_fast
            .then_some(())
            .ok_or_else(|| format!("{path}: {times:?}"))
    });
}

/// The file of the one job that the history has.
fn kept(folder: &Path) -> Value {
    let start = Instant::now();
    loop {
        let files = fs::read_dir(folder).unwrap().flatten();
        let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
        if let Some(job) = texts
            .filter_map(|text| serde_json::from_str(&text).ok())
            .next()
        {
            return job;
        }
        assert!(start.elapsed() < Duration::from_secs(180));
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_thousand_jobs_have_small_pages() {
    let place = Workplace::new();
    let folder = place.path("history");
    let mut wanted = options();
    wanted.scheduler = vec![format!("--history-dir={}", folder.display())];
    let mut cluster = start(wanted);
    place
        .pomona(["sql", "--scheduler", &cluster.url(), "-c", SMALL])
        .code(0);
    // What the scheduler wrote of one job, as of a thousand that ended one after the other.
    let mut job = kept(&folder);
    cluster.kill_scheduler().unwrap();
    let stages = job["stages"].as_array().unwrap();
    let tasks: usize = stages
        .iter()
        .map(|stage| stage["tasks"].as_array().unwrap().len())
        .sum();
    assert!(JOBS * tasks >= TASKS, "{tasks} tasks a job");
    let ended = job["row"]["ended"].as_u64().unwrap();
    for number in 1..JOBS {
        let id = format!("copy{number}");
        job["row"]["id"] = id.as_str().into();
        job["row"]["ended"] = (ended + number as u64).into();
        let name = format!("{:013}-{id}.json", ended + number as u64);
        fs::write(folder.join(name), job.to_string()).unwrap();
    }

    let start = Instant::now();
    cluster.restart_scheduler().unwrap();
    println!(
        "a scheduler with {JOBS} jobs starts in {:?}",
        start.elapsed()
    );
    for (path, has) in [
        ("/?lang=en", "Page 1 of 20"),
        ("/?lang=en&page=20", "Page 20 of 20"),
        ("/?lang=en&sort=-duration&page=7", "Page 7 of 20"),
        ("/job/copy500?lang=en", "Stage 2"),
        ("/job/copy500/stage/2?lang=en", "Operators"),
    ] {
        is_small_and_fast(&cluster, path, has);
    }
    let list = place.pomona(["jobs", "--scheduler", &cluster.url(), "--format", "csv"]);
    assert_eq!(list.code(0).stdout().lines().count(), 1 + JOBS);
}

#[test]
fn a_job_of_ten_thousand_tasks_has_small_pages() {
    let cluster = start(options());
    let place = Workplace::new();
    let many = format!(
        "SET datafusion.execution.target_partitions = {TASKS}; \
         SELECT value % 100000 AS k, count(*) AS n FROM generate_series(1, 1000) GROUP BY k"
    );
    let (mut query, job) = long_query(&cluster, &place, &many);
    // Its second stage has so many partitions, of which the first ones run.
    let begun = Instant::now();
    let started = |job: &str| -> u64 {
        let stages = cluster.get(&format!("/api/job/{job}/stages")).unwrap();
        let stages: Value = serde_json::from_str(&stages).unwrap();
        let stages = stages["stages"].as_array().unwrap().iter();
        let tasks = stages.map(|stage| stage["tasks"].as_array().unwrap().len());
        tasks.sum::<usize>() as u64
    };
    while started(&job) < 60 {
        assert!(begun.elapsed() < Duration::from_secs(180));
        sleep(Duration::from_millis(50));
    }
    for (path, has) in [
        ("/?lang=en".to_string(), "of 10,001 tasks"),
        (format!("/job/{job}?lang=en"), "of 10,000 tasks"),
        (format!("/job/{job}/stage/2?lang=en"), "Page 1 of"),
        (
            format!("/job/{job}/stage/2?lang=en&sort=-duration&page=2"),
            "Page 2 of",
        ),
    ] {
        is_small_and_fast(&cluster, &path, has);
    }
    place
        .pomona(["jobs", "--scheduler", &cluster.url(), "cancel", &job])
        .code(0);
    query.wait().unwrap();
}
