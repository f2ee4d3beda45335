//! `pomona suspects`: labels that disagree with their neighbours.

use std::fs;

use pomona_tests::images;

use crate::workplace::Workplace;

/// A run over three labels of images that look alike, and two images of the first under
/// another label.
fn run() -> Workplace {
    let place = Workplace::new();
    fs::remove_dir_all(place.path("images")).unwrap();
    for (label, seed) in [("Apple Red", 1), ("Kiwi", 12), ("Pêche+Plate", 23)] {
        let folder = place.path("images").join(label);
        fs::create_dir_all(&folder).unwrap();
        for number in 0..8 {
            let image = images::png(seed, 100 + number, 100);
            fs::write(folder.join(format!("{number}.png")), image).unwrap();
        }
    }
    for number in [9, 10] {
        let image = images::png(1, 100 + number, 100);
        fs::write(
            place
                .path("images/Kiwi")
                .join(format!("wrong_{number}.png")),
            image,
        )
        .unwrap();
    }
    place.run(&["-i", "images", "-o", "out"]).code(0);
    place
}

#[test]
fn wrong_labels_come_first_with_the_right_ones() {
    let place = run();
    for by in ["pca", "features"] {
        let ran = place.pomona(["suspects", "--in", "out", "--by", by, "--format", "csv"]);
        let csv = ran.code(0).stdout();
        let mut lines = csv.lines();
        assert_eq!(
            lines.next(),
            Some("path,label,suggested,agreement,support,similarity")
        );
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
        assert_eq!(rows.len(), 2, "{csv}");
        for row in &rows {
            assert!(row[0].contains("/Kiwi/wrong_"), "{csv}");
            assert_eq!(row[1..3], ["Kiwi", "Apple Red"]);
            let agreement: f64 = row[3].parse().unwrap();
            let support: f64 = row[4].parse().unwrap();
            // The other wrong one is a neighbour that agrees.
            assert_eq!([agreement, support], [0.2, 0.8], "{csv}");
        }
    }
}

#[test]
fn few_images_have_few_neighbours() {
    let place = run();
    let ran = place.pomona([
        "suspects",
        "--in",
        "out",
        "--neighbours",
        "1000",
        "--format",
        "csv",
    ]);
    // All vote for all: the largest label wins everywhere else.
    let csv = ran.code(0).stdout();
    assert_eq!(
        csv.lines().filter(|line| line.contains(",Kiwi,")).count(),
        16,
        "{csv}"
    );
    let one = place.pomona([
        "suspects",
        "--in",
        "out",
        "--neighbours",
        "1",
        "-n",
        "1",
        "--format",
        "json",
    ]);
    assert!(one.code(0).stdout().matches("\"path\"").count() <= 1);
}

#[test]
fn the_sql_that_is_shown_gives_the_same_rows() {
    let place = run();
    let asked = ["suspects", "--in", "out", "--neighbours", "12"];
    let rows = place.same_rows_by_sql(&asked);
    assert!(rows.lines().count() > 2, "{rows}");
}
