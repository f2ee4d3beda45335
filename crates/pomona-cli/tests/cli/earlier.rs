//! Results of other versions of Pomona: 0.1, whose features lack columns and whose manifest has no
//! version, and later ones.

use std::fs;

use pomona_tests::images;
use serde_json::Value;

use crate::publishing::copy;
use crate::resume::{assert_alike, assert_consistent, counts, files, manifest};
use crate::workplace::Workplace;

const RUN: [&str; 4] = ["-i", "images", "-o", "out"];

/// Look-ups of the results in `out`.
const LOOKUPS: [&[&str]; 4] = [
    &["outliers", "--in", "out", "-n", "5"],
    &["suspects", "--in", "out", "--by", "features"],
    &["similar", "--in", "out", "Kiwi/3.png"],
    &["verify", "out", "--against", "now"],
];

/// A workplace with the results of this version in `now`, and the same as 0.1 left them in `out`.
fn of_0_1() -> Workplace {
    let place = Workplace::new();
    fs::write(place.path("images/Kiwi/bad.png"), "no image").unwrap();
    let lenient = ["--max-error-rate", "1"];
    place.run(&[&RUN[..], &lenient].concat()).code(0);
    // A run of its own would add the rows up in another order.
    copy(&place.path("out"), &place.path("now"));

    place.query(
        "COPY (SELECT path, label, e_tag, arrow_cast(features, 'FixedSizeList(1280, Float32)') AS features, error
               FROM 'out/features/') TO 'earlier.parquet' STORED AS PARQUET",
    );
    let mut manifest = manifest(&place, "out");
    let file = manifest["files"].as_array_mut().unwrap().iter_mut();
    let mut features = file.filter(|file| file["path"].as_str().unwrap().starts_with("features/"));
    let file = features.next().unwrap();
    assert!(features.next().is_none());
    let earlier = place.path("earlier.parquet");
    file["bytes"] = fs::metadata(&earlier).unwrap().len().into();
    let path = file["path"].as_str().unwrap().to_string();
    fs::rename(earlier, place.path("out").join(path)).unwrap();
    manifest.as_object_mut().unwrap().remove("format_version");
    manifest["pomona"] = "0.1.0".into();
    write_manifest(&place, &manifest);
    place
}

fn write_manifest(place: &Workplace, manifest: &Value) {
    let json = serde_json::to_vec_pretty(manifest).unwrap();
    fs::write(place.path("out/manifest.json"), json).unwrap();
}

/// That rows have the same texts, and numbers that differ by no more than the order of a sum.
#[track_caller]
fn assert_same_rows(a: &str, b: &str) {
    let cells = |rows: &str| -> Vec<String> {
        let cells = rows.split([',', '\n']);
        cells.map(str::to_string).collect()
    };
    let (a, b) = (cells(a), cells(b));
    assert_eq!(a.len(), b.len(), "{a:?}\n{b:?}");
    for (a, b) in a.iter().zip(&b) {
        let is_same = match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
            _ => a == b,
        };
        assert!(is_same, "{a} and {b}");
    }
}

#[test]
fn results_of_0_1_are_read() {
    let place = of_0_1();
    for lookup in LOOKUPS {
        let rows = place
            .pomona([lookup, &["--format", "csv"]].concat())
            .code(0);
        assert!(rows.stdout().lines().count() >= 1, "{lookup:?}");
        if lookup[0] != "verify" {
            let now: Vec<&str> = lookup
                .iter()
                .map(|&word| if word == "out" { "now" } else { word })
                .collect();
            let now = place.pomona([&now, &["--format", "csv"][..]].concat());
            assert_same_rows(&rows.stdout(), &now.code(0).stdout());
        }
    }
    place.pomona(["report", "out"]).code(0);
    let html = fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(html.contains("<title>Kiwi/3.png</title>"));
    // The report is named in the manifest, which still is one of 0.1.
    assert_eq!(manifest(&place, "out")["format_version"], 1);
}

#[test]
fn results_of_0_1_are_not_continued() {
    let place = of_0_1();
    fs::write(place.path("images/Kiwi/new.png"), images::png(90, 80, 70)).unwrap();
    let before = files(&place.path("out"));
    place
        .run(&RUN)
        .code(1)
        .says("Pomona 0.1.0")
        .says("--overwrite");
    assert_eq!(files(&place.path("out")), before);

    let overwrite = ["--overwrite", "--max-error-rate", "1"];
    place.run(&[&RUN[..], &overwrite].concat()).code(0);
    assert_eq!(counts(&place), (17, 0, 17));
    assert_consistent(&place);
    let fresh = ["-i", "images", "-o", "fresh", "--max-error-rate", "1"];
    place.run(&fresh).code(0);
    assert_alike(&place, "fresh", "out");
    let columns = "SELECT count(width) AS width, count(color) AS color FROM 'out/features/'";
    assert_eq!(place.query(columns), "width,color\n16,16\n");
}

#[test]
fn results_of_a_later_version_are_refused() {
    let place = Workplace::new();
    place.run(&RUN).code(0);
    place.run(&["-i", "images", "-o", "now"]).code(0);
    let written = fs::read_to_string(place.path("out/manifest.json")).unwrap();
    // What a later version makes of the rest, nobody knows.
    let later = written
        .replacen("\"format_version\": 2", "\"format_version\": 3", 1)
        .replacen("\"counts\": {", "\"counts\": [], \"more\": {", 1);
    assert!(later.len() > written.len() && later.contains("\"format_version\": 3"));
    fs::write(place.path("out/manifest.json"), later).unwrap();
    let before = files(&place.path("out"));
    for more in [&[][..], &["--overwrite"]] {
        let ran = place.run(&[&RUN, more].concat()).code(1);
        ran.says("later Pomona").says("manifest.json");
    }
    for lookup in &LOOKUPS[..3] {
        place.pomona(*lookup).code(1).says("later Pomona");
    }
    place.pomona(["report", "out"]).code(1).says("later Pomona");
    assert_eq!(files(&place.path("out")), before);
}
