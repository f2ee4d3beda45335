//! What `pomona run` may touch: files that a run of Pomona named, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use pomona_tests::s3_server::S3Server;

use crate::workplace::Workplace;

/// Every file below a folder and what it holds.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    crate::resume::files(folder)
        .into_keys()
        .map(|path| {
            let bytes = fs::read(folder.join(&path)).unwrap();
            (path, bytes)
        })
        .collect()
}

fn write(path: impl AsRef<Path>, text: &str) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const FOREIGN: [&str; 5] = [
    "features/mine.txt",
    "model/classifier.pt",
    "_temporary/part-0",
    "metadata/parquet/part-00000.parquet",
    "report.html",
];

#[test]
fn files_of_others_refuse_the_output_and_stay() {
    let place = Workplace::new();
    for name in FOREIGN {
        for option in [&[][..], &["--overwrite"], &["--prune"]] {
            let output = place.path("d");
            write(output.join(name), "precious");
            let before = contents(&output);
            let run = ["-i", "images", "-o", "d"];
            place.run(&[&run, option].concat()).code(1).says(name);
            assert_eq!(contents(&output), before, "{name} {option:?}");
            fs::remove_dir_all(&output).unwrap();
        }
    }
    // Beside the names of results anything may lie.
    write(place.path("d/notes.txt"), "precious");
    write(place.path("d/plots/a.html"), "precious");
    place.run(&["-i", "images", "-o", "d"]).code(0);
    place
        .run(&["-i", "images", "-o", "d", "--overwrite"])
        .code(0);
    assert_eq!(fs::read(place.path("d/notes.txt")).unwrap(), b"precious");
    assert_eq!(fs::read(place.path("d/plots/a.html")).unwrap(), b"precious");
}

#[test]
fn files_of_others_in_a_bucket_refuse_the_output_and_stay() {
    let server = S3Server::start(&["team"]).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    let bucket = server.bucket("team");
    write(bucket.join("d/features/mine.txt"), "precious");
    write(bucket.join("d/_temporary/part-0"), "precious");
    let before = contents(&bucket);
    for option in [&[][..], &["--overwrite"]] {
        let run = ["-i", "images", "-o", "s3://team/d"];
        place
            .run(&[&run, option].concat())
            .code(1)
            .says("features/mine.txt")
            .says("_temporary/part-0");
        assert_eq!(contents(&bucket), before);
    }
}

#[test]
fn a_finished_run_beside_files_of_others_is_extended_and_replaced_without_them() {
    let place = Workplace::new();
    let run = ["-i", "images", "-o", "d"];
    place.run(&run).code(0);
    // A file that appears among the results later refuses the next run.
    write(place.path("d/features/mine.parquet"), "precious");
    place
        .run(&[&run[..], &["--overwrite"]].concat())
        .code(1)
        .says("features/mine.parquet");
    assert_eq!(
        fs::read(place.path("d/features/mine.parquet")).unwrap(),
        b"precious"
    );
    fs::remove_file(place.path("d/features/mine.parquet")).unwrap();

    let first = contents(&place.path("d"));
    place.run(&[&run[..], &["--overwrite"]].concat()).code(0);
    let second = contents(&place.path("d"));
    let rows = |files: &BTreeMap<String, Vec<u8>>| -> Vec<String> {
        files
            .keys()
            .filter(|path| path.starts_with("features/"))
            .cloned()
            .collect()
    };
    assert_eq!((rows(&first).len(), rows(&second).len()), (1, 1));
    assert_ne!(rows(&first), rows(&second));
}

#[test]
fn the_report_of_somebody_else_is_not_replaced() {
    let place = Workplace::new();
    place
        .run(&["-i", "images", "-o", "d", "--no-report"])
        .code(0);
    write(place.path("d/report.html"), "precious");
    place.pomona(["report", "d"]).code(1).says("report.html");
    assert_eq!(fs::read(place.path("d/report.html")).unwrap(), b"precious");
    fs::remove_file(place.path("d/report.html")).unwrap();

    // One that Pomona writes later belongs to the run.
    place.pomona(["report", "d"]).code(0);
    place.pomona(["report", "d", "--lang", "fr"]).code(0);
    place
        .run(&["-i", "images", "-o", "d"])
        .code(0)
        .says("nothing has changed");
}

