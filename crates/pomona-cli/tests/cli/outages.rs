//! Runs against an S3 server that fails: outages, resets, lost answers, denials.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use pomona_tests::images;
use pomona_tests::s3_faults::{Fault, FaultPlan};
use pomona_tests::s3_server::S3Server;

use crate::workplace::Workplace;

const LABELS: [&str; 2] = ["Apple Red", "Kiwi"];

/// Images in a bucket of a server, and a bucket for results.
fn place(images: u32, plan: FaultPlan) -> (S3Server, Workplace) {
    let server = S3Server::start_faulty(&["images", "results"], plan).unwrap();
    images::write_folder(&server.bucket("images"), &LABELS, images);
    let place = Workplace::new().with_environment(server.environment());
    (server, place)
}

/// The rows of features, bit for bit.
fn rows(place: &Workplace, output: &str) -> String {
    place.query(&format!(
        "SELECT path, label, error, array_to_string(features, ' ') AS features
         FROM '{output}/features/' ORDER BY path"
    ))
}

#[test]
fn an_outage_is_waited_out() {
    let (began, is_over) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let over = Arc::clone(&is_over);
    let plan: FaultPlan = Box::new(move |line| {
        if line.reads_object() && line.path.starts_with("/images/") {
            began.store(true, Ordering::SeqCst);
        }
        let is_down = began.load(Ordering::SeqCst) && !over.load(Ordering::SeqCst);
        is_down.then(|| match line.number % 2 {
            0 => Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
            _ => Fault::Reset,
        })
    });
    let (_server, place) = place(6, plan);
    let run = ["run", "-i", "s3://images/", "-o", "s3://results/out"];
    let weights = ["--weights", place.weights(), "--components", "3"];
    let begin = Instant::now();
    let mut run = place
        .command(run.iter().chain(&weights))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It ends some seconds after the run has said that it notices.
    let mut said = String::new();
    for line in BufReader::new(run.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains("has not answered for 10 s") {
            assert!(begin.elapsed() > Duration::from_secs(10));
            sleep(Duration::from_secs(4));
            is_over.store(true, Ordering::SeqCst);
        }
        said += &format!("{line}\n");
    }
    assert!(run.wait().unwrap().success(), "{said}");
    assert!(is_over.load(Ordering::SeqCst), "{said}");
    assert_eq!(
        place.query("SELECT count(features) AS n FROM 's3://results/out/features/'"),
        "n\n12\n"
    );
}

#[test]
fn a_store_that_denies_everything_ends_the_run() {
    for (code, status) in [("AccessDenied", 403), ("ExpiredToken", 400)] {
        let reads = AtomicUsize::new(0);
        let plan: FaultPlan = Box::new(move |line| {
            let is_image = line.reads_object() && line.path.starts_with("/images/");
            let is_late = is_image && reads.fetch_add(1, Ordering::Relaxed) >= 12;
            is_late.then(|| Fault::Refusal(StatusCode::from_u16(status).unwrap(), code))
        });
        let (server, place) = place(30, plan);
        let ran = place.run(&["-i", "s3://images/", "-o", "s3://results/out"]);
        ran.code(1).says(code);
        assert!(!server.bucket("results").join("out/manifest.json").exists());
        assert!(!server.bucket("results").join("out/features").exists());
    }
}

#[test]
fn one_denied_object_is_a_row_with_the_reason() {
    let plan: FaultPlan = Box::new(|line| {
        let is_one = line.reads_object() && line.path.ends_with("Kiwi/1.png");
        let code = match line.path.ends_with("Kiwi/2.png") && line.reads_object() {
            true => return Some(Fault::Status(StatusCode::NOT_FOUND)),
            false => "InvalidObjectState",
        };
        is_one.then_some(Fault::Refusal(StatusCode::FORBIDDEN, code))
    });
    let (server, place) = place(6, plan);
    let run = [
        "-i",
        "s3://images/",
        "-o",
        "s3://results/out",
        "--max-error-rate",
        "0.5",
    ];
    place.run(&run).code(0);
    let errors = std::fs::read_to_string(server.bucket("results").join("out/errors/errors.csv"));
    let errors = errors.unwrap();
    assert!(
        errors.contains("InvalidObjectState: by the test"),
        "{errors}"
    );
    assert!(errors.contains("not found"), "{errors}");
}

