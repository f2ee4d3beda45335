//! `pomona verify`: results against others, of Pomona, Spark and Keras.

use std::fs;

use pomona_tests::reference_data::reference_data;
use pomona_tests::weights;

use crate::resume::{files, manifest};
use crate::spark::{Form, Rows, elsewhere, read, write};
use crate::workplace::Workplace;

fn run() -> Workplace {
    let place = Workplace::new();
    place.run(&["-i", "images", "-o", "out"]).code(0);
    place
}

/// The rows of `pomona verify --format csv`, a column each by name.
struct Verdicts(Vec<Vec<String>>);

impl Verdicts {
    fn of(csv: &str) -> Self {
        let rows = csv
            .lines()
            .map(|line| line.split(',').map(str::to_string).collect());
        Self(rows.collect())
    }

    #[track_caller]
    fn text(&self, column: &str, name: &str) -> &str {
        let place = self.0[0].iter().position(|header| header == name).unwrap();
        &self.0.iter().find(|row| row[0] == column).unwrap()[place]
    }

    #[track_caller]
    fn number(&self, column: &str, name: &str) -> f64 {
        self.text(column, name).parse().unwrap()
    }
}

/// The rows with the paths that a cluster would have given them.
fn moved(rows: &Rows, change: impl Fn(&mut Vec<f64>)) -> Rows {
    let rows = rows.iter().map(|(path, vector)| {
        let mut vector = vector.clone();
        change(&mut vector);
        (elsewhere(path), vector)
    });
    rows.collect()
}

#[test]
fn two_runs_of_the_same_are_equal() {
    let place = run();
    place
        .run(&["-i", "images", "-o", "again", "--partitions", "1"])
        .code(0);
    let ran = place
        .pomona(["verify", "out", "--against", "again", "--format", "csv"])
        .code(0);
    let verdicts = Verdicts::of(&ran.stdout());
    for column in ["features", "pca"] {
        assert_eq!(verdicts.text(column, "verdict"), "equal");
        assert_eq!(verdicts.number(column, "rows"), 15.0);
        assert!(verdicts.number(column, "max_difference") < 1e-5);
        assert!(verdicts.number(column, "min_cosine") > 0.999_999);
        for name in ["only_here", "only_there", "duplicates"] {
            assert_eq!(verdicts.number(column, name), 0.0);
        }
    }
    assert_eq!(ran.stderr(), "");
}

#[test]
fn other_weights_differ() {
    let place = run();
    let other = place.path("other.safetensors");
    weights::write_random_of(&other, 8).unwrap();
    place
        .pomona([
            "run",
            "-i",
            "images",
            "-o",
            "other",
            "-k",
            "3",
            "--weights",
            "other.safetensors",
        ])
        .code(0);
    let ran = place
        .pomona(["verify", "out", "--against", "other", "--format", "csv"])
        .code(1);
    let verdicts = Verdicts::of(&ran.stdout());
    assert_eq!(verdicts.text("features", "verdict"), "differs");
    assert!(verdicts.number("features", "max_difference") > 1e-3);
    // With a tolerance that lets everything pass they count as equal.
    place
        .pomona([
            "verify",
            "out",
            "--against",
            "other",
            "--tolerance",
            "1e6",
            "--pca-tolerance",
            "1e6",
        ])
        .code(0);
}

#[test]
fn the_numbers_are_those_of_the_vectors() {
    let place = run();
    let rows = read(&place.path("out/features"), "features");
    let mut other = moved(&rows, |_| ());
    // One number of 15 x 1280 is off by a half.
    other[3].1[7] += 0.5;
    write(&place.path("spark"), "features", Form::Array, &other);
    let ran = place
        .pomona(["verify", "out", "--against", "spark", "--format", "csv"])
        .code(1);
    let verdicts = Verdicts::of(&ran.stdout());
    let close = |name, expected: f64| {
        let found = verdicts.number("features", name);
        assert!(
            (found - expected).abs() < 1e-6,
            "{name}: {found} {expected}"
        );
    };
    close("max_difference", 0.5);
    close("mean_difference", 0.5 / (15.0 * 1280.0));
    close("p99_9_difference", 0.0);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (a, b) = (&rows[3].1, &other[3].1);
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    close("min_cosine", cosine);
    close("mean_cosine", (14.0 + cosine) / 15.0);
}

