//! How often a run asks a store.

use std::collections::BTreeMap;
use std::fs;

use pomona_tests::s3_faults::RequestLine;
use pomona_tests::s3_server::S3Server;
use pomona_tests::{images, openmetrics};
use serde_json::Value;

use crate::workplace::Workplace;

/// The objects that the report may read again.
const REREAD: usize = 50;

const RUN: [&str; 4] = ["-i", "s3://photos/Training/", "-o", "s3://results/fruits"];

/// A server with 120 images, and a workplace that uses it.
fn bucket() -> (S3Server, Workplace) {
    let server = S3Server::start(&["photos", "results"]).unwrap();
    let training = server.bucket("photos").join("Training");
    images::write_folder(&training, &["Apple Red", "Kiwi"], 60);
    let place = Workplace::new().with_environment(server.environment());
    (server, place)
}

/// Does something, and returns the requests that the server sees meanwhile.
fn requests(server: &S3Server, act: impl FnOnce()) -> Vec<RequestLine> {
    let before = server.requests().len();
    act();
    server.requests().split_off(before)
}

/// How often each image was read.
fn reads(requests: &[RequestLine]) -> BTreeMap<&str, usize> {
    let mut reads = BTreeMap::new();
    let images = requests
        .iter()
        .filter(|request| request.reads_object() && request.path.starts_with("/photos/"));
    for request in images {
        *reads.entry(request.path.as_str()).or_default() += 1;
    }
    reads
}

#[test]
fn a_run_reads_each_image_once() {
    let (server, place) = bucket();
    let run = |more: &[&str]| {
        requests(&server, || {
            place.run(&[&RUN[..], more].concat()).code(0);
        })
    };
    let first = run(&["--no-report"]);
    let first = reads(&first);
    assert_eq!(first.len(), 120);
    assert!(first.values().all(|&reads| reads == 1), "{first:?}");

    // The report shows some images.
    let again = run(&["--overwrite", "--checkpoint", "50"]);
    let again = reads(&again);
    assert_eq!(again.len(), 120);
    assert_eq!(again.values().sum::<usize>(), 120 + REREAD);
    assert!(again.values().all(|&reads| reads <= 2), "{again:?}");

    // Nothing has changed, and then only the model.
    assert_eq!(reads(&run(&[])), BTreeMap::new());
    let model = run(&["-k", "4", "--no-report"]);
    assert_eq!(reads(&model), BTreeMap::new());

    let kiwi = server.bucket("photos").join("Training/Kiwi");
    for number in 0..10 {
        let image = images::png(700 + number, 60, 60);
        fs::write(kiwi.join(format!("new {number}.png")), image).unwrap();
    }
    let added = run(&["-k", "4"]);
    let added = reads(&added);
    let new = added.iter().filter(|(path, _)| path.contains("/new"));
    assert_eq!(new.count(), 10);
    assert_eq!(added.values().sum::<usize>(), 10 + REREAD);
}

/// The requests that cost what a GET costs; without those that list.
fn billed_reads(requests: &[RequestLine]) -> usize {
    let reads = |request: &&RequestLine| request.reads_object() || request.method == "HEAD";
    requests.iter().filter(reads).count()
}

#[test]
fn an_estimate_counts_what_a_run_asks() {
    let (server, place) = bucket();
    for limit in ["120", "20"] {
        let estimate = ["estimate", "--weights", place.weights(), "--format", "json"];
        let input = ["-i", RUN[1], "--limit", limit];
        let estimate = place.pomona(estimate.iter().chain(&input)).code(0);
        let estimate: Value = serde_json::from_str(&estimate.stdout()).unwrap();
        let estimate = |name: &str| estimate["requests"][name].as_u64().unwrap() as usize;

        let more = ["--overwrite", "--limit", limit];
        let run = requests(&server, || {
            place.run(&[&RUN[..], &more].concat()).code(0);
        });
        let images: usize = reads(&run).values().sum();
        assert_eq!(estimate("images") + estimate("reread"), images);
        let found = billed_reads(&run);
        let estimated = estimate("get");
        let is_put = |request: &&RequestLine| request.method == "PUT";
        let writes = run.iter().filter(is_put);
        let of_lock = writes
            .clone()
            .filter(|put| put.path.ends_with("/lock.json"));
        // A lock is created and tried; every 10 s, for which a run takes that a busy machine makes long, it is read,
        // looked at and renewed.
        let renewals = of_lock.count().saturating_sub(2);
        assert!(
            found.abs_diff(estimated) <= found / 10 + 3 * renewals,
            "{estimated}, not {found}, with {renewals} renewals"
        );
        let writes = writes.count() - renewals;
        assert!(estimate("put") >= writes, "{} of {writes}", estimate("put"));
    }
}

#[test]
fn a_run_counts_its_requests_as_the_store_does() {
    let server = S3Server::start_with_faults(&["photos", "results"], 7).unwrap();
    let training = server.bucket("photos").join("Training");
    images::write_folder(&training, &["Apple Red", "Kiwi"], 30);
    let place = Workplace::new().with_environment(server.environment());
    place
        .run(&[&RUN[..], &["--metrics-file", "run.prom", "--no-report"]].concat())
        .code(0);
    let text = fs::read_to_string(place.path("run.prom")).unwrap();
    let counted = openmetrics::samples(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let requests = server.requests();
    for kind in ["GET", "HEAD", "LIST", "PUT", "POST", "DELETE"] {
        let is_of_kind = |line: &&RequestLine| match line.lists_keys() {
            true => kind == "LIST",
            false => line.method == kind,
        };
        let seen = requests.iter().filter(is_of_kind).count();
        let name = format!("pomona_run_s3_requests{{request=\"{kind}\"}}");
        assert_eq!(counted[&name], seen as f64, "{kind}: {text}");
    }
    // Of three faults one is an error, one throttles, and one is only slow.
    let (faults, of) = (server.faults(), |what: &str| counted[what] as usize);
    assert!(faults > 3);
    assert_eq!(
        of("pomona_run_s3_retries{request=\"GET\"}"),
        faults - faults / 3
    );
    assert_eq!(
        of("pomona_run_s3_failures{reason=\"throttled\"}"),
        (faults + 1) / 3
    );
    assert_eq!(
        of("pomona_run_s3_failures{reason=\"server error\"}"),
        faults.div_ceil(3)
    );
    assert_eq!(of("pomona_run_s3_retries{request=\"PUT\"}"), 0);
    assert!(counted["pomona_run_s3_get_seconds"] > 0.0);
}
