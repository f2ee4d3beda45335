//! `/healthz`, `/readyz` and `/metrics` of both roles.

use std::collections::HashSet;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use pomona_tests::http::send;
use pomona_tests::openmetrics::{self, Samples};
use pomona_tests::patience::wait_until;
use pomona_tests::s3_faults::{Fault, RequestLine};
use pomona_tests::s3_server::S3Server;
use pomona_tests::{broken, images};

use super::{options, start};
use crate::workplace::Workplace;

const ALERTS: &str = include_str!("../../../../../deploy/monitoring/alerts.yaml");
const CLOUDWATCH: &str = include_str!("../../../../../deploy/monitoring/cloudwatch-agent.json");
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

/// The samples of a role, whose text must be what strict readers of OpenMetrics accept.
#[track_caller]
fn samples(address: SocketAddr) -> Samples {
    let answer = send(address, "GET /metrics", &[], "").unwrap();
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    openmetrics::samples(&answer.body).unwrap_or_else(|error| panic!("{error}\n{}", answer.body))
}

fn all(of: &Samples, prefix: &str) -> f64 {
    let found = of.iter().filter(|(name, _)| name.starts_with(prefix));
    found.map(|(_, value)| value).sum()
}

#[test]
fn both_roles_have_probes() {
    let mut cluster = start(options().with_short_timeout());
    let executor = cluster.executor_address(0);
    assert_eq!(status(cluster.address(), "/healthz"), 200);
    becomes(cluster.address(), "/readyz", 200);
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

    // A client knows of the end of its job a moment before the scheduler has noted it.
    let ended = "pomona_jobs_ended_total{state=\"completed\"}";
    let mut scheduler = samples(cluster.address());
    wait_until("the end of the job is noted", || {
        scheduler = samples(cluster.address());
        scheduler[ended] > 0.0
    });
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
    // The dashboard, the alerts and the agent ask for nothing else.
    let known: HashSet<&str> = [&scheduler, &executors[0]]
        .into_iter()
        .flat_map(Samples::keys)
        .filter_map(|sample| sample.split('{').next())
        .collect();
    for (file, text) in [
        ("alerts.yaml", ALERTS),
        ("cloudwatch-agent.json", CLOUDWATCH),
        ("dashboard.json", DASHBOARD),
    ] {
        let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let words = text.split(|c| !in_name(c));
        let asked: HashSet<&str> = words.filter(|word| word.starts_with("pomona_")).collect();
        assert!(asked.len() > 8, "{file}: {asked:?}");
        let unknown: Vec<_> = asked.difference(&known).collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}, of {known:?}");
    }
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 10);
    let agent: serde_json::Value = serde_json::from_str(CLOUDWATCH).unwrap();
    assert!(agent["logs"]["metrics_collected"]["prometheus"].is_object());
    assert_eq!(
        all(&scheduler, "pomona_read_bytes_total"),
        sum("pomona_read_bytes_total")
    );
}

/// Two of three reads of an object fail: in turn throttled, and without an answer.
fn two_of_three(reads: AtomicUsize) -> impl Fn(&RequestLine) -> Option<Fault> {
    move |line| {
        let fails = line.reads_object();
        match fails.then(|| reads.fetch_add(1, Ordering::Relaxed) % 3)? {
            0 => Some(Fault::Status(StatusCode::SERVICE_UNAVAILABLE)),
            1 => Some(Fault::Reset),
            _ => None,
        }
    }
}

#[test]
fn requests_and_retries_are_counted_as_the_store_sees_them() {
    let plan = two_of_three(AtomicUsize::default());
    let server = S3Server::start_faulty(&["photos"], Box::new(plan)).unwrap();
    images::write_folder(&server.bucket("photos"), &["Kiwi", "Plum"], 5);
    let cluster = start(options().with_environment(server.environment()));
    let place = Workplace::new().with_environment(server.environment());
    let sql = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 's3://photos/'; \
               SELECT count(content) AS n FROM images";
    let counted = place
        .pomona([
            "sql",
            "-q",
            "--format",
            "csv",
            "--scheduler",
            &cluster.url(),
            "-c",
            sql,
        ])
        .code(0);
    assert_eq!(counted.stdout(), "n\n10\n");

    let executors = [0, 1].map(|number| samples(cluster.executor_address(number)));
    let sum = |name: &str| -> f64 { executors.iter().map(|of| of[name]).sum() };
    let seen = server.requests();
    let reads = seen.iter().filter(|line| line.reads_object()).count() as f64;
    assert_eq!(sum("pomona_s3_requests_total{request=\"GET\"}"), reads);
    // Ten of them were answered, and all others were made again.
    assert_eq!(
        sum("pomona_s3_retries_total{request=\"GET\"}"),
        reads - 10.0
    );
    let throttled = sum("pomona_s3_failures_total{reason=\"throttled\"}");
    let unanswered = sum("pomona_s3_failures_total{reason=\"no answer\"}");
    assert!(throttled > 0.0 && unanswered > 0.0, "{executors:?}");
    assert_eq!(throttled + unanswered, reads - 10.0);
    assert_eq!(sum("pomona_s3_get_seconds_count"), reads - unanswered);
    assert!(sum("pomona_s3_get_seconds_sum") > 0.0);
    // The client listed the bucket, and no executor did.
    assert_eq!(sum("pomona_s3_requests_total{request=\"LIST\"}"), 0.0);
    let scheduler = samples(cluster.address());
    assert_eq!(all(&scheduler, "pomona_s3_requests_total"), 0.0);
}

