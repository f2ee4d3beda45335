//! The network on executors: the client's bytes, loaded once.

use std::fs;

use pomona_tests::s3_server::S3Server;
use pomona_tests::weights::write_random_of;

use super::{options, start};
use crate::workplace::Workplace;

const FEATURES: &str = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'pictures/';
    SELECT count(mobilenet_v2(content)) AS n FROM images";

#[test]
fn executors_compute_with_the_clients_bytes_or_fail() {
    let cluster = start(options());
    let place = Workplace::new();
    let url = cluster.url();
    let query = |sql: &str| {
        place.pomona([
            "sql",
            "--scheduler",
            &url,
            "--weights",
            place.weights(),
            "--format",
            "csv",
            "-c",
            sql,
        ])
    };
    assert_eq!(query(FEATURES).code(0).stdout(), "n\n15\n");

    // The client reads another file at the same path than the executors, which have theirs loaded.
    let before = fs::read(place.weights()).unwrap();
    write_random_of(place.weights().as_ref(), 8).unwrap();
    let after = fs::read(place.weights()).unwrap();
    assert_ne!(before, after);
    let wrong = "0".repeat(64);
    let pinned = format!("SET pomona.weights_sha256 = '{wrong}'; {FEATURES}");
    let failed = query(&pinned).code(1);
    assert!(failed.stderr().contains(&wrong), "{}", failed.stderr());
    assert!(
        failed
            .stderr()
            .matches(|c: char| c.is_ascii_hexdigit())
            .count()
            >= 128,
        "both values are told: {}",
        failed.stderr()
    );
}

#[test]
fn weights_come_from_a_path_a_bucket_or_the_program() {
    let server = S3Server::start(&["models"]).unwrap();
    let cluster = start(options().with_environment(server.environment()));
    let place = Workplace::new().with_environment(server.environment());
    fs::copy(
        place.weights(),
        server.bucket("models").join("random.safetensors"),
    )
    .unwrap();
    // Features of two networks differ, and those of one network from two places do not.
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'pictures/';
        SELECT sum(mobilenet_v2(content)[1] + mobilenet_v2(content)[1280]) AS s FROM images";
    let sum = |weights: &str, scheduler: Option<&str>| {
        let mut query = vec![
            "sql",
            "-q",
            "--format",
            "csv",
            "--weights",
            weights,
            "-c",
            sql,
        ];
        query.extend(scheduler.into_iter().flat_map(|url| ["--scheduler", url]));
        let printed = place.pomona(query).code(0).stdout();
        let number = printed.lines().nth(1).unwrap();
        number.parse::<f64>().unwrap()
    };
    let url = cluster.url();
    let mut sums = vec![];
    // The second is a path from the client's folder.
    for weights in [
        place.weights(),
        "random.safetensors",
        "s3://models/random.safetensors",
        "fruits",
    ] {
        let (there, here) = (sum(weights, Some(&url)), sum(weights, None));
        assert!((there - here).abs() < 1e-6 * here.abs(), "{there} {here}");
        sums.push(here);
    }
    assert!(sums[0] == sums[1] && sums[1] == sums[2], "{sums:?}");
    assert_ne!(sums[2], sums[3]);
}

#[test]
fn an_executor_loads_the_network_once() {
    let cluster = start(options());
    let place = Workplace::new();
    let url = cluster.url();
    let loads = || {
        let sql = FEATURES.replace("SELECT", "EXPLAIN ANALYZE SELECT");
        let query = ["sql", "--scheduler", &url, "--weights", place.weights()];
        let analyzed = place.pomona(query.iter().chain(&["--partitions=8", "-c", &sql]));
        let analyzed = analyzed.code(0).stdout();
        assert!(analyzed.contains("ShuffleWriterExec"), "{analyzed}");
        let counts = analyzed.split("network_loads=").skip(1);
        let counts = counts.map(|rest| rest.split([',', ']']).next().unwrap().parse::<usize>());
        counts.map(Result::unwrap).sum::<usize>()
    };
    // Eight tasks on two executors: one load each, and one in all where the other came too late.
    let first = loads();
    assert!((1..=2).contains(&first), "{first} loads");
    let second = loads();
    assert!(first + second <= 2, "{second} loads more");
    assert_eq!(
        cluster.logs().matches("network loaded from").count(),
        first + second
    );
}
