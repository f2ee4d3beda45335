//! `pomona estimate`: counts, costs, refusals.

use std::fs;
use std::time::Duration;

use pomona_tests::images;
use pomona_tests::patience::in_some_round;
use pomona_tests::s3_faults::{Fault, FaultPlan};
use pomona_tests::s3_server::S3Server;
use serde_json::Value;

use crate::resume::files;
use crate::workplace::{Ran, Workplace};

/// Prices that can be reckoned with by hand.
const PRICES: &str = r#"
default_type = "small"
exchange = { usd_per_eur = 2.0, date = "2020-02-02", source = "by hand" }
s3 = { get_usd_per_1000 = 100.0, put_copy_list_usd_per_1000 = 0.0, storage_usd_per_gb_month = 0.0, region = "here", date = "2020-02-02", source = "by hand" }
cluster = { startup_minutes = 60.0 }
[types.small]
vcpus = 2
cores = 1
memory_gib = 4.0
ec2_usd_per_hour = 1.0
emr_usd_per_hour = 0.5
region = "here"
date = "2020-02-02"
source = "by hand"
"#;

fn estimate(place: &Workplace, arguments: &[&str]) -> Ran {
    let weights = ["estimate", "--weights", place.weights()];
    place.pomona(weights.iter().chain(arguments))
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout()).unwrap()
}

#[test]
fn counts_are_exact_and_speeds_are_measured() {
    let place = Workplace::new();
    let ran = estimate(&place, &["-i", "images", "--format", "json"]).code(0);
    let found = json(&ran);
    let bytes: u64 = files(&place.path("images"))
        .keys()
        .map(|file| fs::metadata(place.path("images").join(file)).unwrap().len())
        .sum();
    assert_eq!(found["images"], 15);
    assert_eq!(found["bytes"], bytes);
    assert_eq!(found["sample"]["images"], 15);
    assert_eq!(found["sample"]["bytes"], bytes);
    assert_eq!(found["sample"]["bad"], 0);
    // One an image, and again for the report; one for a page that lists all of them.
    assert_eq!(found["requests"]["images"], 15);
    assert_eq!(found["requests"]["reread"], 15);
    let results = found["requests"]["results"].as_u64().unwrap();
    assert_eq!(found["requests"]["get"], 15 + 15 + results);
    assert_eq!(found["requests"]["list"], 1);
    for (part, figures) in [
        (
            "here",
            &["images_per_second_core", "images_per_second", "minutes"][..],
        ),
        (
            "sample",
            &[
                "fetch_seconds",
                "decode_seconds_image",
                "core_seconds_image",
            ],
        ),
    ] {
        for figure in figures {
            assert!(
                found[part][figure].as_f64().unwrap() > 0.0,
                "{figure}: {found}"
            );
        }
    }
    // Decoding is a part of the whole.
    let seconds = |name: &str| found["sample"][name].as_f64().unwrap();
    assert!(seconds("decode_seconds_image") < seconds("core_seconds_image"));
    assert!(found["here"]["memory"]["total"].as_u64().unwrap() > 64 << 20);

    let limited = [
        "-i",
        "images",
        "--filter",
        "label = 'Kiwi'",
        "--limit",
        "4",
        "--format",
        "json",
    ];
    assert_eq!(json(&estimate(&place, &limited).code(0))["images"], 4);
}

#[test]
fn the_sample_is_spread_over_all_images() {
    let place = Workplace::new();
    images::write_folder(&place.path("images"), &["Apple Red", "Kiwi"], 100);
    fs::write(place.path("images/Kiwi/bad.png"), "no image").unwrap();
    let found = json(&estimate(&place, &["-i", "images", "--format", "json"]).code(0));
    assert_eq!(found["images"], 206);
    assert_eq!(found["sample"]["images"], 64);
    let table = estimate(&place, &["-i", "images", "-n", "3"])
        .code(0)
        .stdout();
    for says in [
        "images/s a core",
        "206 GET",
        "3 nodes",
        "4 nodes",
        "EUR",
        "Check them",
    ] {
        assert!(table.contains(says), "no '{says}' in {table}");
    }
}

