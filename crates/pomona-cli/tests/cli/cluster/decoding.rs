//! A cancel on a cluster, while executors decode.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use pomona_tests::patience::wait_until;

use super::{options, start};
use crate::decoding::{processor_seconds, slow};
use crate::interrupt::interrupt;
use crate::workplace::Workplace;

/// What an executor may compute in for a query that is cancelled, and then for a small one, in seconds of a processor.
const LAST_WORDS: f64 = 8.0;

#[test]
fn a_cancel_is_heard_within_an_image() {
    let mut one = options();
    one.executors = 1;
    let cluster = start(one);
    let place = Workplace::new().with_environment([("POMONA_SCHEDULER", cluster.url())]);
    slow(&place);
    let executor = cluster.executor_pid(0).unwrap();
    let sql = "CREATE EXTERNAL TABLE t STORED AS IMAGES LOCATION 'slow';
        SELECT count(image_error(content)) AS errors FROM t";
    for is_interrupted in [false, true] {
        let query = place
            .command(["sql", "--partitions", "1", "-c", sql])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut query = query.unwrap();
        cluster.wait_for_job("Running").unwrap();
        let before = processor_seconds(executor);
        wait_until("the executor decodes", || {
            assert_eq!(query.try_wait().unwrap(), None, "the query has ended");
            processor_seconds(executor) - before >= 3.0
        });
        let before = processor_seconds(executor);
        if is_interrupted {
            interrupt(&query);
        } else {
            // On a busy machine a job can be lost, and its client submits it again.
            wait_until("a job is cancelled", || {
                assert_eq!(query.try_wait().unwrap(), None, "the query has ended");
                let job = cluster.wait_for_job("Running").unwrap();
                !place.pomona(["jobs", "cancel", &job]).is_failure()
            });
        }
        query.wait().unwrap();
        // The only slot is free again.
        assert_eq!(place.query("SELECT 1 AS one"), "one\n1\n");
        // And the processor is. All images together take it for minutes, and on a busy machine for longer.
        wait_until("the executor rests", || {
            let begin = processor_seconds(executor);
            thread::sleep(Duration::from_secs(2));
            let now = processor_seconds(executor);
            let spent = now - before;
            assert!(
                spent < LAST_WORDS,
                "{spent} s of the processor after the end"
            );
            now - begin < 0.5
        });
    }
}
