//! Every object exactly once, however many there are.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use pomona_tests::s3_faults::{Condition, Fault, FaultPlan};
use pomona_tests::s3_server::S3Server;

use super::{options, start};
use crate::workplace::Workplace;

#[test]
fn twenty_thousand_objects_are_read_once_each() {
    let server = S3Server::start(&["photos"]).unwrap();
    let mut bytes = 0;
    for number in 0..20_000 {
        let folder = server
            .bucket("photos")
            .join(format!("{}/label {}", number % 7, number % 131));
        fs::create_dir_all(&folder).unwrap();
        let content = format!("{number}");
        bytes += content.len();
        fs::write(folder.join(format!("{number}.jpg")), content).unwrap();
    }
    let cluster = start(options().with_environment(server.environment()));
    let place = Workplace::new().with_environment(server.environment());
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 's3://photos';
        SELECT count(*) AS n, count(DISTINCT path) AS paths, count(DISTINCT content) AS contents,
            sum(octet_length(arrow_cast(content, 'Utf8'))) AS bytes,
            sum(CASE WHEN path LIKE '%/' || arrow_cast(content, 'Utf8') || '.jpg' THEN 0 ELSE 1 END) AS wrong
        FROM images";
    let ran = place.pomona([
        "sql",
        "--scheduler",
        &cluster.url(),
        "--partitions",
        "16",
        "--format",
        "csv",
        "-c",
        sql,
    ]);
    assert_eq!(
        ran.code(0).stdout(),
        format!("n,paths,contents,bytes,wrong\n20000,20000,20000,{bytes},0\n")
    );
}

#[test]
fn a_plan_larger_than_the_usual_limit_of_a_message_arrives() {
    let cluster = start(options());
    let place = Workplace::new();
    // 24 MB of rows in the plan: gRPC's usual limit is 4 MB, and Ballista's 16.
    let sql = "CREATE TABLE large AS
            SELECT value, repeat(CAST(value % 10 AS VARCHAR), 2400) AS text
            FROM generate_series(1, 10000);
        SELECT count(*) AS n, sum(length(text)) AS letters, sum(value) AS total FROM large";
    let ran = place.pomona([
        "sql",
        "--scheduler",
        &cluster.url(),
        "--format",
        "csv",
        "-c",
        sql,
    ]);
    assert_eq!(
        ran.code(0).stdout(),
        "n,letters,total\n10000,24000000,50005000\n"
    );
}

/// Pages of a listing that are served before anything changes.
const LISTED: usize = 5;

#[test]
fn objects_that_come_and_go_meanwhile_are_there_once_at_most() {
    // The client has listed a part of its thirteen pages, and gets the next when the first object has gone.
    let (lists, has_begun) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    let begun = Condition::of(&has_begun);
    let plan: FaultPlan = Box::new(move |line| {
        let is_late = line.lists_keys() && lists.fetch_add(1, Ordering::SeqCst) >= LISTED;
        is_late.then(|| Fault::Held(begun.clone()))
    });
    let server = S3Server::start_faulty(&["photos"], plan).unwrap();
    let photos = server.bucket("photos");
    let file = |number: usize| photos.join(format!("label {}/{number:05}.jpg", number % 50));
    for label in 0..50 {
        fs::create_dir_all(photos.join(format!("label {label}"))).unwrap();
    }
    // A third goes while the query runs, and as many come.
    for number in 0..12_000 {
        fs::write(file(number), "x").unwrap();
    }
    let cluster = start(options().with_environment(server.environment()));
    let place = Workplace::new().with_environment(server.environment());
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 's3://photos' OPTIONS (missing 'null');
        SELECT path, content IS NOT NULL AS is_read FROM images";
    let url = cluster.url();
    let arguments = ["sql", "--scheduler", &url, "--format", "csv", "-c", sql];
    let is_over = AtomicBool::new(false);
    let (ran, changed) = thread::scope(|scope| {
        let changes = scope.spawn(|| {
            while server.lists() < LISTED && !is_over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(5));
            }
            let mut changed = 0;
            for number in (0..12_000).step_by(3) {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                fs::remove_file(file(number)).unwrap();
                fs::write(file(12_000 + number), "x").unwrap();
                changed += 1;
                has_begun.store(true, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(1));
            }
            changed
        });
        let ran = place.pomona(arguments);
        is_over.store(true, Ordering::Relaxed);
        (ran, changes.join().unwrap())
    });
    let rows = ran.code(0).stdout();
    let rows: Vec<&str> = rows.lines().skip(1).collect();
    let distinct: BTreeSet<&str> = rows.iter().copied().collect();
    assert_eq!(distinct.len(), rows.len(), "no path twice");
    for number in (0..12_000).filter(|number| number % 3 > 0) {
        let row = format!("s3://photos/label {}/{number:05}.jpg,true", number % 50);
        assert!(distinct.contains(row.as_str()), "{row}");
    }
    assert!(changed > 0, "nothing came or went");
    println!("{changed} came and went, {} rows", rows.len());
}
