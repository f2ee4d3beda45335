//! `pomona run` over more images than it may hold the names of.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use crate::decoding::peak_memory;
use crate::resume::counts;
use crate::workplace::Workplace;

/// Of a folder.
const FILES: usize = 1_000;
/// Of one file; ext4 allows 65,000.
const LINKS: usize = 50_000;

/// What a run over ten times as many images may take more: sorts that are not full yet.
const MORE: u64 = 150 << 20;

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
    let mut peaks = vec![];
    for (name, files) in sizes {
        write_folders(&place, name, files);
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
}
