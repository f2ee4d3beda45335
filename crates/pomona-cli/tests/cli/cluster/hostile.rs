//! What an outsider, a neighbour or a bad moment does to a cluster.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pomona_tests::certificates::{flags, write_certificates};
use pomona_tests::ports::free_port;

use super::{Cluster, options, start};
use crate::workplace::Workplace;

#[test]
fn a_deep_plan_kills_no_executor() {
    let place = Workplace::new();
    let cluster = start(options());
    let terms = vec!["random()"; 3000].join("+");
    let conditions: Vec<String> = (0..2000)
        .map(|i| format!("(a = {i} AND b > {i})"))
        .collect();
    for sql in [
        format!("SELECT count({terms}) AS n FROM t"),
        format!(
            "SELECT count(*) AS n FROM t WHERE {} OR a < 0 OR b < 9",
            conditions.join(" OR ")
        ),
    ] {
        let script = format!(
            "CREATE TABLE t AS SELECT value AS a, value % 7 AS b FROM generate_series(1, 100); {sql}"
        );
        fs::write(place.path("deep.sql"), script).unwrap();
        let url = format!("--scheduler={}", cluster.url());
        let ran = place.pomona(["sql", "-q", "--format", "csv", &url, "-f", "deep.sql"]);
        assert_eq!(ran.code(0).stdout(), "n\n100\n");
        cluster.wait_for_executors(2).unwrap();
    }
}

#[test]
fn silent_connections_are_closed_and_keep_nobody_out() {
    let place = Workplace::new();
    let certificates = place.path("tls");
    write_certificates(&certificates);
    let mut encrypted = options();
    encrypted.tls = flags(&certificates);
    let cluster = start(encrypted);
    let address = cluster.url().replace("df://", "");
    let mut silent: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    assert_answers(&place, &cluster, &flags(&certificates));
    let start = Instant::now();
    for socket in &mut silent {
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        // Closed: the end of the stream, or a reset.
        let read = socket.read(&mut [0; 64]);
        assert!(!matches!(read, Ok(1..)), "{read:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn an_executor_that_cannot_start_says_why() {
    let place = Workplace::new();
    let cluster = start(options());
    let port = cluster.url().rsplit_once(':').unwrap().1.to_string();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let executor = |more: &[&str]| {
        let line = [
            "executor",
            "--scheduler-host",
            "127.0.0.1",
            "--bind-grpc-port",
            "0",
        ];
        place.pomona([&line, more].concat())
    };
    executor(&["--scheduler-port", &port, "--bind-port", &taken])
        .code(1)
        .says(&format!("127.0.0.1:{taken}"));
    executor(&[
        "--scheduler-port",
        &port,
        "--bind-port",
        "0",
        "--work-dir",
        "/dev/null/work",
    ])
    .code(1)
    .says("/dev/null/work");
    let start = Instant::now();
    let alone = [
        "--bind-port",
        "0",
        "--scheduler-connect-timeout-seconds",
        "2",
    ];
    executor(&[&["--scheduler-port", "1"], &alone[..]].concat())
        .code(1)
        .says("127.0.0.1:1");
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_a_killed_executor_left_is_removed_by_the_next() {
    let place = Workplace::new();
    let cluster = start(options().with_short_timeout());
    let port = cluster.url().rsplit_once(':').unwrap().1.to_string();
    let theirs = place.path("work/precious");
    fs::create_dir_all(&theirs).unwrap();
    let folders = || {
        let entries = fs::read_dir(place.path("work")).unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("pomona-executor-") && !name.ends_with(".lock"))
            .collect::<Vec<_>>()
    };
    let mut left = None;
    for _ in 0..2 {
        let free = || free_port().unwrap().to_string();
        let (flight, grpc) = (free(), free());
        let mut command = place.command([
            "executor",
            "--scheduler-host",
            "127.0.0.1",
            "--scheduler-port",
            &port,
            "--bind-port",
            &flight,
            "--bind-grpc-port",
            &grpc,
            "--work-dir",
            "work",
        ]);
        let mut executor = command.spawn().unwrap();
        cluster.wait_for_executors(3).unwrap();
        let there = folders();
        assert_eq!(there.len(), 1, "{there:?}");
        assert_ne!(left.as_ref(), Some(&there[0]));
        left = there.into_iter().next();
        executor.kill().unwrap();
        executor.wait().unwrap();
        // Short timeouts: it is soon taken for lost.
        cluster.wait_for_executors(2).unwrap();
    }
    assert!(theirs.exists());
}

#[test]
fn an_executor_that_was_suspended_joins_again() {
    let place = Workplace::new();
    let mut one = options().with_short_timeout();
    one.executors = 1;
    let cluster = start(one);
    let pid = Pid::from_raw(cluster.executor_pid(0).unwrap() as i32);
    kill(pid, Signal::SIGSTOP).unwrap();
    let lost = cluster.wait_for_executors(0);
    kill(pid, Signal::SIGCONT).unwrap();
    lost.unwrap();
    cluster.wait_for_executors(1).unwrap();
    assert_answers(&place, &cluster, &[]);
}

/// The cluster answers a query of a client with these options.
fn assert_answers(place: &Workplace, cluster: &Cluster, tls: &[String]) {
    let url = format!("--scheduler={}", cluster.url());
    let mut query = vec!["sql", "-q", "--format", "csv", &url];
    query.extend(["-c", "SELECT 1 AS one"]);
    query.extend(tls.iter().map(String::as_str));
    assert_eq!(place.pomona(&query).code(0).stdout(), "one\n1\n");
}
