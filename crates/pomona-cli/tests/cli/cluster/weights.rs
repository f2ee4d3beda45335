//! The network on executors: the client's bytes, loaded once.

use std::fs;

use pomona_tests::s3_server::S3Server;
use pomona_tests::weights::{sha256, write_random_of, write_resnet18};

use super::{options, start};
use crate::workplace::Workplace;

const FEATURES: &str = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images/';
    SELECT count(mobilenet_v2(content)) AS n FROM images";

#[test]
fn executors_compute_with_the_clients_bytes_or_fail() {
    // One URL, and a bucket behind it that is another one for the client than for the executors.
    let (ours, theirs) = (
        S3Server::start(&["models"]).unwrap(),
        S3Server::start(&["models"]).unwrap(),
    );
    for (server, seed) in [(&ours, 7), (&theirs, 8)] {
        let models = server.bucket("models");
        write_random_of(&models.join("mobilenet.safetensors"), seed).unwrap();
        write_resnet18(&models.join("resnet18.safetensors"), seed as f32).unwrap();
    }
    let cluster = start(options().with_environment(theirs.environment()));
    let place = Workplace::new().with_environment(ours.environment());
    for (option, file, call) in [
        ("weights", "mobilenet.safetensors", "mobilenet_v2(content)"),
        (
            "weights",
            "mobilenet.safetensors",
            "image_features(content, 'mobilenet_v2')",
        ),
        (
            "backbone_weights",
            "resnet18.safetensors",
            "try_image_features(content, 'resnet18')",
        ),
    ] {
        let sql = format!(
            "SET pomona.{option} = 's3://models/{file}'; {}",
            FEATURES.replace("mobilenet_v2(content)", call)
        );
        assert!(
            place
                .pomona(["sql", "-c", &sql])
                .code(0)
                .stdout()
                .contains("15")
        );
        let failed = place.pomona(["sql", "--scheduler", &cluster.url(), "-c", &sql]);
        let failed = failed.code(1).stderr();
        for server in [&ours, &theirs] {
            let sha256 = sha256(&server.bucket("models").join(file)).unwrap();
            assert!(failed.contains(&sha256), "{sha256} in {failed}");
        }
    }
}

#[test]
fn networks_by_name_run_on_executors() {
    let cluster = start(options());
    let place = Workplace::new();
    write_resnet18(&place.path("resnet18.safetensors"), 0.0).unwrap();
    // The path is one from the client's folder.
    let sql = "SET pomona.backbone_weights = 'resnet18.safetensors';
        CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images/';
        SELECT path, image_features(content, 'resnet18') AS f FROM images ORDER BY path";
    let query = ["sql", "-q", "--format", "nd-json", "-c", sql];
    let here = place.pomona(query).code(0).stdout();
    let url = cluster.url();
    let there = place.pomona(query.iter().chain(&["--scheduler", &url]));
    assert_eq!(here.lines().count(), 15);
    assert!(here == there.code(0).stdout());
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
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images/';
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