#[test]
fn input_and_output_must_not_be_one_place() {
    let place = Workplace::new();
    fs::rename(place.path("images/Kiwi"), place.path("images/model")).unwrap();
    fs::rename(
        place.path("images/Apple Red"),
        place.path("images/features"),
    )
    .unwrap();
    std::os::unix::fs::symlink(place.path("images"), place.path("link")).unwrap();
    let before = contents(&place.path("images"));
    for (input, output) in [
        ("images", "images"),
        ("images/", "./link"),
        ("link/*", "images"),
        ("images/features", "link"),
        ("images/model/0.png", "images"),
    ] {
        place
            .run(&["-i", input, "-o", output])
            .code(2)
            .says("--output");
        assert_eq!(contents(&place.path("images")), before, "{input} {output}");
    }
    // An output below the images is no image, and images below an output that are no result.
    place.run(&["-i", "images", "-o", "images/results"]).code(0);
    place
        .run(&["-i", "images", "-o", "images/results"])
        .code(0)
        .says("nothing has changed");
    place.run(&["-i", "images", "-o", "."]).code(0);
}

#[test]
fn results_of_other_images_are_not_merged() {
    let place = Workplace::new();
    place.run(&["-i", "images", "-o", "d"]).code(0);
    fs::rename(place.path("images"), place.path("moved")).unwrap();
    let before = contents(&place.path("d"));
    for option in [&[][..], &["--prune"]] {
        let run = ["-i", "moved", "-o", "d"];
        place
            .run(&[&run, option].concat())
            .code(1)
            .says("'images'")
            .says("'moved'")
            .says("--overwrite");
        assert_eq!(contents(&place.path("d")), before);
    }
    place
        .run(&["-i", "moved", "-o", "d", "--overwrite"])
        .code(0);
    assert_eq!(
        place.query("SELECT count(*) FROM 'd/features/'"),
        "count(*)\n15\n"
    );

    // A part of the images: the others' rows stay, and it is said.
    let part = ["-i", "moved", "-o", "d", "--filter", "label = 'Kiwi'"];
    place
        .run(&part)
        .code(0)
        .says("10 images of earlier runs")
        .says("--prune");
    assert_eq!(
        place.query("SELECT count(*) FROM 'd/features/'"),
        "count(*)\n15\n"
    );
    place
        .run(&[&part[..], &["--prune"]].concat())
        .code(0)
        .says("dropped");
    assert_eq!(
        place.query("SELECT count(*) FROM 'd/features/'"),
        "count(*)\n5\n"
    );
}

#[test]
fn outputs_are_literal() {
    let server = S3Server::start(&["out"]).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    let bucket = server.bucket("out");
    place.run(&["-i", "images", "-o", "s3://out/exp"]).code(0);
    let before = contents(&bucket.join("exp"));
    for name in ["exp#2", "a%20b", "what?", "l'été"] {
        let output = format!("s3://out/{name}");
        place.run(&["-i", "images", "-o", &output]).code(0);
        assert!(bucket.join(name).join("manifest.json").is_file(), "{name}");
        place
            .run(&["-i", "images", "-o", &output])
            .code(0)
            .says("nothing has changed");
        place
            .pomona(["outliers", "--in", &output, "--format", "csv"])
            .code(0);
        place.pomona(["report", &output, "-o", "-"]).code(0);
        place.run(&["-i", "images", "-o", name]).code(0);
        assert!(place.path(name).join("manifest.json").is_file(), "{name}");
    }
    assert_eq!(contents(&bucket.join("exp")), before);

    let absolute = place.path("e#f");
    let url = format!("file:{}", absolute.display());
    place.run(&["-i", "images", "-o", &url]).code(0);
    assert!(absolute.join("manifest.json").is_file());
    for refused in ["~/out", "file:out", "s3://", "s3://KEY:HUSH@out/x", ""] {
        let ran = place.run(&["-i", "images", "-o", refused]).code(2);
        assert!(!ran.stderr().contains("HUSH"), "{}", ran.stderr());
        let ran = place.run(&["-i", refused, "-o", "new"]).code(2);
        assert!(!ran.stderr().contains("HUSH"), "{}", ran.stderr());
        assert!(!place.path("new").exists());
    }
}

