//! A cancel on a cluster, while executors decode.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::{options, start};
use crate::decoding::{processor_seconds, slow};
use crate::interrupt::interrupt;
use crate::workplace::Workplace;

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
        let job = cluster.wait_for_job("Running").unwrap();
        let (begun, before) = (Instant::now(), processor_seconds(executor));
        while processor_seconds(executor) - before < 3.0 {
            assert_eq!(query.try_wait().unwrap(), None, "the query has ended");
            assert!(begun.elapsed() < Duration::from_secs(120));
            thread::sleep(Duration::from_millis(20));
        }
        let start = Instant::now();
        if is_interrupted {
            interrupt(&query);
        } else {
            place.pomona(["jobs", "cancel", &job]).code(0);
        }
        query.wait().unwrap();
        // The only slot is free again.
        assert_eq!(place.query("SELECT 1 AS one"), "one\n1\n");
        assert!(
            start.elapsed() < Duration::from_secs(8),
            "{:?}",
            start.elapsed()
        );
        // And the processor is.
        thread::sleep(Duration::from_secs(1));
        let before = processor_seconds(executor);
        thread::sleep(Duration::from_secs(2));
        let spent = processor_seconds(executor) - before;
        assert!(spent < 1.0, "{spent} s of the processor in 2 s");
    }
}
