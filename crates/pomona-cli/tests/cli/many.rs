//! `pomona run` over more images than it may hold the names of.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use crate::decoding::peak_memory;
use crate::resume::counts;
use crate::workplace::Workplace;

/// Of a folder.
const FILES: usize = 1_000;
/// Of one file; ext4 allows 65,000.
const LINKS: usize = 50_000;

/// What a run over ten times as many images may take more: sorts that are not full yet.
const MORE: u64 = 150 << 20;

/// What packing them may take more: the sort of the listing. The names of all images took 45 MB.
const MORE_TO_PACK: u64 = 40 << 20;

/// Makes folders of files of one byte, and one with images.
fn write_folders(place: &Workplace, name: &str, files: usize) {
    let folder = place.path(name);
    fs::create_dir_all(folder.join("good")).unwrap();
    for number in 0..5 {
        let image = place.path(&format!("images/Kiwi/{number}.png"));
        fs::hard_link(image, folder.join(format!("good/{number}.png"))).unwrap();
    }
    for first in (0..files).step_by(FILES) {
        let source = place.path(&format!("{name} {}", first / LINKS));
        if first % LINKS == 0 {
            fs::write(&source, "x").unwrap();
        }
        let label = folder.join(format!("a class of images {first:07}"));
        fs::create_dir(&label).unwrap();
        let link = |number: usize| {
            let link = label.join(format!("image number {number:07}.jpg"));
            fs::hard_link(&source, link).unwrap();
        };
        (first..files.min(first + FILES)).for_each(link);
    }
}

/// The exit code and the most memory of a run, in bytes.
fn run(place: &Workplace, input: &str, output: &Path) -> (Option<i32>, u64) {
    let output = output.to_str().unwrap();
    let run = ["run", "--weights", place.weights(), "-k", "3"];
    let mut command = place.command(run.iter().chain(&["-i", input, "-o", output]));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (peak, status) = peak_memory(&mut command.spawn().unwrap());
    (status.code(), peak)
}

/// The most memory of packing a folder into small shards, in bytes.
fn pack(place: &Workplace, input: &str) -> u64 {
    let mut command = place.command(["pack", "--input", input, "--output", "shards"]);
    command.args(["--as", "tar", "--shard-size", "16m"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (peak, status) = peak_memory(&mut command.spawn().unwrap());
    assert!(status.success());
    fs::remove_dir_all(place.path("shards")).unwrap();
    peak
}

/// Prints what a first run over so many files takes, whose memory is below a gigabyte.
fn first_run_of(files: usize) {
    let place = Workplace::new();
    let begin = Instant::now();
    write_folders(&place, "many", files);
    println!("{files} files made in {:.0?}", begin.elapsed());
    let begin = Instant::now();
    let (code, peak) = run(&place, "many", &place.path("out"));
    println!("{files} files: {:.0?}, {} MB", begin.elapsed(), peak >> 20);
    assert_eq!(code, Some(3));
    let images = files as u64 + 5;
    assert_eq!(counts(&place), (images, 0, images));
    assert!(peak < 1_000_000_000, "{} MB", peak >> 20);
}

#[test]
fn the_memory_of_a_run_does_not_grow_with_its_images() {
    if let Ok(files) = env::var("POMONA_TEST_FILES") {
        return first_run_of(files.parse().unwrap());
    }
    let place = Workplace::new();
    let sizes = [("few", 20_000), ("many", 200_000)];
    let (mut peaks, mut packs) = (vec![], vec![]);
    for (name, files) in sizes {
        write_folders(&place, name, files);
        packs.push(pack(&place, name));
        let out = place.path("out");
        // The second one finds the rows of all images there, and tries the bad ones again.
        for _ in 0..2 {
            let (code, peak) = run(&place, name, &out);
            assert_eq!(code, Some(3));
            println!("{files} files: {} MB", peak >> 20);
            peaks.push(peak);
        }
        let images = files as u64 + 5;
        assert_eq!(counts(&place), (images, 0, images));
        fs::remove_dir_all(&out).unwrap();
    }
    assert!(peaks[2] < peaks[0] + MORE, "{peaks:?}");
    assert!(peaks[3] < peaks[1] + MORE, "{peaks:?}");
    println!("packed: {} MB, {} MB", packs[0] >> 20, packs[1] >> 20);
    assert!(packs[1] < packs[0] + MORE_TO_PACK, "{packs:?}");
}

/// What a report of 300,000 images may take more than one of 5,000. The sample of 60,000 takes 60 MB, and rows of all
/// images took 130 MB.
const MORE_FOR_A_REPORT: u64 = 95 << 20;

/// The one image of its label, whose md5 (ba43…) is not among those of a fifth of all images.
const RARE: &str = "/images/class 3/image number 000000003.jpg";

/// Puts rows of so many images, each with a vector of four numbers, into the files of a finished run.
fn replace_rows(place: &Workplace, images: usize) {
    let only_file = |folder: &str| {
        let mut files = fs::read_dir(place.path(folder)).unwrap();
        files.next().unwrap().unwrap().path().display().to_string()
    };
    let (features, metadata, model) = (
        only_file("out/features"),
        only_file("out/metadata/parquet"),
        only_file("out/model"),
    );
    place.query(&format!(
        "CREATE VIEW rows AS
         SELECT '/images/class ' || (n % 7) || '/image number ' || lpad(n::VARCHAR, 9, '0') || '.jpg' AS path,
                CASE WHEN n = 3 THEN 'rare' ELSE 'class ' || (n % 7) END AS label,
                1 AS length, to_timestamp(n) AS modification_time,
                [sin(n), cos(n), sin(n * 7), sin(n * n)]::FLOAT[] AS features, NULL::VARCHAR AS error
         FROM generate_series(1, {images}) AS numbers(n);
         COPY (SELECT * FROM rows) TO '{features}';
         COPY (SELECT path, label, length, modification_time FROM rows) TO '{metadata}';
         COPY (SELECT pca_fit(features, 3) AS model FROM '{features}') TO '{model}'"
    ));
    let manifest = place.path("out/manifest.json");
    let mut run: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    run["counts"]["images"] = images.into();
    run["counts"]["features"] = images.into();
    for file in run["files"].as_array_mut().unwrap() {
        let path = place.path("out").join(file["path"].as_str().unwrap());
        file["bytes"] = fs::metadata(path).unwrap().len().into();
    }
    fs::write(manifest, run.to_string()).unwrap();
}

#[test]
fn the_memory_of_a_report_does_not_grow_with_its_images() {
    let place = Workplace::new();
    place.run(&["-i", "images", "-o", "out"]).code(0);
    let peaks = [5_000, 300_000].map(|images| {
        replace_rows(&place, images);
        let mut command = place.command(["report", "out"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let (peak, status) = peak_memory(&mut command.spawn().unwrap());
        assert!(status.success());
        println!("{images} images: {} MB", peak >> 20);
        peak
    });
    assert!(peaks[1] < peaks[0] + MORE_FOR_A_REPORT, "{peaks:?}");
    // The outliers are those of all images, and each label has a point, also where its images are not of the sample.
    let outliers = ["outliers", "--in", "out", "-n", "8", "--format", "csv"];
    let outliers = place.pomona(outliers).code(0).stdout();
    let mut shown: Vec<&str> = outliers.lines().skip(1).collect();
    assert_eq!(shown.len(), 8);
    shown.push(RARE);
    let page = fs::read_to_string(place.path("out/report.html")).unwrap();
    for row in shown {
        let path = row.split(',').next().unwrap();
        assert!(page.contains(path), "{path}");
    }
}
