//! Standard error of a run: progress, logs, colours.

use std::fs;

use pomona_tests::patience::in_some_round;
use serde_json::Value;

use crate::workplace::{Ran, Workplace};

pub fn objects(ran: &Ran) -> Vec<Value> {
    let stderr = ran.stderr();
    let lines = stderr.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_phase_ends_at_its_total() {
    let place = Workplace::new();
    let ran = place.run(&["-i", "images", "-o", "out"]).code(0);
    let lines = objects(&ran);
    for phase in ["metadata", "features", "errors", "pca_fit", "pca_transform"] {
        let last = lines.iter().rfind(|line| line["phase"] == phase);
        let last = last.unwrap_or_else(|| panic!("no {phase} in {}", ran.stderr()));
        assert_eq!((&last["done"], &last["total"]), (&15.into(), &15.into()));
        assert!(last["images_per_second"].as_f64().unwrap() > 0.0);
        assert_eq!(last["eta_seconds"], 0.0);
    }
    assert!(!ran.stderr().contains('\x1b'), "{}", ran.stderr());
}

#[test]
fn the_numbers_of_a_run_are_written_for_machines() {
    let place = Workplace::new();
    let bad = &pomona_tests::broken::corpus()[0];
    std::fs::write(place.path("images/Kiwi").join(bad.name), &bad.bytes).unwrap();
    let run = [
        "-i",
        "images",
        "-o",
        "out",
        "--metrics-file",
        "run.prom",
        "--max-error-rate",
        "1",
    ];
    place.run(&run).code(0);
    let read = || std::fs::read_to_string(place.path("run.prom")).unwrap();
    let has = |line: &str| {
        let text = read();
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    };
    has("pomona_run_images{outcome=\"features\"} 15");
    has("pomona_run_images{outcome=\"error\"} 1");
    has("pomona_run_images_computed 16");
    assert!(read().contains("pomona_run_stage_seconds{stage=\"features\"} "));
    // Also where the exit code is another than 0.
    place.run(&run[..6]).code(3);
    has("pomona_run_images{outcome=\"error\"} 1");
    let nowhere = [&run[..5], &["no/folder/run.prom"]].concat();
    place.run(&nowhere).code(1).says("no/folder/run.prom");
}

#[test]
fn timings_add_up_to_the_run() {
    let place = Workplace::new();
    let ran = place
        .run(&["-i", "images", "-o", "out", "--timings"])
        .code(0);
    let stderr = ran.stderr();
    let table = stderr
        .lines()
        .skip_while(|line| !line.starts_with("stage "));
    let seconds: Vec<(String, f64)> = table
        .skip(1)
        .filter_map(|line| {
            let (name, numbers) = line.split_at_checked(16)?;
            let seconds = numbers.split_whitespace().next()?.parse().ok()?;
            Some((name.trim().to_string(), seconds))
        })
        .collect();
    let (run, parts) = seconds.split_last().unwrap();
    assert_eq!(run.0, "run");
    assert!(parts.iter().any(|(name, _)| name == "features"), "{stderr}");
    let sum: f64 = parts.iter().map(|(_, seconds)| seconds).sum();
    // Each is rounded to a hundredth of a second.
    assert!(
        (sum - run.1).abs() <= 0.01 * seconds.len() as f64,
        "{stderr}"
    );
    // A run that changes nothing has no stages.
    let again = place
        .run(&["-i", "images", "-o", "out", "--timings"])
        .code(0);
    assert!(!again.stderr().contains("between stages"));
}

#[test]
fn a_long_phase_is_reported_every_few_seconds() {
    let place = Workplace::new();
    place.many_images(900);
    // A run that a busy machine has stopped for seconds reports nothing meanwhile.
    in_some_round(|| {
        let _ = fs::remove_dir_all(place.path("out"));
        let ran = place
            .run(&["-i", "many", "-o", "out", "--partitions", "1"])
            .code(0);
        let lines = objects(&ran);
        let features: Vec<_> = lines
            .iter()
            .filter(|line| line["phase"] == "features")
            .collect();
        let done: Vec<_> = features
            .iter()
            .map(|line| line["done"].as_u64().unwrap())
            .collect();
        assert!(done.is_sorted(), "{done:?}");
        assert_eq!(done.last(), Some(&900));
        // One line at the end, and one for each two seconds before it.
        let elapsed = |line: &Value| line["elapsed_seconds"].as_f64().unwrap();
        let seconds = elapsed(features.last().unwrap());
        let is_often = done.len() as f64 >= (seconds / 3.0).floor();
        // While most of the time is still to come, not all can be done.
        let is_early = |line: &&&Value| elapsed(line) < seconds / 3.0;
        let is_done = |line: &Value| line["done"] == 900;
        let is_true = !features.iter().filter(is_early).any(|line| is_done(line));
        (is_often && is_true)
            .then_some(())
            .ok_or_else(|| format!("{features:?}"))
    });
}

#[test]
fn quiet_and_off() {
    let place = Workplace::new();
    let quiet = place
        .run(&["-i", "images", "-o", "quiet", "--quiet"])
        .code(0);
    assert_eq!(quiet.stderr(), "");
    let both = ["-i", "images", "-o", "both", "--quiet", "--progress", "on"];
    assert_eq!(place.run(&both).code(0).stderr(), "");
    let off = place
        .run(&["-i", "images", "-o", "off", "--progress", "off"])
        .code(0);
    assert_eq!(objects(&off), Vec::<Value>::new());
    assert!(off.stderr().contains("15 images"), "{}", off.stderr());
}

#[test]
fn log_lines_are_json_when_asked_for() {
    let place = Workplace::new().with_environment([("RUST_LOG", "debug".to_string())]);
    let sql = ["sql", "-q", "--log-format", "json", "-c", "SELECT 1 AS a"];
    let ran = place.pomona(sql).code(0);
    let lines = objects(&ran);
    assert!(!lines.is_empty());
    assert_eq!(
        lines.len(),
        ran.stderr().lines().count(),
        "{}",
        ran.stderr()
    );
    for line in &lines {
        for key in ["time", "level", "target", "message"] {
            assert!(line[key].is_string(), "{line}");
        }
    }
    let text = place.pomona(["sql", "-q", "-c", "SELECT 1 AS a"]).code(0);
    assert!(text.stderr().contains("DEBUG"), "{}", text.stderr());
    assert_eq!(objects(&text), Vec::<Value>::new());
}

#[test]
fn colour_is_asked_for_or_not() {
    let place = Workplace::new();
    let wrong = ["sql", "--fromat", "csv"];
    let escapes = |place: &Workplace, flags: &[&str]| {
        let ran = place.pomona(flags.iter().chain(&wrong)).code(2);
        ran.stderr().contains('\x1b')
    };
    assert!(!escapes(&place, &[]));
    assert!(escapes(&place, &["--color", "always"]));
    assert!(!escapes(&place, &["--color", "never"]));
    fs::write(place.path("pomona.toml"), "color = \"always\"").unwrap();
    assert!(escapes(&place, &[]));
    // A variable is stronger than a file, and a flag than both.
    let place = place.with_environment([("NO_COLOR", "1".to_string())]);
    assert!(!escapes(&place, &[]));
    assert!(escapes(&place, &["--color", "always"]));
}
