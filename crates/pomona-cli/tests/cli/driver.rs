//! The binary `pomona-driver`, here and on clusters.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pomona_tests::certificates::{flags, write_certificates};
use pomona_tests::cluster::{Cluster, ClusterOptions};
use pomona_tests::{images, weights};
use tempfile::TempDir;

/// A folder with images of two labels and a network with random weights.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    images::write_folder(&place.path().join("images"), &["Apple Red", "Kiwi"], 6);
    weights::write_random(&place.path().join("random.safetensors")).unwrap();
    place
}

/// The scripts of a run, in their order.
const SCRIPTS: [&str; 10] = [
    "images",
    "features",
    "metadata",
    "metadata_csv",
    "stats",
    "errors",
    "features_csv",
    "pca_fit",
    "pca_transform",
    "pca_csv",
];

/// Runs the scripts of a run, and gives what is printed: the variances.
fn variances(place: &TempDir, output: &str, arguments: &[String]) -> Output {
    let script = place.path().join("variances.sql");
    let sql = "SELECT unnest(model['explained_variance']) AS variance FROM pca_model";
    fs::write(script, sql).unwrap();
    fs::create_dir_all(place.path().join(output)).unwrap();
    Command::new(env!("CARGO_BIN_EXE_pomona-driver"))
        .args(SCRIPTS)
        .arg("variances.sql")
        .args(["-d", "input=images", "-d", "filter=true", "-d", "limit=100"])
        .args(["-d", "components=3", "-d", &format!("output={output}")])
        // A path from this folder, which an executor does not stand in.
        .args(["--weights", "random.safetensors"])
        .args(arguments)
        .env_remove("POMONA_SCHEDULER")
        .env_remove("POMONA_WEIGHTS")
        .current_dir(place.path())
        .output()
        .unwrap()
}

fn numbers(output: &Output) -> Vec<f64> {
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8_lossy(&output.stdout);
    let cells = table
        .lines()
        .filter_map(|line| line.trim_matches(['|', ' ']).parse().ok());
    let numbers: Vec<f64> = cells.collect();
    assert!(numbers.len() >= 3, "{table}");
    numbers
}

#[test]
fn pomona_under_the_name_of_the_driver_is_the_driver() {
    let version = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pomona"));
        let output = command.arg0(name).arg("--version").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(version("/usr/local/bin/pomona-driver").starts_with("pomona-driver "));
    assert!(version("pomona").starts_with("pomona "));
}

/// What the scripts wrote about the images, which is the same everywhere.
fn texts(place: &TempDir, output: &str) -> [String; 3] {
    [
        "metadata/csv/metadata.csv",
        "stats/stats.csv",
        "errors/errors.csv",
    ]
    .map(|file| fs::read_to_string(place.path().join(output).join(file)).unwrap())
}

#[track_caller]
fn assert_same(ours: &[f64], theirs: &[f64]) {
    let largest = theirs[0];
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!((ours - theirs).abs() <= 1e-9 * largest, "{ours} {theirs}");
    }
}

#[test]
fn scripts_give_the_same_here_and_on_a_standalone_cluster() {
    let place = place();
    let here = numbers(&variances(&place, "here", &[]));
    let standalone = variances(&place, "standalone", &["--standalone".to_string()]);
    assert_same(&numbers(&standalone), &here);
    let texts_here = texts(&place, "here");
    assert_eq!(texts_here[0].lines().count(), 13);
    assert!(texts_here[0].contains(",100,100,PNG"), "{}", texts_here[0]);
    assert_eq!(texts(&place, "standalone"), texts_here);
}

#[test]
fn scripts_run_on_a_cluster_with_certificates_and_without_are_refused() {
    let place = place();
    let certificates = place.path().join("certificates");
    write_certificates(&certificates);
    let options = ClusterOptions {
        tls: flags(&certificates),
        ..ClusterOptions::new()
    };
    let cluster = Cluster::start(options).unwrap();
    let scheduler = format!("--scheduler={}", cluster.url());

    let mut arguments = vec![scheduler.clone()];
    arguments.extend(flags(&certificates));
    let there = numbers(&variances(&place, "there", &arguments));
    assert_same(&there, &numbers(&variances(&place, "here", &[])));
    assert_eq!(texts(&place, "there"), texts(&place, "here"));

    let refused = variances(&place, "refused", &[scheduler]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("no scheduler answers"), "{said}");
}

#[test]
fn an_interrupt_cancels_the_job() {
    let place = place();
    let long = "SELECT sum(value) FROM generate_series(1, 1000000000000)";
    fs::write(place.path().join("long.sql"), long).unwrap();
    let cluster = Cluster::start(ClusterOptions::new()).unwrap();
    let mut driver = Command::new(env!("CARGO_BIN_EXE_pomona-driver"))
        .args(["long.sql", "--scheduler", &cluster.url()])
        .current_dir(place.path())
        .spawn()
        .unwrap();
    cluster.wait_for_job("Running").unwrap();
    kill(Pid::from_raw(driver.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(driver.wait().unwrap().code(), Some(130));
    cluster.wait_for_job("Failed").unwrap();
}

#[test]
fn a_script_is_shown_with_its_variables_replaced() {
    let shown = Command::new(env!("CARGO_BIN_EXE_pomona-driver"))
        .args([
            "images",
            "--show-sql",
            "-d",
            "input=here",
            "-d",
            "filter=true",
            "-d",
            "limit=7",
        ])
        .output()
        .unwrap();
    let sql = String::from_utf8_lossy(&shown.stdout);
    assert!(
        sql.contains("LOCATION 'here'") && sql.contains("LIMIT 7"),
        "{sql}"
    );
    let missing = Command::new(env!("CARGO_BIN_EXE_pomona-driver"))
        .args(["images", "--show-sql"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("input"));
}
