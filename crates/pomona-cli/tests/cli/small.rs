//! Folders of few images.

use std::fs;

use crate::workplace::Workplace;

/// Runs with the defaults of the options, as the README has it.
fn run(place: &Workplace, more: &[&str]) -> crate::workplace::Ran {
    let line = [
        "run",
        "-i",
        "few",
        "-o",
        "out",
        "--weights",
        place.weights(),
    ];
    place.pomona([&line, more].concat())
}

fn few(place: &Workplace, count: usize) {
    fs::create_dir(place.path("few")).unwrap();
    for number in 0..count {
        let from = place.path(&format!("images/Kiwi/{number}.png"));
        fs::copy(from, place.path(&format!("few/{number}.png"))).unwrap();
    }
}

#[test]
fn there_are_as_many_components_as_there_can_be() {
    let place = Workplace::new();
    few(&place, 4);
    run(&place, &[]).code(0).says("4 components");
    let length = "SELECT DISTINCT array_length(pca) AS k FROM 'out/pca/parquet/'";
    assert_eq!(place.query(length), "k\n4\n");
    run(&place, &[]).code(0).says("nothing has changed");
    // What is asked for is refused where it cannot be, before anything is computed.
    run(&place, &["-k", "5"]).code(1).says("at most 4");
}

#[test]
fn one_image_has_features_and_no_components() {
    let place = Workplace::new();
    few(&place, 1);
    run(&place, &[])
        .code(0)
        .says("principal components need two");
    assert_eq!(
        place.query("SELECT count(features) AS n FROM 'out/features/'"),
        "n\n1\n"
    );
    for there in [
        "metadata/csv/metadata.csv",
        "errors/errors.csv",
        "stats/stats.csv",
    ] {
        assert!(place.path("out").join(there).is_file(), "{there}");
    }
    for absent in ["pca", "model", "moments", "model_info.json", "report.html"] {
        assert!(!place.path("out").join(absent).exists(), "{absent}");
    }
    run(&place, &[]).code(0).says("nothing has changed");
    for question in [
        &["report", "out"][..],
        &["outliers", "--in", "out"],
        &["suspects", "--in", "out", "--by", "pca"],
        &["similar", "few/0.png", "--in", "out", "--by", "pca"],
    ] {
        let ran = place.pomona(question).code(1);
        ran.says("'out' has no principal components: they need two images with features");
    }
    // Another image makes two.
    fs::copy(place.path("images/Kiwi/1.png"), place.path("few/1.png")).unwrap();
    run(&place, &[]).code(0).says("2 components");
    assert!(place.path("out/report.html").is_file());
}