#[test]
fn components_of_mllib_are_equal_but_for_sign_and_centre() {
    let place = run();
    let rows = read(&place.path("out/pca/parquet"), "pca");
    for form in [Form::Array, Form::Dense, Form::Sparse] {
        for offset in [0.0, 5.0] {
            let other = moved(&rows, |vector| {
                for (component, value) in vector.iter_mut().enumerate() {
                    *value += offset * (component as f64 + 1.0);
                }
                vector[1] = -vector[1];
            });
            let folder = format!("spark_{form:?}_{offset}");
            write(&place.path(&folder), "pcaFeatures", form, &other);
            let ran = place
                .pomona(["verify", "out", "--against", &folder, "--format", "csv"])
                .code(0);
            let verdicts = Verdicts::of(&ran.stdout());
            let remark = verdicts.text("pca", "remark");
            assert!(remark.contains("1 with the other sign"), "{remark}");
            assert_eq!(
                remark.contains("not centred there"),
                offset > 0.0,
                "{remark}"
            );
            assert!(verdicts.number("pca", "max_difference") < 1e-6);
            assert!(verdicts.number("pca", "min_cosine") > 0.999_999);
            ran.says("features are in out alone");
        }
    }
    // The first components of fewer are compared; a difference is one whatever the sign.
    let two = moved(&rows, |vector| vector.truncate(2));
    write(&place.path("two"), "pca_features", Form::Dense, &two);
    let ran = place
        .pomona(["verify", "out", "--against", "two", "--format", "csv"])
        .code(0);
    assert!(ran.stdout().contains("2 components"));
    let off = moved(&rows, |vector| vector[2] *= 1.01);
    write(&place.path("off"), "pca", Form::Dense, &off);
    place
        .pomona(["verify", "out", "--against", "off"])
        .code(1)
        .says("beyond the tolerance in 1 of 3 components: 3");
}

#[test]
fn components_of_near_variances_may_have_turned() {
    let place = Workplace::new();
    let circle = |turn: f64| -> Rows {
        let rows = (0..12).map(|i| {
            let angle = f64::from(i) * std::f64::consts::TAU / 12.0;
            (
                format!("a/b/{i}.png"),
                vec![(angle + turn).cos(), (angle + turn).sin()],
            )
        });
        rows.collect()
    };
    write(&place.path("one"), "pca", Form::Array, &circle(0.0));
    write(&place.path("other"), "pca", Form::Array, &circle(0.3));
    place
        .pomona(["verify", "one", "--against", "other"])
        .code(1)
        .says("turn these components into each other: 1 and 2");
}

#[test]
fn images_that_are_missing_or_twice_count_unless_they_may() {
    let place = run();
    let rows = read(&place.path("out/features"), "features");
    let mut other = moved(&rows, |_| ());
    other.remove(0);
    other.push(other[4].clone());
    other.push((
        "hdfs://namenode/images/Kiwi/new.png".to_string(),
        other[4].1.clone(),
    ));
    write(&place.path("spark"), "features", Form::Dense, &other);
    let verify = ["verify", "out", "--against", "spark", "--format", "csv"];
    let ran = place
        .pomona(verify)
        .code(1)
        .says("1 image not in --against: images/Apple Red/0.png")
        .says("1 image in --against alone: images/Kiwi/new.png")
        .says("1 image there several times");
    let verdicts = Verdicts::of(&ran.stdout());
    assert_eq!(verdicts.number("features", "rows"), 13.0);
    for name in ["only_here", "only_there", "duplicates"] {
        assert_eq!(verdicts.number("features", name), 1.0);
    }
    place
        .pomona(verify.iter().chain(&["--allow-missing"]))
        .code(0);
}

#[test]
fn paths_are_matched_by_as_many_parts_as_are_asked_for() {
    let place = run();
    let rows = read(&place.path("out/features"), "features");
    let other: Rows = moved(&rows, |_| ())
        .into_iter()
        .map(|(path, vector)| (path.replace("/data/images/", "/data/training/"), vector))
        .collect();
    write(&place.path("spark"), "features", Form::Array, &other);
    place
        .pomona(["verify", "out", "--against", "spark"])
        .code(1)
        .says("15 images not in --against")
        .says("training/Apple Red/0.png");
    // A minimum of nothing allowed to be missing is no match either.
    place
        .pomona(["verify", "out", "--against", "spark", "--allow-missing"])
        .code(1);
    place
        .pomona(["verify", "out", "--against", "spark", "--path-parts", "2"])
        .code(0);
}

#[test]
fn columns_can_be_named_and_mistakes_list_them() {
    let place = run();
    let rows = read(&place.path("out/features"), "features");
    write(
        &place.path("spark"),
        "output",
        Form::Array,
        &moved(&rows, |_| ()),
    );
    let verify = ["verify", "out", "--against", "spark"];
    place
        .pomona(verify)
        .code(1)
        .says("nothing to compare")
        .says("'out' has features and pca")
        .says("output List");
    place
        .pomona(verify.iter().chain(&["--features-column", "output"]))
        .code(0);
    place
        .pomona(verify.iter().chain(&["--features-column", "none"]))
        .code(1)
        .says("no column 'none'")
        .says("output List");
    place
        .pomona(["verify", "out", "--against", "nowhere"])
        .code(1)
        .says("no Parquet files in 'nowhere'");
    place.pomona(["verify", "out"]).code(2);
    place
        .pomona(["verify", "out", "--against", "out", "--tolerance", "-1"])
        .code(2);
    // One column of two, and results against themselves.
    let ran = place.pomona([
        "verify",
        "out",
        "--against",
        "out",
        "--column",
        "pca",
        "--format",
        "csv",
    ]);
    assert_eq!(ran.code(0).stdout().lines().count(), 2);
}

