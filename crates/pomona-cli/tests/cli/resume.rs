//! `pomona run` again on the same output: what is there is not computed again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use pomona_tests::{images, weights};
use serde_json::Value;

use crate::workplace::Workplace;

/// Files of features of the sizes that such few images make are large enough to stay.
const RUN: [&str; 6] = ["-i", "images", "-o", "out", "--file-size", "4k"];

#[test]
fn where_nothing_changed_everything_stays_as_it_is() {
    let place = Workplace::new();
    place.run(&RUN).code(0);
    assert_eq!(counts(&place), (15, 0, 15));
    let before = files(&place.path("out"));
    place.run(&RUN).code(0).says("nothing has changed");
    assert_eq!(files(&place.path("out")), before);

    // Other components are another model of the same features: nothing is computed.
    place.run(&[&RUN[..], &["-k", "4"]].concat()).code(0);
    assert_eq!(counts(&place), (15, 15, 0));
    let after = files(&place.path("out"));
    let features = |files: &BTreeMap<String, SystemTime>| -> Vec<_> {
        files
            .iter()
            .filter(|(path, _)| path.starts_with("features/"))
            .map(|(path, time)| (path.clone(), *time))
            .collect()
    };
    assert_eq!(features(&after), features(&before));
    assert_consistent(&place);
    // A result that is gone is made again.
    for folder in ["pca/csv/", "metadata/parquet/"] {
        let there = files(&place.path("out"));
        let gone = there.keys().find(|path| path.starts_with(folder));
        fs::remove_file(place.path("out").join(gone.unwrap())).unwrap();
        place.run(&[&RUN[..], &["-k", "4"]].concat()).code(0);
        assert_eq!(counts(&place), (15, 15, 0));
        assert_consistent(&place);
    }
}

#[test]
fn images_are_added_changed_and_removed() {
    let place = Workplace::new();
    place.run(&RUN).code(0);
    let before = files(&place.path("out"));
    place.query(
        "COPY (SELECT path, e_tag, features FROM 'out/features/') TO 'old.parquet' STORED AS PARQUET",
    );
    place.query("COPY (SELECT * FROM 'out/moments/') TO 'moments.parquet' STORED AS PARQUET");

    fs::write(place.path("images/Kiwi/new.png"), images::png(90, 80, 70)).unwrap();
    place.run(&RUN).code(0);
    assert_eq!(counts(&place), (16, 15, 1));
    assert_consistent(&place);
    // The files of the first run are where they were.
    let after = files(&place.path("out"));
    for (path, time) in before
        .iter()
        .filter(|(path, _)| path.starts_with("features/"))
    {
        assert_eq!(after.get(path), Some(time), "{path}");
    }

    fs::write(place.path("images/Kiwi/0.png"), images::png(91, 101, 99)).unwrap();
    fs::remove_file(place.path("images/Kiwi/1.png")).unwrap();
    place.run(&RUN).code(0);
    assert_eq!(counts(&place), (16, 15, 1));
    assert_consistent(&place);
    let changed =
        "SELECT count(*) AS n FROM 'old.parquet' AS a JOIN 'out/features/' AS b USING (path)
                   WHERE a.e_tag <> b.e_tag AND a.features <> b.features";
    assert_eq!(place.query(changed), "n\n1\n");
    let width = "SELECT width FROM 'out/metadata/parquet/' WHERE path LIKE '%Kiwi/0.png'";
    assert_eq!(place.query(width), "width\n101\n");

    // The moments of the first run, brought up to date in SQL, are those of the refit.
    let drift = "
        WITH old AS (SELECT a.features FROM 'old.parquet' AS a LEFT JOIN 'out/features/' AS b
                     ON a.path = b.path AND a.e_tag = b.e_tag WHERE b.path IS NULL),
        added AS (SELECT b.features FROM 'out/features/' AS b LEFT JOIN 'old.parquet' AS a
                  ON a.path = b.path AND a.e_tag = b.e_tag WHERE a.path IS NULL),
        merged AS (SELECT pca_merge(moments) AS moments FROM
                   (SELECT moments FROM 'moments.parquet' UNION ALL SELECT pca_moments(features) FROM added)),
        updated AS (SELECT pca_solve(pca_subtract(moments, (SELECT pca_moments(features) FROM old)), 3) AS model FROM merged),
        both AS (SELECT unnest(array_slice(u.model['explained_variance'], 1, 10)) AS ours,
                        unnest(array_slice(r.model['explained_variance'], 1, 10)) AS theirs
                 FROM updated AS u, 'out/model/' AS r)
        SELECT count(*) AS n, max(abs(ours / theirs - 1)) <= 1e-9 AS same FROM both";
    assert_eq!(place.query(drift), "n,same\n10,true\n");

    // The row of the image that is gone stays until it is pruned.
    let gone = "SELECT count(*) AS n FROM 'out/features/' WHERE path LIKE '%Kiwi/1.png'";
    assert_eq!(place.query(gone), "n\n1\n");
    place.run(&[&RUN[..], &["--prune"]].concat()).code(0);
    assert_eq!(counts(&place), (15, 15, 0));
    assert_eq!(place.query(gone), "n\n0\n");
    assert_consistent(&place);

    // All is as if it had been computed at once.
    place.run(&["-i", "images", "-o", "fresh"]).code(0);
    assert_alike(&place, "fresh", "out");
}

