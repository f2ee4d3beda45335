//! `kill -9` in the middle of `pomona run`, and the run after it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Instant;

use pomona_tests::images;
use pomona_tests::patience::{PATIENCE, in_some_round};
use serde_json::Value;

use crate::publishing::folder_reader;
use crate::resume::{assert_alike, assert_consistent, assert_same, counts, files, flip, manifest};
use crate::workplace::Workplace;

/// Images between checkpoints.
const CHECKPOINT: u64 = 4;
/// Images in the folder, in nine chunks.
const IMAGES: u64 = 35;
const RUN: [&str; 6] = ["-i", "images", "-o", "out", "--checkpoint", "4"];

/// When a run is killed.
enum Moment {
    /// When so many chunks are complete.
    Checkpoints(usize),
    /// When a file or folder is there whose path contains this, below the output.
    Appears(&'static str),
}

impl Moment {
    fn has_come(&self, output: &Path) -> bool {
        match self {
            Self::Checkpoints(count) => checkpoints(output) >= *count,
            Self::Appears(part) => files(output).keys().any(|path| path.contains(part)),
        }
    }
}

#[test]
fn a_first_run_that_is_killed_loses_the_chunk_in_flight_at_most() {
    let place = place();
    place
        .run(&["-i", "images", "-o", "undisturbed", "--checkpoint", "4"])
        .code(0);
    let moments = [
        Moment::Appears("_temporary/"),
        Moment::Checkpoints(1),
        Moment::Checkpoints(3),
        Moment::Checkpoints(5),
        Moment::Checkpoints(7),
        Moment::Checkpoints(9),
        Moment::Appears("results/"),
        Moment::Appears("results/pca/"),
        Moment::Appears("publication.json"),
        Moment::Appears("manifest.json"),
    ];
    let mut killed = 0;
    // A fast machine may finish before the last moments are seen, and a busy one before this test looks, which then
    // tries them all again.
    for (number, moment) in moments.iter().cycle().take(3 * moments.len()).enumerate() {
        if killed >= 6 && number >= moments.len() {
            break;
        }
        let _ = fs::remove_dir_all(place.path("out"));
        let complete = kill(&place, moment, &mut killed);
        assert_readable(&place);
        let ran = place.run(&RUN).code(0);
        let (images, _, computed) = counts(&place);
        // A finished run, or one whose publication was finished, stays with its manifest.
        let computed = match ran.stderr().contains("nothing has changed") {
            true => 0,
            false => computed,
        };
        assert_eq!(images, IMAGES);
        assert!(computed <= IMAGES - complete, "{computed}, {complete}");
        assert_consistent(&place);
        assert_same(&place, "undisturbed", "out");
    }
    assert!(killed >= 6, "{killed} runs were killed");
}

#[test]
fn a_continuing_run_that_is_killed_leaves_the_old_results_or_the_new() {
    let place = place();
    place.run(&RUN).code(0);
    let moments = [
        Moment::Checkpoints(1),
        Moment::Appears("results/"),
        Moment::Appears("publication.json"),
        Moment::Appears("_temporary/manifest.json"),
    ];
    let mut killed = 0;
    let tries = moments.iter().cycle().take(3 * moments.len());
    for (round, moment) in tries.enumerate() {
        if killed >= 2 && round >= moments.len() {
            break;
        }
        let seed = 200 + 20 * round as u32;
        // Some are changed, some are new, one is gone.
        for number in 0..8 {
            let path = place.path(&format!("images/Kiwi/{}.png", 10 + number));
            fs::write(path, images::png(seed + number, 90, 90)).unwrap();
        }
        fs::remove_file(place.path(&format!("images/Apple Red/{round}.png"))).unwrap();
        kill(&place, moment, &mut killed);
        assert_readable(&place);
        place.run(&[&RUN[..], &["--prune"]].concat()).code(0);
        assert_consistent(&place);
        let _ = fs::remove_dir_all(place.path("undisturbed"));
        place.run(&["-i", "images", "-o", "undisturbed"]).code(0);
        assert_alike(&place, "undisturbed", "out");
    }
    assert!(killed >= 2, "{killed} runs were killed");
}

#[test]
fn a_chunk_with_other_bytes_is_computed_again() {
    let place = place();
    place
        .run(&["-i", "images", "-o", "undisturbed", "--checkpoint", "4"])
        .code(0);
    let temporary = place.path("out/_temporary");
    in_some_round(|| {
        let _ = fs::remove_dir_all(place.path("out"));
        kill(&place, &Moment::Checkpoints(2), &mut 0);
        let mut left = files(&temporary).into_keys();
        let is_chunk = |path: &String| path.contains("chunks/000000/");
        match left.find(is_chunk) {
            Some(chunk) if !temporary.join("publication.json").exists() => {
                flip(&temporary.join(chunk));
                Ok(())
            }
            _ => Err("the run was through with its chunks".to_string()),
        }
    });
    place.run(&RUN).code(0).says("computed again");
    assert_same(&place, "undisturbed", "out");
}

fn place() -> Workplace {
    let place = Workplace::new();
    images::write_folder(&place.path("images"), &["Apple Red", "Kiwi"], 15);
    place
}

/// Starts a run and kills it when a moment has come, and returns how many images were complete
/// then. A run that ends before is as good.
fn kill(place: &Workplace, moment: &Moment, killed: &mut u32) -> u64 {
    let output = place.path("out");
    let mut child = place.start(&RUN);
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if moment.has_come(&output) {
            // SIGKILL: nothing can be tidied up.
            child.kill().unwrap();
            *killed += 1;
            break;
        }
        assert!(start.elapsed() < PATIENCE, "it takes too long");
        std::thread::yield_now();
    }
    child.wait().unwrap();
    if output.join("manifest.json").exists() && !output.join("_temporary").exists() {
        return IMAGES;
    }
    u64::min(checkpoints(&output) as u64 * CHECKPOINT, IMAGES)
}