#[test]
fn the_sql_that_is_shown_gives_the_same_rows() {
    let place = run();
    let rows = read(&place.path("out/pca/parquet"), "pca");
    let other = moved(&rows, |vector| vector[0] = 3.0 - vector[0]);
    write(&place.path("spark"), "pca", Form::Sparse, &other);
    for against in ["out", "spark"] {
        let asked = ["verify", "out", "--against", against];
        place.same_rows_by_sql(&asked);
    }
}

#[test]
fn real_features_are_those_of_keras() {
    let Some(data) = reference_data() else {
        return;
    };
    let place = Workplace::new();
    let golden = data.join("golden/keras_features.parquet");
    let below = data.join("fruits360");
    let names = place.query(&format!(
        "SELECT '{}/' || path AS path FROM '{}'",
        below.display(),
        golden.display()
    ));
    for path in names.lines().skip(1) {
        let end = path.rsplit_once("/Training/").unwrap().1;
        let copy = place.path("real/Training").join(end);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(path, copy).unwrap();
    }
    let weights = data.join("models/mobilenet_v2_1.0_224.safetensors");
    place
        .pomona([
            "run",
            "-q",
            "-i",
            "real",
            "-o",
            "keras",
            "--weights",
            weights.to_str().unwrap(),
        ])
        .code(0);
    let verify = [
        "verify",
        "keras",
        "--against",
        golden.to_str().unwrap(),
        "--format",
        "csv",
    ];
    place
        .pomona(verify)
        .code(1)
        .says("several columns")
        .says("features_0_35")
        .says("--features-column");
    let ran = place
        .pomona(verify.iter().chain(&["--features-column", "features_1_0"]))
        .code(0);
    let verdicts = Verdicts::of(&ran.stdout());
    assert_eq!(verdicts.number("features", "rows"), 114.0);
    let largest = verdicts.number("features", "max_difference");
    eprintln!("largest difference from Keras {largest:.2e}");
    assert!(largest > 1e-6 && largest < 1e-4, "{largest}");
    let other = place.pomona(verify.iter().chain(&["--features-column", "features_0_35"]));
    other.code(1);
}

#[test]
fn integrity_names_what_is_not_as_it_was_published() {
    let place = run();
    let intact = ["verify", "out", "--integrity", "--format", "csv"];
    let ran = place.pomona(intact).code(0);
    assert_eq!(ran.stdout(), "");
    let named = files(&place.path("out")).len() - 1;
    let says = format!("{named} of {named} files of out are as manifest.json names them");
    assert!(ran.stderr().contains(&says), "{}", ran.stderr());

    let one = |folder: &str| {
        let path = files(&place.path("out").join(folder)).into_keys().next();
        format!("{folder}/{}", path.unwrap())
    };
    let (flipped, cut, gone) = (one("features"), one("model"), one("moments"));
    let edit = |path: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(place.path("out").join(path)).unwrap();
        change(&mut bytes);
        fs::write(place.path("out").join(path), bytes).unwrap();
    };
    // One bit, which the reader of Parquet may never look at.
    edit(&flipped, &|bytes| bytes[1000] ^= 1);
    edit(&cut, &|bytes| bytes.truncate(100));
    fs::remove_file(place.path("out").join(&gone)).unwrap();
    fs::write(place.path("out/pca/parquet/mine.parquet"), "mine").unwrap();
    let ran = place.pomona(intact).code(1);
    let rows = ran.stdout();
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!((rows[0], rows.len()), ("path,finding", 5), "{rows:?}");
    for (path, finding) in [
        (flipped.as_str(), "has sha256 "),
        (&cut, "has 100 bytes, and manifest.json names "),
        (&gone, "is missing"),
        ("pca/parquet/mine.parquet", "is not named by manifest.json"),
    ] {
        let row = rows.iter().find(|row| row.starts_with(path)).unwrap();
        assert!(row.contains(finding), "{row}");
    }

    // The manifests of earlier versions have no sha256.
    let place = run();
    let mut manifest = manifest(&place, "out");
    for file in manifest["files"].as_array_mut().unwrap() {
        file.as_object_mut().unwrap().remove("sha256").unwrap();
    }
    fs::write(place.path("out/manifest.json"), manifest.to_string()).unwrap();
    place.pomona(intact).code(0).says("their lengths alone");
    // The next run that publishes reads them all.
    place.run(&["-i", "images", "-o", "out", "-k", "4"]).code(0);
    let ran = place.pomona(intact).code(0);
    assert!(!ran.stderr().contains("their lengths"), "{}", ran.stderr());
}

#[test]
fn files_beside_those_of_a_run_are_not_compared() {
    let place = run();
    place.run(&["-i", "images", "-o", "again"]).code(0);
    // As an interrupted publication of an earlier version left them.
    let features = place.path("again/features");
    let name = files(&features).into_keys().next().unwrap();
    fs::copy(features.join(name), features.join("copy.parquet")).unwrap();
    for against in ["again", "again/features", "again/features/"] {
        let ran = place.pomona(["verify", "out", "--against", against, "--format", "csv"]);
        let verdicts = Verdicts::of(&ran.code(0).stdout());
        assert_eq!(verdicts.number("features", "rows"), 15.0);
        assert_eq!(verdicts.number("features", "duplicates"), 0.0);
    }
}