/// The series of a scheduler do not grow with all the executors that ever came and went.
#[test]
fn an_executor_that_is_gone_has_its_series_for_a_while() {
    let mut cluster = start(options().with_short_timeout());
    let place = Workplace::new();
    let url = cluster.url();
    let sql = "SELECT count(*) FROM generate_series(1, 9)";
    place
        .pomona(["sql", "--scheduler", &url, "-c", sql])
        .code(0);
    let before = all(&samples(cluster.address()), "pomona_tasks_completed_total");
    assert!(before >= 1.0);
    cluster.kill_executor(0).unwrap();
    cluster.kill_executor(1).unwrap();
    let killed = Instant::now();
    let after = loop {
        let found = samples(cluster.address());
        if found["pomona_executors"] == 0.0 {
            break found;
        }
        assert!(killed.elapsed() < Duration::from_secs(180), "{found:?}");
        sleep(Duration::from_millis(50));
    };
    // What was counted between the last look and the end is read by the next one.
    assert_eq!(all(&after, "pomona_tasks_completed_total"), before);
    assert!(
        !after
            .keys()
            .any(|name| name.starts_with("pomona_executor_silence_seconds"))
    );
}

/// What starts the roles asks the probes, and no path that they do not have.
#[test]
fn units_containers_and_the_step_use_the_probes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for (file, part) in [
        (
            "emr/node/pomona-scheduler.service",
            "ExecStartPost=/opt/pomona/bin/pomona-node healthy 50050",
        ),
        (
            "emr/node/pomona-executor.service",
            "ExecStartPost=/opt/pomona/bin/pomona-node healthy 50051",
        ),
        ("emr/node/pomona-node", "http://$NODE_ADDRESS:$1/healthz"),
        ("emr/node/pomona-job", "http://$NODE_SCHEDULER:50050/readyz"),
        (
            "container/compose.yaml",
            "/dev/tcp/127.0.0.1/50050; printf \"GET /healthz ",
        ),
        (
            "container/compose.yaml",
            "/dev/tcp/127.0.0.1/50051; printf \"GET /readyz ",
        ),
    ] {
        assert!(read(file).contains(part), "{file}: {part}");
    }
}

/// Prometheus's own tool, where it is installed, on what both roles serve and on what `deploy/monitoring` has.
#[test]
fn prometheus_has_no_objection() {
    let found = Command::new("promtool").arg("--version").output();
    if !found.is_ok_and(|found| found.status.success()) {
        eprintln!("skipped: there is no promtool on the PATH");
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/monitoring");
    for arguments in [
        ["check", "rules", "alerts.yaml"],
        ["check", "config", "prometheus.yaml"],
        ["check", "config", "cloudwatch-prometheus.yaml"],
        ["test", "rules", "alerts_test.yaml"],
    ] {
        let checked = Command::new("promtool")
            .args(arguments)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(checked.status.success(), "{arguments:?}: {checked:?}");
    }
    let cluster = start(options());
    becomes(cluster.executor_address(0), "/readyz", 200);
    for address in [cluster.address(), cluster.executor_address(0)] {
        let accept = ("Accept", "text/plain;version=0.0.4");
        let answer = send(address, "GET /metrics", &[accept], "").unwrap();
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with("text/plain"), "{kind}");
        let mut lint = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = lint.stdin.take().unwrap();
        input.write_all(answer.body.as_bytes()).unwrap();
        drop(input);
        let checked = lint.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(
            checked.status.success() && said.is_empty(),
            "{said}\n{}",
            answer.body
        );
    }
}
