//! After thousands of queries every process of a cluster takes what it took after hundreds.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pomona_tests::patience::wait_until;

use super::{Cluster, options, start};
use crate::workplace::Workplace;

/// Queries of the test, unless the variable says otherwise: 2000 take some minutes.
const QUERIES: usize = 600;
const QUERIES_VARIABLE: &str = "POMONA_TEST_QUERIES";

/// Of the queries, those before the first measurement: caches, allocators and pools of threads fill.
const WARM_UP: f64 = 0.4;

/// Finished jobs that the scheduler keeps, so that the warm-up fills them.
const KEPT_JOBS: usize = 50;

/// What a process may grow by, from the warm-up to the end. Without bounds a scheduler grows by 30 kB a
/// query, and by 250 kB a query with a shuffle: 37 MB meanwhile.
const MOST_BYTES: u64 = 16 << 20;
const MOST_THREADS: u64 = 24;
const MOST_FILES: u64 = 24;
const MOST_FOLDERS: u64 = 8;

/// Executors remove the folders of finished jobs in the background, and idle threads end after some seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// An answer that no pipe holds: the client does not end before it was read.
const LAST: &str = "SELECT value AS last FROM generate_series(1, 200000);\n";

/// What a process takes of the machine.
#[derive(Debug, Clone, Copy)]
struct Taken {
    bytes: u64,
    threads: u64,
    files: u64,
    /// In its working folder, where it has one.
    folders: u64,
}

impl Taken {
    fn of(pid: u32, folder: Option<&Path>) -> Self {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let number = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let value = line.and_then(|line| line.split_whitespace().next());
            value.unwrap().parse().unwrap()
        };
        let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        Self {
            bytes: number("VmRSS:") << 10,
            threads: number("Threads:"),
            files: files.count() as u64,
            folders: folder.map_or(0, entries),
        }
    }
}

/// Files and folders below a folder.
fn entries(folder: &Path) -> u64 {
    let below = fs::read_dir(folder).into_iter().flatten().flatten();
    below
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => 1 + entries(&entry.path()),
            _ => 1,
        })
        .sum()
}

fn taken(cluster: &Cluster, client: u32) -> Vec<(String, Taken)> {
    let mut all = vec![
        ("client".to_string(), Taken::of(client, None)),
        (
            "scheduler".to_string(),
            Taken::of(cluster.scheduler_pid(), None),
        ),
    ];
    for number in 0..2 {
        let pid = cluster.executor_pid(number).unwrap();
        let folder = cluster.work_dir(number);
        all.push((format!("executor {number}"), Taken::of(pid, Some(&folder))));
    }
    all
}

/// What has grown by more than it may, or nothing.
fn grown(before: &[(String, Taken)], after: &[(String, Taken)]) -> Vec<String> {
    let processes = before.iter().zip(after);
    let grown = processes.filter(|((_, before), (_, after))| {
        after.bytes > before.bytes + MOST_BYTES
            || after.threads > before.threads + MOST_THREADS
            || after.files > before.files + MOST_FILES
            || after.folders > before.folders + MOST_FOLDERS
    });
    grown
        .map(|((name, before), (_, after))| format!("{name}: {before:?}, {after:?}"))
        .collect()
}

#[test]
fn no_process_grows_with_the_number_of_queries() {
    let queries = env::var(QUERIES_VARIABLE).map_or(QUERIES, |number| number.parse().unwrap());
    let place = Workplace::new();
    let mut bounded = options();
    bounded.scheduler = vec![format!("--finished-job-state-max-jobs={KEPT_JOBS}")];
    let cluster = start(bounded);
    let mut script: String = (0..queries)
        .map(|n| match n % 3 {
            // With a shuffle.
            0 => format!(
                "SELECT {n} AS n, count(*) AS c FROM (
                    SELECT value % 5 AS g FROM generate_series(1, 100) GROUP BY 1);\n"
            ),
            _ => format!("SELECT {n} AS n, sum(value) AS s FROM generate_series(1, {n});\n"),
        })
        .collect();
    script += LAST;
    fs::write(place.path("many.sql"), script).unwrap();
    let url = format!("--scheduler={}", cluster.url());
    let mut client = place
        .command(["sql", "-q", "--format", "csv", &url, "-f", "many.sql"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let warm = (queries as f64 * WARM_UP) as usize;
    let mut before = vec![];
    let mut answers = 0;
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    while answers < queries {
        let line = lines.next().unwrap().unwrap();
        if !line.starts_with("n,") {
            assert!(line.starts_with(&format!("{answers},")), "{line}");
            answers += 1;
            if answers == warm {
                before = taken(&cluster, client.id());
            }
        }
    }
    let begin = Instant::now();
    loop {
        let after = taken(&cluster, client.id());
        let grown = grown(&before, &after);
        if grown.is_empty() {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "these grow: {grown:?}");
        sleep(Duration::from_millis(50));
    }
    assert_eq!(lines.map(Result::unwrap).count(), 200_001);
    assert!(client.wait().unwrap().success());
    // A client knows of the end of its job a moment before the scheduler forgets another one for it.
    wait_until("so many jobs are kept", || {
        cluster.jobs().unwrap().len() == KEPT_JOBS
    });
}