fn checkpoints(output: &Path) -> usize {
    let records = fs::read_dir(output.join("_temporary/checkpoints"));
    let names = records
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name());
    names
        .filter(|name| name.to_string_lossy().ends_with(".json"))
        .count()
}

/// That every file that the manifest names is there, or that the publication that follows it does,
/// where it belongs or where it is staged; that every file of rows is complete; and that no reader of
/// folders sees a row twice.
#[track_caller]
fn assert_readable(place: &Workplace) {
    let output = place.path("out");
    let publication = fs::read(output.join("_temporary/publication.json")).ok();
    let publication: Option<Value> = publication.map(|json| serde_json::from_slice(&json).unwrap());
    let mut staged = BTreeMap::new();
    for moved in publication
        .iter()
        .flat_map(|it| it["moves"].as_array().unwrap())
    {
        staged.insert(moved[1].as_str().unwrap(), moved[0].as_str().unwrap());
    }
    let manifest = match &publication {
        Some(publication) => Some(publication["manifest"].clone()),
        None if output.join("manifest.json").exists() => Some(manifest(place, "out")),
        None => None,
    };
    for file in manifest
        .iter()
        .flat_map(|it| it["files"].as_array().unwrap())
    {
        let path = file["path"].as_str().unwrap();
        let there = staged.get(path).filter(|from| output.join(from).exists());
        let there = there.unwrap_or(&path);
        if path.ends_with(".parquet") {
            let bytes = fs::metadata(output.join(there)).unwrap().len();
            assert_eq!(Some(bytes), file["bytes"].as_u64(), "{path}");
        }
    }
    for folder in ["features", "metadata", "pca", "model", "moments"] {
        let rows = folder_reader(&output.join(folder));
        let once: BTreeSet<&String> = rows.iter().collect();
        assert_eq!(rows.len(), once.len(), "{folder}: {rows:?}");
    }
    let counts: String = files(&output)
        .keys()
        .filter(|path| path.ends_with(".parquet") && !path.starts_with("_temporary"))
        .map(|path| format!("SELECT count(*) AS n FROM 'out/{path}';\n"))
        .collect();
    if !counts.is_empty() {
        place.query(&counts);
    }
}
