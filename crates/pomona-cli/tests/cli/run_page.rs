//! `pomona run --ui`: a run in the browser.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pomona_tests::http::{open, send};
use pomona_tests::images;
use pomona_tests::s3_faults::{Condition, Fault, FaultPlan, RequestLine};
use pomona_tests::s3_server::S3Server;

use crate::workplace::Workplace;

/// A run with a page, and where that is.
fn start(place: &Workplace, input: &str, option: &str) -> (Child, SocketAddr) {
    let arguments = [
        "run",
        "--weights",
        place.weights(),
        "-k",
        "3",
        "-i",
        input,
        "-o",
        "out",
        option,
    ];
    let mut run = place
        .command(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("http://") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "no page is named");
    }
    // The rest is read, so that the run is never stopped by a full pipe.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    let (_, rest) = line.split_once("http://").unwrap();
    let address = rest.split('/').next().unwrap().parse().unwrap();
    (run, address)
}

/// A server of buckets that answers no such request before the flag is set: a run does not end before the test follows its
/// page.
fn held(
    buckets: &[&str],
    which: impl Fn(&RequestLine) -> bool + Send + Sync + 'static,
) -> (S3Server, Arc<AtomicBool>) {
    let is_followed = Arc::new(AtomicBool::new(false));
    let followed = Condition::of(&is_followed);
    let plan: FaultPlan = Box::new(move |line| which(line).then(|| Fault::Held(followed.clone())));
    (S3Server::start_faulty(buckets, plan).unwrap(), is_followed)
}

/// Lets the run go on when its page has begun to come, and returns all events.
fn followed_to_its_end(live: &mut TcpStream, is_followed: &AtomicBool) -> String {
    let mut bytes = [0; 4096];
    let first = live.read(&mut bytes).unwrap();
    is_followed.store(true, Ordering::SeqCst);
    let mut events = bytes[..first].to_vec();
    live.read_to_end(&mut events).unwrap();
    let events = String::from_utf8(events).unwrap();
    assert!(events.contains("event: end"), "{events}");
    events
}

#[test]
fn a_run_is_followed_to_its_end() {
    let (server, is_followed) = held(&["many"], RequestLine::reads_object);
    images::write_folder(&server.bucket("many"), &["Apple Red", "Kiwi"], 30);
    let place = Workplace::new().with_environment(server.environment());
    let (mut run, address) = start(&place, "s3://many", "--ui");
    let page = send(address, "GET /?lang=en", &[], "").unwrap();
    assert_eq!(page.status, 200);
    assert!(page.body.contains("many") && page.body.contains("data-live"));
    assert!(!page.body.contains("/executors"), "{}", page.body);
    let mut live = open(address, "GET /live/?lang=en", &[], "").unwrap();
    // Nothing else is there, and not by another name.
    let status = |request: &str, headers: &[(&str, &str)]| {
        send(address, request, headers, "").map(|answer| answer.status)
    };
    assert_eq!(status("GET /api/jobs", &[]).unwrap(), 404);
    assert_eq!(status("GET /", &[("Host", "evil.example")]).unwrap(), 421);
    let events = followed_to_its_end(&mut live, &is_followed);
    assert!(run.wait().unwrap().success());
    assert!(events.contains("60 of 60 images"), "{events}");
    assert!(events.contains(">features<") && events.contains(">completed<"));
}

#[test]
fn a_run_that_fails_says_why_on_its_page() {
    let (server, is_followed) = held(&[], |_| true);
    let place = Workplace::new().with_environment(server.environment());
    let (mut run, address) = start(&place, "s3://nowhere/", "--ui=0");
    let mut live = open(address, "GET /live/", &[], "").unwrap();
    let events = followed_to_its_end(&mut live, &is_followed);
    assert!(events.contains("NoSuchBucket"), "{events}");
    assert_eq!(run.wait().unwrap().code(), Some(1));
}