/// Each request of a publication fails once: the same run or the next one publishes the right rows.
fn fail_each_request_of_a_publication(fault: Fault) {
    // The requests of a publication, counted from the one that announces it.
    let is_publishing = Arc::new(AtomicBool::new(false));
    let (since, failing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let plan: FaultPlan = {
        let (is_publishing, since, failing) = (
            Arc::clone(&is_publishing),
            Arc::clone(&since),
            Arc::clone(&failing),
        );
        Box::new(move |line| {
            if line.method == "PUT" && line.path.ends_with("publication.json") {
                is_publishing.store(true, Ordering::Relaxed);
                since.store(0, Ordering::Relaxed);
                return None;
            }
            if !is_publishing.load(Ordering::Relaxed) || line.path.contains("lock") {
                return None;
            }
            let number = since.fetch_add(1, Ordering::Relaxed);
            (number == failing.load(Ordering::Relaxed)).then(|| fault.clone())
        })
    };
    let (server, place) = place(2, plan);
    // Few files make few requests.
    let run = [
        "-i",
        "s3://images/",
        "-o",
        "s3://results/out",
        "--no-report",
        "--format",
        "parquet",
    ];
    let mut expected = None;
    for number in 0.. {
        is_publishing.store(false, Ordering::Relaxed);
        failing.store(number, Ordering::Relaxed);
        let _ = std::fs::remove_dir_all(server.bucket("results").join("out"));
        let first = place.run(&run);
        let requests = since.load(Ordering::Relaxed);
        is_publishing.store(false, Ordering::Relaxed);
        if first.is_failure() {
            place.run(&run).code(0);
        }
        let rows = rows(&place, "s3://results/out");
        assert_eq!(
            *expected.get_or_insert(rows.clone()),
            rows,
            "request {number}"
        );
        let left = server
            .bucket("results")
            .join("out/_temporary/publication.json");
        assert!(!left.exists(), "request {number}");
        if number >= requests {
            break;
        }
    }
}

#[test]
fn resets_while_publishing_wedge_nothing() {
    fail_each_request_of_a_publication(Fault::Reset);
}

#[test]
fn lost_answers_while_publishing_wedge_nothing() {
    fail_each_request_of_a_publication(Fault::LostAnswer);
}

#[test]
fn errors_while_publishing_wedge_nothing() {
    fail_each_request_of_a_publication(Fault::Status(StatusCode::INTERNAL_SERVER_ERROR));
}

#[test]
fn resets_and_cut_answers_change_no_row() {
    let plan: FaultPlan = Box::new(|line| match line.number % 29 {
        3 | 17 => Some(Fault::Reset),
        7 => Some(Fault::LostAnswer),
        11 | 13 | 19 | 23 => Some(Fault::Status(StatusCode::SERVICE_UNAVAILABLE)),
        _ => None,
    });
    let (server, place) = place(60, plan);
    let copied = place.path("local");
    copy(&server.bucket("images"), &copied);
    place
        .run(&["-i", "s3://images/", "-o", "s3://results/out"])
        .code(0);
    place.run(&["-i", "local", "-o", "undisturbed"]).code(0);
    let features = |output: &str| {
        place.query(&format!(
            "SELECT array_to_string(features, ' ') AS features FROM '{output}/features/' ORDER BY label, path"
        ))
    };
    assert_eq!(features("s3://results/out"), features("undisturbed"));
    assert!(server.faults() > 20, "{}", server.faults());
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for file in crate::resume::files(from).keys() {
        let target = to.join(file);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(from.join(file), target).unwrap();
    }
}

#[test]
fn a_store_that_asks_for_fewer_requests_gets_fewer() {
    let plan: FaultPlan = Box::new(|line| match line.number % 10 {
        _ if !line.reads_object() => None,
        0 => Some(Fault::Refusal(StatusCode::SERVICE_UNAVAILABLE, "SlowDown")),
        _ => Some(Fault::Slow(Duration::from_millis(30))),
    });
    let server = S3Server::start_faulty(&["images"], plan).unwrap();
    for number in 0..600 {
        let image = server.bucket("images").join(format!("{number}.jpg"));
        fs::write(image, format!("{number}")).unwrap();
    }
    let place = Workplace::new()
        .with_environment(server.environment())
        .with_environment([("RUST_LOG", "pomona_images=debug".to_owned())]);
    let sql = "SELECT count(content) AS n FROM images('s3://images/')";
    let ran = place.pomona(["sql", "--format", "csv", "-c", sql]).code(0);
    assert_eq!(ran.stdout(), "n\n600\n");
    ran.says("16 requests in flight, after 32");
}