#[test]
fn costs_follow_the_table_of_prices() {
    let place = Workplace::new();
    fs::write(place.path("mine.toml"), PRICES).unwrap();
    let mine = ["-i", "images", "--prices", "mine.toml"];
    let with = |more: &[&'static str]| estimate(&place, &[&mine[..], more].concat());
    let found = json(&with(&["-n", "4", "--format", "json"]).code(0));
    let cluster = &found["cluster"];
    assert_eq!(cluster["node_type"], "small");
    assert_eq!(cluster["paid_nodes"], 5);
    let minutes = cluster["minutes"].as_f64().unwrap();
    assert!(minutes > 60.0 && minutes < 62.0, "{minutes}");
    let cost = |name: &str| cluster["cost"][name].as_f64().unwrap();
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{cluster}");
    close(cost("ec2_usd"), 5.0 * minutes / 60.0);
    close(cost("emr_usd"), 2.5 * minutes / 60.0);
    // At a hundred a thousand.
    let requests = found["requests"]["get"].as_f64().unwrap() / 10.0;
    assert!((3.0..20.0).contains(&requests), "{requests}");
    close(cost("requests_usd"), requests);
    let total = (7.5 * minutes / 60.0 + requests) / 2.0;
    close(cost("total_eur"), total);

    let below = format!("{:.2}", total - 0.1);
    estimate(
        &place,
        &[&mine[..], &["-n", "4", "--max-cost", &below]].concat(),
    )
    .code(1)
    .says(&format!("is above --max-cost {below}"));
    let above = format!("{:.2}", total + 0.5);
    let allowed = estimate(
        &place,
        &[&mine[..], &["-n", "4", "--max-cost", &above]].concat(),
    )
    .code(0);
    assert!(
        allowed.stdout().contains("here, 2020-02-02"),
        "{}",
        allowed.stdout()
    );
}

#[test]
fn mistakes_name_the_way_out() {
    let place = Workplace::new();
    let images = ["-i", "images"];
    let with = |more: &[&'static str]| estimate(&place, &[&images[..], more].concat());
    with(&["--type", "m5.xlage"])
        .code(2)
        .says("did you mean 'm5.xlarge'?")
        .says("c7i.2xlarge");
    with(&["--prices", "none.toml"]).code(1).says("none.toml");
    fs::write(place.path("bad.toml"), "default_type = 5").unwrap();
    with(&["--prices", "bad.toml"]).code(1).says("bad.toml");
    with(&["--max-cost", "much"])
        .code(2)
        .says("a number of euros");
    with(&["--nodes", "0"]).code(2);
    fs::create_dir(place.path("empty")).unwrap();
    estimate(&place, &["-i", "empty"])
        .code(1)
        .says("no image found in 'empty'");
    fs::write(place.path("empty/bad.png"), "no image").unwrap();
    estimate(&place, &["-i", "empty"])
        .code(1)
        .says("none of 1 images taken from 'empty' can be decoded");
}

#[test]
fn weights_need_not_be_at_hand() {
    let place = Workplace::new();
    let ran = place.pomona(["estimate", "-i", "images"]).code(0);
    assert!(
        ran.stdout().contains("random, since none are given"),
        "{}",
        ran.stdout()
    );
    // Nothing is left behind, here or in the output that a run would have.
    assert!(!place.path("out").exists());
}

#[test]
fn a_bucket_is_estimated_as_it_lies_there() {
    let server = S3Server::start(&["photos"]).unwrap();
    images::write_folder(
        &server.bucket("photos").join("Training"),
        &["Kiwi", "Apple"],
        6,
    );
    let place = Workplace::new().with_environment(server.environment());
    let found =
        json(&estimate(&place, &["-i", "s3://photos/Training", "--format", "json"]).code(0));
    assert_eq!(found["images"], 12);
    assert_eq!(found["sample"]["images"], 12);
    assert_eq!(found["requests"]["list"], 1);
}

#[test]
fn the_latency_of_a_store_becomes_requests_in_flight() {
    let plan: FaultPlan = Box::new(|line| {
        let is_read = line.reads_object() && line.path.starts_with("/photos/");
        is_read.then_some(Fault::Slow(Duration::from_millis(50)))
    });
    let server = S3Server::start_faulty(&["photos"], plan).unwrap();
    images::write_folder(&server.bucket("photos"), &["Kiwi"], 12);
    let place = Workplace::new().with_environment(server.environment());
    let number = |value: &Value| value.as_f64().unwrap();
    let (mut found, mut latency) = (Value::Null, 0.0);
    in_some_round(|| {
        found = json(&estimate(&place, &["-i", "s3://photos", "--format", "json"]).code(0));
        latency = number(&found["sample"]["latency_seconds"]);
        assert!(latency >= 0.05, "{latency}");
        (latency < 5.0)
            .then_some(())
            .ok_or_else(|| format!("{latency} s a request"))
    });
    for fetching in [&found["here"]["fetching"], &found["cluster"]["fetching"]] {
        let rate = number(&fetching["images_per_second"]);
        let in_flight = number(&fetching["in_flight"]);
        assert!((in_flight - rate * latency).abs() < 1e-6 * in_flight);
        assert_eq!(fetching["most_in_flight"], 512);
        let bytes = number(&found["bytes"]) / 12.0;
        assert!((number(&fetching["bytes_per_second"]) - rate * bytes).abs() < 1.0);
    }
    let table = estimate(&place, &["-i", "s3://photos"]).code(0).stdout();
    for says in ["ms a request", "of 512 requests in flight"] {
        assert!(table.contains(says), "no '{says}' in {table}");
    }
}
