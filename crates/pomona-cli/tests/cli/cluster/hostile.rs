//! What an outsider, a neighbour or a bad moment does to a cluster.

use std::fs;
#[cfg(target_os = "linux")]
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};
#[cfg(target_os = "linux")]
use std::thread::sleep;
#[cfg(target_os = "linux")]
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pomona_tests::certificates::{flags, write_certificates};
use pomona_tests::patience::PATIENCE;
#[cfg(target_os = "linux")]
use pomona_tests::patience::wait_until;

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
fn a_plan_that_no_executor_can_read_is_refused_before_it_is_sent() {
    let place = Workplace::new();
    let cluster = start(options());
    // Each change of the operator is a level.
    let sum: String = (0..60)
        .map(|i| if i % 2 == 0 { "a + " } else { "a - " })
        .collect();
    let sql = format!("SELECT sum({sum}a) AS n FROM generate_series(1, 10) AS t(a)");
    assert_eq!(place.local_query(&sql), "n\n55\n");
    let url = format!("--scheduler={}", cluster.url());
    place
        .pomona(["sql", &url, "-c", &sql])
        .code(1)
        .says("levels deep")
        .says("CREATE TABLE");
    assert!(cluster.jobs().unwrap().is_empty());
}

/// The processor time of a process, in seconds.
#[cfg(target_os = "linux")]
fn worked(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks: u64 = fields[11..13]
        .iter()
        .map(|f| f.parse::<u64>().unwrap())
        .sum();
    ticks as f64 / 100.0
}

/// Where no more files can be opened a front rests between two attempts, and says so twice a minute.
#[test]
#[cfg(target_os = "linux")]
fn a_front_without_files_rests_and_answers_when_it_has_some() {
    let place = Workplace::new();
    write_certificates(&place.path("tls"));
    let flags = flags(&place.path("tls"));
    let log = place.path("scheduler.log");
    let mut scheduler = Command::new("sh");
    scheduler
        .args(["-c", "ulimit -n 100 && exec \"$0\" \"$@\""])
        .args([env!("CARGO_BIN_EXE_pomona"), "scheduler", "--bind-port=0"])
        .args(&flags)
        .env("RUST_LOG", "info")
        .stdin(Stdio::null())
        .stderr(File::create(&log).unwrap());
    let mut scheduler = scheduler.spawn().unwrap();
    let said = || fs::read_to_string(&log).unwrap();
    wait_until("the scheduler listens", || {
        said().contains("listens on df://")
    });
    let address = said()
        .split("df://")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_string();

    let silent: Vec<TcpStream> = (0..200)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    wait_until("there are no more files", || {
        said().contains("connections are not accepted")
    });
    let (begin, before) = (Instant::now(), worked(scheduler.id()));
    sleep(Duration::from_secs(4));
    let took = worked(scheduler.id()) - before;
    // This test may sleep for longer, in which the scheduler works on.
    let passed = begin.elapsed().as_secs_f64();
    assert!(took < 0.5 * passed, "{took} s of work in {passed} s");
    assert!(said().len() < 64 << 10, "a log of {} bytes", said().len());
    drop(silent);
    let mut jobs = vec!["jobs".to_string(), format!("--scheduler=df://{address}")];
    jobs.extend(flags);
    wait_until("the front answers again", || {
        !place.pomona(&jobs).is_failure()
    });
    scheduler.kill().unwrap();
    scheduler.wait().unwrap();
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
    for socket in &mut silent {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // Closed: the end of the stream, or a reset.
        let read = socket.read(&mut [0; 64]);
        let kind = read.as_ref().map_err(io::Error::kind);
        let is_open = matches!(kind, Ok(1..) | Err(ErrorKind::WouldBlock));
        assert!(!is_open, "{read:?}");
    }
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
    // The usual folder is one of the user, whatever the environment says of him.
    let temporary = place.path("temporary");
    fs::create_dir(&temporary).unwrap();
    for user in [None, Some("somebody-else")] {
        let mut command = place.command(["executor", "--bind-port", &taken]);
        command.args(["--scheduler-host", "127.0.0.1", "--scheduler-port", &port]);
        command.env_remove("USER").env("TMPDIR", &temporary);
        command.envs(user.map(|user| ("USER", user)));
        assert_eq!(command.output().unwrap().status.code(), Some(1));
        let owner = fs::metadata(&temporary).unwrap().uid();
        let folders = fs::read_dir(&temporary).unwrap();
        let folders: Vec<_> = folders.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(folders, [format!("pomona-executors-{owner}").as_str()]);
    }
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
    // It waits for 5 minutes, usually.
    let alone = [
        "--bind-port",
        "0",
        "--scheduler-connect-timeout-seconds",
        "2",
    ];
    executor(&[&["--scheduler-port", "1"], &alone[..]].concat())
        .code(1)
        .says("127.0.0.1:1");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn what_a_killed_executor_left_is_removed_by_the_next() {
    let place = Workplace::new();
    let mut none = options().with_short_timeout();
    none.executors = 0;
    let cluster = start(none);
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
        let mut command = place.command([
            "executor",
            "--scheduler-host",
            "127.0.0.1",
            "--scheduler-port",
            &port,
            "--bind-port=0",
            "--bind-grpc-port=0",
            "--work-dir=work",
        ]);
        let mut executor = command.spawn().unwrap();
        cluster.wait_for_executors(1).unwrap();
        // On the ports that it found, tasks arrive and results are fetched.
        let url = format!("--scheduler={}", cluster.url());
        let rows =
            "SELECT sum(value) AS s FROM generate_series(1, 1000) GROUP BY value % 2 ORDER BY s";
        let summed = place.pomona(["sql", "-q", "--format", "csv", &url, "-c", rows]);
        assert_eq!(summed.code(0).stdout(), "s\n250000\n250500\n");
        let there = folders();
        assert_eq!(there.len(), 1, "{there:?}");
        assert_ne!(left.as_ref(), Some(&there[0]));
        left = there.into_iter().next();
        executor.kill().unwrap();
        executor.wait().unwrap();
        // Short timeouts: it is soon taken for lost.
        cluster.wait_for_executors(0).unwrap();
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
