//! `pomona similar`: the nearest images of a run.

use std::fs;

use image::ImageFormat;
use pomona_tests::{broken, images, weights};

use crate::workplace::Workplace;

/// A run over the workplace's images and a near-duplicate of one of them under another label.
fn run() -> Workplace {
    let place = Workplace::new();
    let mut copy = images::draw(2, 100, 100);
    copy.get_pixel_mut(50, 50).0 = [0, 0, 0];
    let file = images::encode(&copy, ImageFormat::Png);
    fs::write(place.path("images/Kiwi/copy.png"), file).unwrap();
    place.run(&["-i", "images", "-o", "out"]).code(0);
    place
}

/// The rows of a look-up that gives path, label and similarity.
fn rows(csv: &str) -> Vec<(String, f64)> {
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("path,label,similarity"), "{csv}");
    lines
        .map(|line| {
            let mut values = line.split(',');
            let path = values.next().unwrap().rsplit_once("images/").unwrap().1;
            (path.to_string(), values.nth(1).unwrap().parse().unwrap())
        })
        .collect()
}

#[test]
fn a_near_duplicate_is_the_nearest_image() {
    let place = run();
    for by in ["features", "pca"] {
        let ran = place.pomona([
            "similar",
            "Apple Red/2.png",
            "--in",
            "out",
            "-n",
            "4",
            "--by",
            by,
            "--format",
            "csv",
        ]);
        let rows = rows(&ran.code(0).stdout());
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0].0, "Kiwi/copy.png");
        assert!(rows[0].1 > 0.99 && rows[0].1 < 1.0, "{rows:?}");
        assert!(rows.is_sorted_by(|a, b| a.1 >= b.1), "{rows:?}");
        assert!(rows.iter().all(|(path, _)| path != "Apple Red/2.png"));
    }
    let all = place.pomona([
        "similar",
        "Apple Red/2.png",
        "--in",
        "out",
        "-n",
        "99",
        "--format",
        "csv",
    ]);
    assert_eq!(rows(&all.code(0).stdout()).len(), 15);
}

#[test]
fn an_image_has_many_names() {
    let place = run();
    let path = place.path("images/Pêche+Plate/1.png");
    let path = path.to_str().unwrap();
    let url = format!("file://{path}");
    let encoded = url.replace('ê', "%C3%AA");
    let names = [
        "Pêche+Plate/1.png",
        "./images/Pêche+Plate/1.png",
        path,
        &url,
        &encoded,
    ];
    let answers = names.map(|name| {
        let ran = place.pomona(["similar", name, "--in", "out", "--format", "json"]);
        ran.code(0).stdout()
    });
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
}

#[test]
fn any_other_file_goes_through_the_network_of_the_run() {
    let place = run();
    fs::write(place.path("new.png"), images::png(12, 100, 100)).unwrap();
    for by in ["features", "pca"] {
        let ran = place.pomona([
            "similar", "new.png", "--in", "out", "--by", by, "--format", "csv",
        ]);
        let rows = rows(&ran.code(0).stdout());
        assert_eq!(rows.len(), 10);
        // The same pixels are there under this name.
        assert_eq!(rows[0].0, "Pêche+Plate/2.png");
        assert!(rows[0].1 > 0.999_999, "{rows:?}");
    }

    let other = place.path("other.safetensors");
    weights::write_random_of(&other, 8).unwrap();
    place
        .pomona([
            "similar",
            "new.png",
            "--in",
            "out",
            "--weights",
            "other.safetensors",
        ])
        .code(1)
        .says("other.safetensors")
        .says("sha256");
    fs::rename(place.weights(), place.path("moved.safetensors")).unwrap();
    place
        .pomona(["similar", "new.png", "--in", "out"])
        .code(1)
        .says("--weights FILE");
    place
        .pomona([
            "similar",
            "new.png",
            "--in",
            "out",
            "--weights",
            "moved.safetensors",
        ])
        .code(0);
    fs::rename(place.path("moved.safetensors"), place.weights()).unwrap();
    fs::write(place.path("broken.png"), &broken::corpus()[0].bytes).unwrap();
    place
        .pomona(["similar", "broken.png", "--in", "out"])
        .code(1)
        .says("not a readable image");
    fs::write(place.path("notes.txt"), "text").unwrap();
    place
        .pomona(["similar", "notes.txt", "--in", "out"])
        .code(1)
        .says("notes.txt");
}

#[test]
fn the_sql_that_is_shown_gives_the_same_rows() {
    let place = run();
    fs::write(place.path("it's new.png"), images::png(12, 100, 100)).unwrap();
    for image in ["Apple Red/2.png", "it's new.png"] {
        for by in ["features", "pca"] {
            let asked = ["similar", image, "--in", "out", "--by", by];
            let rows = place.same_rows_by_sql(&asked);
            assert_eq!(rows.lines().count(), 11);
        }
    }
}

#[test]
fn mistakes_name_the_candidates() {
    let place = run();
    place
        .pomona(["similar", "1.png", "--in", "out"])
        .code(1)
        .says("any of 3 images")
        .says("Apple Red/1.png")
        .says("Kiwi/1.png");
    place
        .pomona(["similar", "Kivi/1.png", "--in", "out"])
        .code(1)
        .says("Kiwi/1.png");
    // From another folder, by a path that leads up.
    fs::create_dir(place.path("elsewhere")).unwrap();
    let ran = place
        .command(["similar", "Kiwi/1.png", "--in", "../out"])
        .current_dir(place.path("elsewhere"))
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    place
        .pomona(["similar", "Kiwi/1.png", "--in", "images"])
        .code(1)
        .says("holds no finished run");
    place
        .pomona(["similar", "Kiwi/1.png", "--in", "out", "-n", "0"])
        .code(2);
    place.pomona(["similar", "Kiwi/1.png"]).code(2).says("--in");
}
