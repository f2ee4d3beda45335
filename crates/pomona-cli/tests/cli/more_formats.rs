//! JPEG 2000 and JPEG XL, with the feature that reads them and without it.

use std::fs;

use serde_json::Value;

use crate::workplace::Workplace;

/// What `tests/pillow_more_formats.py` calls `image("RGB", (40, 30))`, in formats that hold it whole and in others.
fn place() -> Workplace {
    let place = Workplace::new();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/more_formats");
    fs::create_dir(place.path("more")).unwrap();
    for file in fs::read_dir(data).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), place.path("more").join(file.file_name())).unwrap();
    }
    place
}

/// A row of every file: its name, its error, and whether its features are those of the PNG.
fn rows(place: &Workplace, options: &str) -> Value {
    let sql = format!(
        "SET pomona.weights = '{}';
         CREATE EXTERNAL TABLE t STORED AS IMAGES LOCATION 'more' {options};
         SELECT split_part(path, '/more/', 2) AS name, image_error(content) AS error,
                try_mobilenet_v2(content) = (SELECT mobilenet_v2(content) FROM t WHERE path LIKE '%.png') AS same
         FROM t ORDER BY name",
        place.weights()
    );
    let ran = place.pomona(["sql", "-q", "--format", "json", "-c", &sql]);
    serde_json::from_str(&ran.code(0).stdout()).unwrap()
}

#[test]
#[cfg(feature = "more-formats")]
fn what_is_whole_is_read_and_what_is_lossy_is_refused() {
    let place = place();
    let rows = rows(&place, "");
    let lossy = "whose pixels would not be Pillow's";
    for (row, name, error) in [
        (0, "lossy.jp2", lossy),
        (1, "lossy.jxl", lossy),
        (2, "whole.jp2", ""),
        (3, "whole.jxl", ""),
        (4, "whole.png", ""),
    ] {
        let found = rows[row]["error"].as_str().unwrap_or_default();
        assert_eq!(rows[row]["name"], name, "{rows}");
        assert!(
            found.ends_with(error) && found.is_empty() == error.is_empty(),
            "{rows}"
        );
        assert_eq!(
            rows[row]["same"].as_bool(),
            error.is_empty().then_some(true),
            "{rows}"
        );
    }
}

#[test]
#[cfg(not(feature = "more-formats"))]
fn a_program_without_the_feature_names_it() {
    let place = place();
    // By their extensions they are no images.
    let known = rows(&place, "");
    assert_eq!(known.as_array().unwrap().len(), 1, "{known}");
    assert_eq!(known[0]["name"], "whole.png");
    // Where they are asked for, their error says what reads them.
    let all = rows(&place, "OPTIONS (glob '*.*')");
    assert_eq!(all.as_array().unwrap().len(), 5, "{all}");
    for (row, format) in [
        (0, "JPEG 2000"),
        (1, "JPEG XL"),
        (2, "JPEG 2000"),
        (3, "JPEG XL"),
    ] {
        let expected = format!(
            "{format} is not read by this program: build it with the Cargo feature `more-formats`"
        );
        let error = all[row]["error"].as_str().unwrap();
        assert!(error.starts_with(&expected), "{all}");
        assert!(all[row]["same"].is_null(), "{all}");
    }
}