#[test]
fn weights_are_literal() {
    let server = S3Server::start(&["models"]).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    let inspected = place.pomona(["weights", "inspect", place.weights()]);
    let inspected = inspected.code(0).stdout();
    let sha256 = |text: &str| {
        let line = text.lines().find(|line| line.contains("sha256"));
        line.map(str::to_owned).unwrap()
    };
    for name in [
        "w#2.safetensors",
        "a%20b.safetensors",
        "what?.safetensors",
        "l'été",
    ] {
        // What the name would mean as a URL is there, too, and is something else.
        for other in ["w", "a b.safetensors", "what"] {
            write(server.bucket("models").join(other), "no weights");
            write(place.path(other), "no weights");
        }
        fs::copy(place.weights(), server.bucket("models").join(name)).unwrap();
        fs::copy(place.weights(), place.path(name)).unwrap();
        let file = place.path(name).display().to_string();
        for location in [
            format!("s3://models/{name}"),
            format!("s3a://models/./{name}"),
            format!("file://{file}"),
            format!("file:{file}"),
            file,
        ] {
            let ran = place.pomona(["weights", "inspect", &location]).code(0);
            assert_eq!(sha256(&ran.stdout()), sha256(&inspected), "{location}");
        }
    }
    for refused in [
        "s3://",
        "s3:///x",
        "s3://models/../x",
        "file:w",
        "file://here/w",
    ] {
        place
            .pomona(["weights", "inspect", refused])
            .code(1)
            .says(refused);
    }
    let run = ["run", "-k", "3", "-i", "images", "-o", "d", "--weights"];
    place
        .pomona(run.iter().chain(&["s3://models/w#2.safetensors"]))
        .code(0);
}

#[test]
fn a_filter_is_one_condition() {
    let place = Workplace::new();
    for filter in [
        "true; COPY (SELECT 42 AS x) TO 'y.csv'; SELECT 1 FROM images WHERE true",
        "true UNION ALL SELECT * FROM images",
        "",
        "label =",
    ] {
        for command in [&["run", "-o", "d"][..], &["estimate"]] {
            let given = [
                "-i",
                "images",
                "--weights",
                place.weights(),
                "--filter",
                filter,
            ];
            place
                .pomona([command, &given].concat())
                .code(2)
                .says("is not a condition");
            assert!(!place.path("y.csv").exists() && !place.path("d").exists());
        }
    }
    let comment = ["--filter", "label = 'Kiwi' OR false -- and", "--limit", "4"];
    place
        .run(&[&["-i", "images", "-o", "d"], &comment[..]].concat())
        .code(0);
    let rows = "SELECT label, count(*) AS n FROM 'd/features/' GROUP BY label";
    assert_eq!(place.query(rows), "label,n\nKiwi,4\n");
}

#[test]
fn odd_names_stop_nothing() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let place = Workplace::new();
    let kiwi = place.path("images/Kiwi");
    for name in [&b"Icon\r"[..], b"caf\xe9.png", b"notes.txt", b"README"] {
        fs::write(kiwi.join(OsStr::from_bytes(name)), "x").unwrap();
    }
    fs::create_dir(kiwi.join(".git")).unwrap();
    std::os::unix::fs::symlink(&kiwi, kiwi.join(".git/self")).unwrap();
    std::os::unix::fs::symlink(place.path("images"), kiwi.join("up")).unwrap();
    fs::copy(kiwi.join("0.png"), kiwi.join("photo.JFIF")).unwrap();
    place
        .run(&["-i", "images", "-o", "d"])
        .code(0)
        .says("3 entries cannot be read")
        .says(
            "2 files are no images by their names and are passed over: 1 without extension, 1 .txt",
        );
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(place.path("d/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["counts"]["images"], 16);
    assert_eq!(manifest["skipped"]["unreadable"], 3);
}

#[test]
fn what_cannot_be_opened_is_not_pruned() {
    let place = Workplace::new();
    place.run(&["-i", "images", "-o", "out"]).code(0);
    let rows = || place.query("SELECT count(*) AS n FROM 'out/features/'");
    // A folder that is there, and cannot be opened for the moment: by root as well.
    fs::remove_dir_all(place.path("images/Kiwi")).unwrap();
    symlink("x".repeat(300), place.path("images/Kiwi")).unwrap();
    place
        .run(&["-i", "images", "-o", "out", "--prune"])
        .code(0)
        .says("stay in the results, because these images may be in what could not be opened");
    assert_eq!(rows(), "n\n15\n");
    fs::remove_file(place.path("images/Kiwi")).unwrap();
    place
        .run(&["-i", "images", "-o", "out", "--prune"])
        .code(0)
        .says("5 images of earlier runs")
        .says("their rows are dropped");
    assert_eq!(rows(), "n\n10\n");
}
