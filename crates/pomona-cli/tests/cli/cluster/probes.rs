//! `/healthz`, `/readyz` and `/metrics` of both roles.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pomona_tests::broken;
use pomona_tests::http::send;

use super::{options, start};
use crate::workplace::Workplace;

const ALERTS: &str = include_str!("../../../../../deploy/monitoring/alerts.yaml");
const DASHBOARD: &str = include_str!("../../../../../deploy/monitoring/dashboard.json");

#[track_caller]
fn status(address: SocketAddr, path: &str) -> u16 {
    send(address, &format!("GET {path}"), &[], "")
        .unwrap()
        .status
}

/// Waits until a probe has this status. An executor is known to its scheduler a moment before it listens.
#[track_caller]
fn becomes(address: SocketAddr, path: &str, expected: u16) {
    let start = Instant::now();
    let answers = || send(address, &format!("GET {path}"), &[], "").map(|answer| answer.status);
    while answers().ok() != Some(expected) {
        assert!(start.elapsed() < Duration::from_secs(180), "{path}");
        sleep(Duration::from_millis(50));
    }
}

/// The samples of a text of OpenMetrics, by their names and labels.
#[track_caller]
fn samples(address: SocketAddr) -> HashMap<String, f64> {
    let answer = send(address, "GET /metrics", &[], "").unwrap();
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(answer.body.ends_with("# EOF\n"), "{}", answer.body);
    let mut known = vec![];
    let mut samples = HashMap::new();
    for line in answer.body.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            let (name, kind) = family.split_once(' ').unwrap();
            assert!(!known.contains(&name.to_string()), "{name} twice");
            assert!(["counter", "gauge", "summary"].contains(&kind), "{line}");
            known.push(name.to_string());
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(known.last().unwrap()), "{line}");
            samples.insert(name.to_string(), value.parse().unwrap());
        }
    }
    samples
}

#[test]
fn both_roles_have_probes() {
    let mut cluster = start(options().with_short_timeout());
    let executor = cluster.executor_address(0);
    assert_eq!(status(cluster.address(), "/healthz"), 200);
    assert_eq!(status(cluster.address(), "/readyz"), 200);
    becomes(executor, "/healthz", 200);
    becomes(executor, "/readyz", 200);
    // An executor whose scheduler is gone lives, and is not ready.
    cluster.kill_scheduler().unwrap();
    becomes(executor, "/readyz", 503);
    becomes(executor, "/healthz", 200);
    let rebound = [("Host", "evil.example")];
    let answer = send(executor, "GET /metrics", &rebound, "").unwrap();
    assert_eq!(answer.status, 421);
    // A scheduler without executors lives, and is not ready.
    cluster.kill_executor(0).unwrap();
    cluster.kill_executor(1).unwrap();
    cluster.restart_scheduler().unwrap();
    assert_eq!(status(cluster.address(), "/healthz"), 200);
    assert_eq!(status(cluster.address(), "/readyz"), 503);
}

#[test]
fn metrics_count_what_the_cluster_did() {
    let cluster = start(options());
    let place = Workplace::new();
    let bad = &broken::corpus()[0];
    std::fs::write(place.path("images/Kiwi").join(bad.name), &bad.bytes).unwrap();
    let sql = format!(
        "SET pomona.weights = '{}'; \
         CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 'images/'; \
         SELECT count(try_mobilenet_v2(content)) AS n, count(*) AS rows FROM images",
        place.weights()
    );
    let url = cluster.url();
    let counted = place.pomona([
        "sql",
        "-q",
        "--format",
        "csv",
        "--scheduler",
        &url,
        "-c",
        &sql,
    ]);
    assert_eq!(counted.code(0).stdout(), "n,rows\n15,16\n");

    let scheduler = samples(cluster.address());
    for (name, expected) in [
        ("pomona_executors", 2.0),
        ("pomona_slots", 2.0),
        ("pomona_jobs{state=\"running\"}", 0.0),
        ("pomona_jobs_ended_total{state=\"completed\"}", 1.0),
        ("pomona_jobs_ended_total{state=\"failed\"}", 0.0),
        ("pomona_images_total", 16.0),
        ("pomona_tasks_failed_total", 0.0),
        ("pomona_queue_partitions", 0.0),
    ] {
        assert_eq!(scheduler[name], expected, "{name}: {scheduler:?}");
    }
    let all = |of: &HashMap<String, f64>, prefix: &str| -> f64 {
        let found = of.iter().filter(|(name, _)| name.starts_with(prefix));
        found.map(|(_, value)| value).sum()
    };
    let executors = [0, 1].map(|number| samples(cluster.executor_address(number)));
    let sum = |prefix: &str| -> f64 { executors.iter().map(|of| all(of, prefix)).sum() };
    assert_eq!(sum("pomona_images_total"), 16.0, "{executors:?}");
    assert_eq!(sum("pomona_get_seconds_count"), 16.0);
    assert!(sum("pomona_get_seconds_sum") > 0.0);
    assert_eq!(sum("pomona_bad_images_total"), 1.0, "{executors:?}");
    assert_eq!(sum("pomona_slots"), 2.0);
    assert!(sum("pomona_memory_bytes") > 1e6);
    let loads = sum("pomona_network_loads_total");
    assert!((1.0..=2.0).contains(&loads), "{loads}");
    assert_eq!(all(&scheduler, "pomona_network_loads_total"), loads);
    assert_eq!(
        all(&scheduler, "pomona_tasks_completed_total"),
        sum("pomona_tasks_total{outcome=\"completed\"}")
    );
    assert!(all(&scheduler, "pomona_read_bytes_total") > 1000.0);
    // The dashboard and the alerts ask for nothing else.
    let known: HashSet<&str> = [&scheduler, &executors[0]]
        .into_iter()
        .flat_map(HashMap::keys)
        .filter_map(|sample| sample.split('{').next())
        .collect();
    for (file, text) in [("alerts.yaml", ALERTS), ("dashboard.json", DASHBOARD)] {
        let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = text.split(|c| !in_name(c));
        let asked: HashSet<&str> = words.filter(|word| word.starts_with("pomona_")).collect();
        assert!(asked.len() > 8, "{file}: {asked:?}");
        let unknown: Vec<_> = asked.difference(&known).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}, of {known:?}");
    }
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 10);
    assert_eq!(
        all(&scheduler, "pomona_read_bytes_total"),
        sum("pomona_read_bytes_total")
    );
}
