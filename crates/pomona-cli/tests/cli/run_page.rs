//! `pomona run --ui`: a run in the browser.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use pomona_tests::http::{open, send};

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

#[test]
fn a_run_is_followed_to_its_end() {
    let place = Workplace::new();
    place.many_images(300);
    let (mut run, address) = start(&place, "many", "--ui");
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
    let mut events = String::new();
    live.read_to_string(&mut events).unwrap();
    assert!(run.wait().unwrap().success());
    assert!(events.contains("event: end"), "{events}");
    assert!(events.contains("300 of 300 images"), "{events}");
    assert!(events.contains(">features<") && events.contains(">completed<"));
}

#[test]
fn a_run_that_fails_says_why_on_its_page() {
    let place = Workplace::new();
    let (mut run, address) = start(&place, "nowhere", "--ui=0");
    // The page may be gone already: a run that nobody looks at does not wait.
    if let Ok(mut live) = open(address, "GET /live/", &[], "") {
        let mut events = String::new();
        let _ = live.read_to_string(&mut events);
        assert!(events.is_empty() || events.contains("nowhere"), "{events}");
    }
    assert_eq!(run.wait().unwrap().code(), Some(1));
}