#[test]
fn filters_add_up_and_errors_are_tried_again() {
    let place = Workplace::new();
    let filtered = |filter: &'static str| ["-i", "images", "-o", "out", "--filter", filter];
    fs::write(place.path("images/Kiwi/bad.png"), "no image").unwrap();
    place.run(&filtered("label = 'Apple Red'")).code(0);
    place.run(&filtered("label = 'Kiwi'")).code(3);
    assert_eq!(counts(&place), (11, 5, 6));
    assert_consistent(&place);

    // A bad image that stays bad changes nothing; repaired, it has features.
    let before = files(&place.path("out"));
    place
        .run(&filtered("label = 'Kiwi'"))
        .code(3)
        .says("nothing has changed");
    assert_eq!(files(&place.path("out")), before);
    fs::write(place.path("images/Kiwi/bad.png"), images::png(77, 60, 60)).unwrap();
    place.run(&RUN).code(0);
    assert_eq!(counts(&place), (16, 10, 6));
    assert_consistent(&place);
    let errors = fs::read_to_string(place.path("out/errors/errors.csv")).unwrap();
    assert_eq!(errors.trim(), "path,label,error");
}

#[test]
fn what_cannot_be_continued_is_refused() {
    let place = Workplace::new();
    place.run(&RUN).code(0);
    let before = files(&place.path("out"));

    let other = place.path("other.safetensors");
    weights::write_random(&other).unwrap();
    let mut bytes = fs::read(&other).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&other, bytes).unwrap();
    let changed = ["run", "-k", "3", "--weights", "other.safetensors"];
    place
        .pomona(changed.iter().chain(&RUN))
        .code(1)
        .says("--overwrite");
    assert_eq!(files(&place.path("out")), before);

    let manifest = fs::read(place.path("out/manifest.json")).unwrap();
    fs::write(place.path("out/manifest.json"), "{").unwrap();
    // What it named is not known, so nothing may be overwritten.
    for more in [&[][..], &["--overwrite"]] {
        let ran = place.run(&[&RUN, more].concat());
        ran.code(1)
            .says("manifest.json")
            .says("move what is there away");
    }
    fs::write(place.path("out/manifest.json"), manifest).unwrap();

    let parquet = before.keys().find(|path| path.starts_with("features/"));
    fs::remove_file(place.path("out").join(parquet.unwrap())).unwrap();
    place.run(&RUN).code(1).says(parquet.unwrap());
    place
        .pomona(changed.iter().chain(&RUN).chain(&["--overwrite"]))
        .code(0);
    assert_eq!(counts(&place), (15, 0, 15));
    assert_consistent(&place);
}

/// Changes the byte in the middle of a file, and nothing else.
pub fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// A byte of a vector is another, and the file as long as it was: only its sha256 shows that.
#[test]
fn features_with_other_bytes_are_not_continued() {
    let place = Workplace::new();
    place.run(&RUN).code(0);
    let published = files(&place.path("out"));
    let parquet = published.keys().find(|path| path.starts_with("features/"));
    let parquet = place.path("out").join(parquet.unwrap());
    let intact = fs::read(&parquet).unwrap();
    flip(&parquet);

    let pca = files(&place.path("out/pca"));
    fs::write(place.path("images/Kiwi/new.png"), images::png(77, 90, 90)).unwrap();
    let name = parquet.file_name().unwrap().to_str().unwrap().to_string();
    place.run(&RUN).code(1).says(&name).says("--integrity");
    assert_eq!(files(&place.path("out/pca")), pca);

    // What was computed meanwhile is kept.
    fs::write(&parquet, intact).unwrap();
    place.run(&RUN).code(0);
    assert_eq!(counts(&place), (16, 16, 0));
    place.pomona(["verify", "out", "--integrity"]).code(0);
}

/// Images, reused and computed, as the manifest has them.
pub fn counts(place: &Workplace) -> (u64, u64, u64) {
    let manifest = manifest(place, "out");
    let count = |name: &str| manifest["counts"][name].as_u64().unwrap();
    (count("images"), count("reused"), count("computed"))
}

