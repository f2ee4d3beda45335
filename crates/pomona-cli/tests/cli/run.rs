//! `pomona run`: outputs, messages, exit codes.

use std::fs;
use std::path::Path;

use pomona_tests::broken;

use crate::workplace::Workplace;

#[test]
fn a_run_writes_every_output() {
    let place = Workplace::new();
    place
        .run(&["--input", "images", "--output", "out"])
        .code(0)
        .says("15 images");

    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(place.path("out/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["counts"]["features"], 15);
    assert_eq!(manifest["counts"]["errors"], 0);
    for file in manifest["files"].as_array().unwrap() {
        let path = place.path("out").join(file["path"].as_str().unwrap());
        assert_eq!(
            fs::metadata(&path).unwrap().len(),
            file["bytes"].as_u64().unwrap(),
            "{path:?}"
        );
    }
    let info: serde_json::Value =
        serde_json::from_slice(&fs::read(place.path("out/model_info.json")).unwrap()).unwrap();
    assert_eq!(info["n_samples"], 15);
    assert_eq!(info["explained_variance"].as_array().unwrap().len(), 3);
    assert!(!place.path("out/_temporary").exists());

    let csv = |name| fs::read_to_string(place.path("out").join(name)).unwrap();
    assert_eq!(csv("pca/csv/pca.csv").lines().count(), 16);
    assert_eq!(
        csv("metadata/csv/metadata.csv").lines().next(),
        Some("path,label,length,modification_time,width,height,format")
    );
    assert_eq!(csv("stats/stats.csv").lines().count(), 4);
    assert_eq!(csv("errors/errors.csv").trim(), "path,label,error");

    let sql = "SELECT count(*) AS n, count(DISTINCT path) AS paths, min(array_length(pca)) AS k FROM 'out/pca/parquet/'";
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-c", sql])
        .code(0);
    assert_eq!(ran.stdout(), "n,paths,k\n15,15,3\n");
}

#[test]
fn filter_and_limit_choose_the_images() {
    let place = Workplace::new();
    place
        .run(&[
            "-i",
            "images",
            "-o",
            "out",
            "--filter",
            "label LIKE 'Pêche%'",
            "--limit",
            "4",
        ])
        .code(0);
    let sql = "SELECT DISTINCT label FROM 'out/features/'";
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-c", sql])
        .code(0);
    assert_eq!(ran.stdout(), "label\nPêche+Plate\n");
    place
        .run(&["-i", "images", "-o", "other", "--filter", "label LIKE"])
        .code(2);
    place
        .run(&["-i", "images", "-o", "other", "--filter", "label = 'none'"])
        .code(1)
        .says("no image found in 'images' where label = 'none'");
}

#[test]
fn an_input_is_whatever_a_table_reads() {
    let place = Workplace::new();
    let label = "SELECT DISTINCT label FROM 'out/features/' ORDER BY label";
    place.run(&["-i", "images/*/[12].png", "-o", "out"]).code(0);
    let count = "SELECT count(*) AS n FROM 'out/features/'";
    assert_eq!(place.query(count), "n\n6\n");
    assert_eq!(place.query(label), "label\nApple Red\nKiwi\nPêche+Plate\n");

    // A file, and then the folder that it is in: the file is not computed again.
    let paths = "SELECT count(*) AS n FROM 'one/features/'";
    let one = |input: &str| {
        let run = [
            "run",
            "--weights",
            place.weights(),
            "-o",
            "one",
            "-i",
            input,
        ];
        place.pomona(run).code(0);
    };
    one("images/Kiwi/0.png");
    assert_eq!(place.query(paths), "n\n1\n");
    one("images/Kiwi/*.png");
    assert_eq!(place.query(paths), "n\n5\n");
    let manifest = fs::read_to_string(place.path("one/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["counts"]["computed"], 4);

    place
        .run(&["-i", "images/*/*.gif", "-o", "none"])
        .code(1)
        .says("no image found in 'images/*/*.gif'");
}

#[test]
fn overwriting_starts_from_nothing() {
    let place = Workplace::new();
    place.run(&["-i", "images", "-o", "out"]).code(0);
    place
        .run(&["-i", "images", "-o", "out", "--limit", "7", "--overwrite"])
        .code(0);
    let sql = "SELECT count(*) AS n FROM 'out/features/'";
    assert_eq!(place.query(sql), "n\n7\n");
}

#[test]
fn mistakes_name_the_way_out_and_leave_nothing() {
    let place = Workplace::new();
    place
        .run(&["-i", "nowhere", "-o", "out"])
        .code(1)
        .says("nowhere");
    fs::create_dir(place.path("empty")).unwrap();
    place
        .run(&["-i", "empty", "-o", "out"])
        .code(1)
        .says("no image found in 'empty'");
    place
        .run(&["-i", "images", "-o", "out", "--limit", "2"])
        .code(1)
        .says("ask for 2 or fewer");
    place
        .pomona(["run", "-i", "images", "-o", "out"])
        .code(1)
        .says("--weights FILE");
    place
        .pomona([
            "run",
            "-i",
            "images",
            "-o",
            "out",
            "--weights",
            "none.safetensors",
        ])
        .code(1)
        .says("none.safetensors");
    fs::write(place.path("text.safetensors"), "not tensors").unwrap();
    place
        .pomona([
            "run",
            "-i",
            "images",
            "-o",
            "out",
            "--weights",
            "text.safetensors",
        ])
        .code(1)
        .says("text.safetensors");
    place
        .run(&["-i", "images", "-o", "ftp://host/out"])
        .code(2)
        .says("ftp://");
    assert!(!files_below(&place.path("out")));
}

#[test]
fn bad_images_are_reported_and_counted() {
    let place = Workplace::new();
    for broken in broken::corpus() {
        fs::write(place.path("images/Kiwi").join(broken.name), &broken.bytes).unwrap();
    }
    fs::create_dir(place.path("images/Kiwi/directory.jpg")).unwrap();
    let bad = broken::corpus().len();

    place
        .run(&["-i", "images", "-o", "out"])
        .code(3)
        .says(&format!("{bad} of {} images", 15 + bad));
    let errors = fs::read_to_string(place.path("out/errors/errors.csv")).unwrap();
    for broken in broken::corpus() {
        let line = errors.lines().find(|line| line.contains(broken.name));
        let line = line.unwrap_or_else(|| panic!("{} is not in {errors}", broken.name));
        assert!(line.contains(broken.says), "{line}");
    }
    // The results are there all the same, and nothing is lost.
    let sql = "SELECT count(*) AS n, count(features) AS features, count(error) AS errors FROM 'out/features/'";
    let ran = place
        .pomona(["sql", "-q", "--format", "csv", "-c", sql])
        .code(0);
    assert_eq!(
        ran.stdout(),
        format!("n,features,errors\n{},15,{bad}\n", 15 + bad)
    );

    place
        .run(&["-i", "images", "-o", "lenient", "--max-error-rate", "0.5"])
        .code(0);
}

#[test]
fn no_image_that_can_be_decoded_is_an_error() {
    let place = Workplace::new();
    fs::create_dir(place.path("bad")).unwrap();
    fs::write(place.path("bad/a.jpg"), "").unwrap();
    // One image has no three components, which is known before it is read.
    let run = ["-i", "bad", "-o", "out"];
    place.run(&run).code(1).says("ask for 1 or fewer");
    fs::write(place.path("bad/b.jpg"), "").unwrap();
    fs::write(place.path("bad/c.jpg"), "").unwrap();
    place.run(&run).code(1).says("empty");
    assert!(!files_below(&place.path("out")));
}

#[test]
fn a_run_that_fails_leaves_no_folder_that_was_not_there() {
    let place = Workplace::new();
    fs::create_dir(place.path("empty")).unwrap();
    let failing: [(&[&str], i32); 3] = [
        (&["-i", "empty", "-o", "new/out"], 1),
        (&["-i", "nowhere", "-o", "new/out"], 1),
        (&["-i", "images", "-o", "new/out", "-k", "100"], 1),
    ];
    for (run, code) in failing {
        place.run(run).code(code);
        assert!(!place.path("new").exists(), "{run:?}");
    }
    // One that was there stays.
    fs::create_dir_all(place.path("mine/out")).unwrap();
    place.run(&["-i", "empty", "-o", "mine/out"]).code(1);
    assert_eq!(fs::read_dir(place.path("mine/out")).unwrap().count(), 0);
}

/// Whether there is any file below a folder.
fn files_below(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path()),
            _ => true,
        })
    })
}

#[test]
fn the_weights_inside_the_program_need_no_file() {
    let place = Workplace::new();
    let run = ["run", "-i", "images", "-o", "out", "-k", "3", "--weights"];
    place.pomona(run.iter().chain(&["fruits"])).code(0);
    let features = "SELECT count(*) AS n, count(DISTINCT features) AS d FROM 'out/features/'";
    assert_eq!(place.query(features), "n,d\n15,15\n");
    // In a settings file the name is no path beside it.
    fs::create_dir(place.path("settings")).unwrap();
    let settings = place.path("settings/pomona.toml");
    fs::write(&settings, "weights = \"fruits\"\n").unwrap();
    let again = ["--config", "settings/pomona.toml", "run", "-i", "images"];
    place
        .pomona(again.iter().chain(&["-o", "out", "-k", "3"]))
        .code(0)
        .says("nothing has changed");
    // A file of that name has a path.
    place
        .pomona(run.iter().chain(&["./fruits"]))
        .code(1)
        .says("./fruits");
}
