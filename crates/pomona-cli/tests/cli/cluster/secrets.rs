//! Credentials stay where they are: not in plans, the REST API, logs or errors.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pomona_tests::images;
use pomona_tests::s3_server::{ACCESS_KEY, S3Server, SECRET_KEY};

use super::{options, start};
use crate::workplace::Workplace;

#[test]
fn a_planted_key_is_found_nowhere() {
    let server = S3Server::start(&["photos"]).unwrap();
    images::write_folder(&server.bucket("photos"), &["Kiwi"], 5);
    let debug = [(
        "RUST_LOG",
        "info,pomona_session=trace,ballista_scheduler=debug",
    )];
    let cluster = start(
        options()
            .with_environment(server.environment())
            .with_environment(debug),
    );
    let place = Workplace::new().with_environment(server.environment());
    let url = cluster.url();
    let sql = |text: &str| place.pomona(["sql", "--scheduler", &url, "-c", text]);
    let create = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 's3://photos';";
    let good = sql(&format!(
        "{create} SELECT count(content) FROM images; EXPLAIN VERBOSE SELECT content FROM images"
    ))
    .code(0);
    // An object that is there but cannot be read any more: the error comes from an executor.
    let bad = sql(&format!(
        "{create} SELECT count(mobilenet_v2(content)) FROM images"
    ))
    .code(1);

    let mut seen = vec![
        good.stdout(),
        good.stderr(),
        bad.stdout(),
        bad.stderr(),
        cluster.logs(),
        cluster.get("/api/jobs").unwrap(),
        cluster.get("/api/executors").unwrap(),
        cluster.get("/api/state").unwrap(),
        cluster.get("/").unwrap(),
        cluster.get("/executors").unwrap(),
        cluster.get("/metrics").unwrap(),
    ];
    let jobs: serde_json::Value = serde_json::from_str(&cluster.get("/api/jobs").unwrap()).unwrap();
    let jobs = jobs.as_array().unwrap();
    assert!(!jobs.is_empty());
    for job in jobs {
        let id = job["job_id"].as_str().unwrap();
        for path in ["", "/config", "/stages", "/dot"] {
            seen.push(cluster.get(&format!("/api/job/{id}{path}")).unwrap());
        }
        for path in ["", "/stage/1"] {
            seen.push(cluster.get(&format!("/job/{id}{path}")).unwrap());
        }
    }
    for text in &seen {
        assert!(!text.contains(SECRET_KEY), "{text}");
        assert!(!text.contains(ACCESS_KEY), "{text}");
    }
    for number in 0..2 {
        for entry in walk(&cluster.work_dir(number)) {
            let bytes = fs::read(entry).unwrap();
            assert!(!contains(&bytes, SECRET_KEY.as_bytes()));
        }
    }
}

/// What people write into a name, a query or a setting, and what an error repeats of it.
#[test]
fn secrets_of_a_query_are_shown_kept_and_served_by_nothing() {
    let place = Workplace::new();
    let folder = place.path("history");
    let mut wanted = options();
    wanted.scheduler = vec![format!("--history-dir={}", folder.display())];
    let cluster = start(wanted);
    let sql = |text: &str| place.pomona(["sql", "--scheduler", &cluster.url(), "-c", text]);
    sql("SET ballista.job.name = 'of https://me:Xsecret@host/'; \
         SELECT value AS n FROM generate_series(1, 3) WHERE concat('a', value) \
         <> 'https://b.host/c?X-Amz-Signature=Xsecret&X-Amz-Security-Token=Xsecret&part=2'")
    .code(0);
    sql("SELECT arrow_cast(concat('password=Xsecret ', value), 'Int32') AS n FROM generate_series(1, 3)")
        .code(1);

    let start = Instant::now();
    let is_written = |file: &PathBuf| file.extension().is_some_and(|kind| kind == "json");
    while walk(&folder).iter().filter(|file| is_written(file)).count() < 2 {
        assert!(start.elapsed() < Duration::from_secs(180));
        sleep(Duration::from_millis(20));
    }
    let jobs: serde_json::Value = serde_json::from_str(&cluster.get("/api/jobs").unwrap()).unwrap();
    let ids: Vec<&str> = jobs
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["job_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 2);
    let mut paths = ["/", "/executors", "/api/jobs", "/api/history", "/metrics"]
        .map(str::to_string)
        .to_vec();
    for id in ids {
        for end in ["", "/stages", "/dot", "/config"] {
            paths.push(format!("/api/job/{id}{end}"));
        }
        paths.push(format!("/job/{id}"));
        paths.push(format!("/job/{id}/stage/1"));
        paths.push(format!("/api/history/{id}"));
    }
    let served = paths.iter().map(|path| cluster.get(path).unwrap());
    let kept = walk(&folder).into_iter();
    let kept = kept.map(|file| fs::read_to_string(file).unwrap());
    let texts: Vec<String> = served.chain(kept).collect();
    for text in &texts {
        assert!(!text.contains("Xsecret"), "{text}");
    }
    // They were there to be hidden, and what is no secret stays.
    let has = |part: &str| texts.iter().filter(|text| text.contains(part)).count();
    assert!(has("X-Amz-Signature=***") > 5, "{texts:?}");
    assert!(has("part=2") > 5 && has("password=***") > 3, "{texts:?}");
    assert!(has("***@host") > 2, "{texts:?}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = vec![];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files.extend(walk(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn roles_listen_on_this_machine_alone_by_default() {
    let place = Workplace::new();
    for role in ["scheduler", "executor"] {
        let help = place.pomona([role, "--help"]).code(0).stdout();
        let bind = help.split("--bind-host").nth(1).unwrap();
        let default = bind.split("[default: ").nth(1).unwrap();
        assert!(default.starts_with("127.0.0.1]"), "{help}");
    }
}