/// That the manifest names all files there are, and that each table has a row an image.
#[track_caller]
pub fn assert_consistent(place: &Workplace) {
    let manifest = manifest(place, "out");
    let named: BTreeMap<String, u64> = manifest["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let path = file["path"].as_str().unwrap().to_string();
            (path, file["bytes"].as_u64().unwrap())
        })
        .collect();
    let there: BTreeMap<String, u64> = files(&place.path("out"))
        .into_keys()
        .filter(|path| path != "manifest.json")
        .map(|path| {
            let bytes = fs::metadata(place.path("out").join(&path)).unwrap().len();
            (path, bytes)
        })
        .collect();
    assert_eq!(named, there);
    let images = &manifest["counts"]["images"];
    let features = &manifest["counts"]["features"];
    let sql = "SELECT (SELECT count(DISTINCT path) FROM 'out/features/') AS paths,
                      (SELECT count(*) FROM 'out/features/') AS rows,
                      (SELECT count(DISTINCT path) FROM 'out/metadata/parquet/') AS known,
                      (SELECT count(*) FROM 'out/metadata/parquet/') AS metadata,
                      (SELECT count(*) FROM 'out/pca/parquet/') AS pca,
                      (SELECT max(moments['count']) FROM 'out/moments/') AS moments,
                      (SELECT count(*) FROM 'out/model/') AS models";
    assert_eq!(
        place.query(sql).lines().nth(1).unwrap(),
        format!("{images},{images},{images},{images},{features},{features},1")
    );
    // The model is that of the features that are there.
    let model = "WITH both AS (SELECT unnest(array_slice(f.model['explained_variance'], 1, 3)) AS ours,
                                      unnest(array_slice(m.model['explained_variance'], 1, 3)) AS theirs
                               FROM (SELECT pca_fit(features, 3) AS model FROM 'out/features/') AS f,
                                    'out/model/' AS m)
                 SELECT count(*) AS n, max(abs(ours / theirs - 1)) <= 1e-9 AS same FROM both";
    assert_eq!(place.query(model), "n,same\n3,true\n");
}

/// That two outputs hold the same rows, with features to 1e-5: how the network rounds depends on
/// the images that it sees together.
#[track_caller]
pub fn assert_alike(place: &Workplace, a: &str, b: &str) {
    let rows = |output: &str| {
        let sql =
            format!("SELECT path, label, e_tag, error FROM '{output}/features/' ORDER BY path");
        let metadata = format!("SELECT * FROM '{output}/metadata/parquet/' ORDER BY path");
        (place.query(&sql), place.query(&metadata))
    };
    assert_eq!(rows(a), rows(b));
    let difference = format!(
        "SELECT max(abs(ours - theirs)) <= 1e-5 AS same FROM (
             SELECT unnest(a.features) AS ours, unnest(b.features) AS theirs
             FROM '{a}/features/' AS a JOIN '{b}/features/' AS b USING (path))"
    );
    assert_eq!(place.query(&difference), "same\ntrue\n");
}

/// That two outputs of equal chunks hold the same: rows and features bit for bit, the model to 1e-9.
#[track_caller]
pub fn assert_same(place: &Workplace, a: &str, b: &str) {
    let rows = |output: &str| {
        let sql = format!(
            "SELECT path, label, e_tag, error, array_to_string(features, ' ') AS features FROM '{output}/features/' ORDER BY path"
        );
        let metadata = format!("SELECT * FROM '{output}/metadata/parquet/' ORDER BY path");
        (place.query(&sql), place.query(&metadata))
    };
    assert_eq!(rows(a), rows(b));
    let variances = |output: &str| -> Vec<f64> {
        let info = fs::read(place.path(output).join("model_info.json")).unwrap();
        let info: Value = serde_json::from_slice(&info).unwrap();
        let variances = info["explained_variance"].as_array().unwrap();
        variances.iter().map(|v| v.as_f64().unwrap()).collect()
    };
    for (a, b) in variances(a).iter().zip(variances(b)) {
        assert!((a / b - 1.0).abs() <= 1e-9, "{a} {b}");
    }
    let components = format!(
        "WITH both AS (SELECT unnest(flatten(a.model['components'])) AS ours,
                              unnest(flatten(b.model['components'])) AS theirs
                       FROM '{a}/model/' AS a, '{b}/model/' AS b)
         SELECT count(*) AS n, max(abs(ours - theirs)) <= 1e-9 AS same FROM both"
    );
    assert_eq!(place.query(&components), "n,same\n3840,true\n");
}

pub fn manifest(place: &Workplace, output: &str) -> Value {
    let json = fs::read(place.path(output).join("manifest.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

/// Every file below a folder, with the time of its last change.
pub fn files(folder: &Path) -> BTreeMap<String, SystemTime> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(&below).into_iter().flatten().flatten() {
            let path = entry.path();
            // Other processes move files while this looks.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                found.insert(name.to_string(), metadata.modified().unwrap());
            }
        }
    }
    found
}
