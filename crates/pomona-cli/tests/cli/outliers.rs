//! `pomona outliers`: the images that the components describe worst.

use std::fs;

use image::{ImageFormat, RgbImage};
use pomona_tests::images;

use crate::workplace::Workplace;

/// A run over 45 soft images and one of noise.
fn run() -> Workplace {
    let place = Workplace::new();
    images::write_folder(&place.path("images"), &["Apple Red", "Kiwi", "Quince"], 15);
    let mut state = 1_u32;
    let noise = RgbImage::from_fn(100, 100, |_, _| {
        image::Rgb([0; 3].map(|_: u8| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    });
    let noise = images::encode(&noise, ImageFormat::Png);
    fs::write(place.path("images/Kiwi/noise.png"), noise).unwrap();
    place.run(&["-i", "images", "-o", "out"]).code(0);
    place
}

#[test]
fn an_image_unlike_all_others_comes_first() {
    let place = run();
    let ran = place.pomona(["outliers", "--in", "out", "-n", "3", "--format", "csv"]);
    let csv = ran.code(0).stdout();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("path,label,error,unexplained,z_score"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 3);
    assert!(rows[0][0].ends_with("/Kiwi/noise.png"), "{csv}");
    let number = |row: usize, column: usize| rows[row][column].parse::<f64>().unwrap();
    assert!(number(0, 4) > 3.5, "{csv}");
    assert!((0.0..=1.0).contains(&number(0, 3)), "{csv}");
    assert!(
        number(0, 2) >= number(1, 2) && number(1, 2) >= number(2, 2),
        "{csv}"
    );
}

#[test]
fn errors_are_what_the_components_leave() {
    let place = run();
    // By scikit-learn's way: transform, transform back, and the squared distance.
    let sql = "
        CREATE TABLE m AS SELECT model FROM 'out/model/';
        CREATE TABLE z AS
        SELECT path, features, pca_transform(features, (SELECT model FROM m)) AS z FROM 'out/features/';
        CREATE TABLE back AS
        SELECT path, features,
               array_add((SELECT model['mean'] FROM m),
                 array_add(array_scale((SELECT model['components'][1] FROM m), z[1]),
                   array_add(array_scale((SELECT model['components'][2] FROM m), z[2]),
                             array_scale((SELECT model['components'][3] FROM m), z[3])))) AS x
        FROM z;
        SELECT path, power(array_distance(features, x), 2) AS error FROM back ORDER BY error DESC LIMIT 5";
    let expected = place.query(sql);
    let ran = place.pomona(["outliers", "--in", "out", "-n", "5", "--format", "csv"]);
    let found = ran.code(0).stdout();
    for (expected, found) in expected.lines().zip(found.lines()).skip(1) {
        let expected: Vec<&str> = expected.split(',').collect();
        let found: Vec<&str> = found.split(',').collect();
        assert_eq!(found[0], expected[0]);
        let (expected, found): (f64, f64) =
            (expected[1].parse().unwrap(), found[2].parse().unwrap());
        assert!((found / expected - 1.0).abs() < 1e-4, "{found} {expected}");
    }
}

#[test]
fn the_sql_that_is_shown_gives_the_same_rows() {
    let place = run();
    let sql = place
        .pomona(["outliers", "--in", "out", "--show-sql"])
        .code(0)
        .stdout();
    fs::write(place.path("shown.sql"), sql).unwrap();
    let rows = place
        .pomona(["outliers", "--in", "out", "--format", "csv"])
        .code(0)
        .stdout();
    let again = place.pomona(["sql", "-q", "--format", "csv", "-f", "shown.sql"]);
    assert_eq!(again.code(0).stdout(), rows);
    assert_eq!(rows.lines().count(), 21);
}
