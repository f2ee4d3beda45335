//! What the scheduler says of a job between its states.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use pomona_tests::cluster::Cluster;
use pomona_tests::http::send;
use pomona_tests::patience::{PATIENCE, wait_until};

use super::console::{begin_query, get};
use super::jobs::LONG;
use super::{options, start};
use crate::workplace::Workplace;

/// Jobs that are begun and cancelled one after the other.
const JOBS: usize = 25;

/// Reads a job's page without a pause until it says that the job was cancelled, and gives how often.
fn read_until_cancelled(cluster: &Cluster, job: &str, runs: &AtomicBool) -> usize {
    let begin = Instant::now();
    for read in 0.. {
        let page = get(cluster, &format!("/job/{job}"));
        assert_eq!(page.status, 200, "after {read} pages: {}", page.body);
        if page.body.contains(">cancelled<") {
            return read;
        }
        runs.fetch_or(page.body.contains(">running<"), Ordering::Relaxed);
        assert!(begin.elapsed() < PATIENCE, "{}", page.body);
    }
    unreachable!("the loop ends with the pages")
}

/// There is no moment in which a job that the scheduler lists is unknown to its pages.
#[test]
fn a_job_is_known_from_its_start_to_its_end() {
    let cluster = start(options());
    let place = Workplace::new();
    let mut known = HashSet::new();
    let mut pages = 0;
    for _ in 0..JOBS {
        let mut query = begin_query(&cluster, &place, LONG);
        let mut job = String::new();
        while job.is_empty() {
            assert_eq!(query.try_wait().unwrap(), None, "the query has ended");
            let mut listed = cluster.jobs().unwrap().into_iter();
            let new = listed.find(|(name, _)| !known.contains(name));
            job = new.map(|(name, _)| name).unwrap_or_default();
        }
        let runs = AtomicBool::new(false);
        pages += thread::scope(|scope| {
            let readers =
                [(); 6].map(|()| scope.spawn(|| read_until_cancelled(&cluster, &job, &runs)));
            wait_until("the job runs", || {
                runs.load(Ordering::Relaxed) || readers.iter().any(|reader| reader.is_finished())
            });
            let cancel = format!("PATCH /api/job/{job}");
            let cancelled = send(cluster.address(), &cancel, &[], "").unwrap();
            assert_eq!(cancelled.status, 200, "{}", cancelled.body);
            let read = readers.map(|reader| reader.join().unwrap());
            read.iter().sum::<usize>()
        });
        assert_eq!(query.wait().unwrap().code(), Some(1));
        known.insert(job);
        let list = get(&cluster, "/").body;
        assert_eq!(list.matches(">cancelled<").count(), known.len(), "{list}");
    }
    println!("{pages} pages of {JOBS} jobs");
}
