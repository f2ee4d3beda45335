//! How images are decoded: options, memory, and Ctrl-C while it happens.

use std::fs;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use pomona_tests::bombs;
use pomona_tests::patience::{in_some_round, wait_until};
use serde_json::Value;

use crate::interrupt::assert_stops;
use crate::workplace::Workplace;

/// The options of a run of the images in `turned`, which have an orientation in their EXIF block.
const TURNED: [&str; 6] = ["-i", "turned", "-o", "out", "-k", "2"];

/// A folder with images that a camera turned.
fn turned() -> Workplace {
    let place = Workplace::new();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/options");
    for (folder, ending) in [("turned", ""), ("upright", ".png")] {
        fs::create_dir(place.path(folder)).unwrap();
        for name in ["turned.jpg", "turned.png", "turned.webp"] {
            let file = format!("{name}{ending}");
            let from = format!("{data}/{file}");
            fs::copy(from, place.path(&format!("{folder}/{file}"))).unwrap();
        }
    }
    place
}

fn manifest(place: &Workplace) -> Value {
    let text = fs::read_to_string(place.path("out/manifest.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn features_of_other_options_are_never_mixed() {
    let place = turned();
    place.run(&TURNED).code(0);
    assert_eq!(manifest(&place)["options"]["exif_orientation"], "ignore");

    let apply = [&TURNED[..], &["--exif-orientation", "apply"]].concat();
    place
        .run(&apply)
        .code(1)
        .says("exif_orientation ignore")
        .says("now exif_orientation apply")
        .says("--overwrite");
    let overwrite = [&apply[..], &["--overwrite"]].concat();
    place.run(&overwrite).code(0);
    let manifest = manifest(&place);
    assert_eq!(manifest["options"]["exif_orientation"], "apply");
    assert_eq!(manifest["options"]["truncated"], "error");
    // The same options again, from the settings of the project.
    fs::write(
        place.path("pomona.toml"),
        "[run]\nexif-orientation = \"apply\"\n",
    )
    .unwrap();
    place.run(&TURNED).code(0).says("nothing has changed");
    place
        .run(&[&TURNED[..], &["--truncated", "pad"]].concat())
        .code(1)
        .says("truncated pad");

    // They are the features of what Pillow makes of the images, and so are the sizes.
    let upright = ["-i", "upright", "-o", "pillow", "-k", "2"];
    place.run(&upright).code(0);
    let same =
        "SELECT count(*) AS images, count(CASE WHEN a.features = b.features THEN 1 END) AS same
        FROM 'out/features/' a JOIN 'pillow/features/' b
        ON split_part(a.path, '/turned/', 2) || '.png' = split_part(b.path, '/upright/', 2)";
    assert_eq!(place.query(same), "images,same\n3,3\n");
    let sizes = "SELECT DISTINCT width, height FROM 'out/metadata/parquet/'";
    assert_eq!(place.query(sizes), "width,height\n24,40\n");
    // A look-up decodes as the run did.
    fs::copy(place.path("turned/turned.jpg"), place.path("copy.jpg")).unwrap();
    let similar = ["similar", "--in", "out", "copy.jpg", "--format", "json"];
    let found = place.pomona(similar).code(0).stdout();
    let found: Value = serde_json::from_str(&found).unwrap();
    assert!(
        found[0]["path"].as_str().unwrap().ends_with("/turned.jpg"),
        "{found}"
    );
    assert_eq!(found[0]["similarity"], 1.0, "{found}");
}

#[test]
fn an_interrupted_run_of_other_options_leaves_nothing_that_is_taken() {
    let place = turned();
    let mut images = 0;
    // Many small chunks, of which some are complete when the run is killed.
    fs::create_dir(place.path("many")).unwrap();
    for number in 0..200 {
        let to = place.path(&format!("many/{number:03}.jpg"));
        fs::copy(place.path("turned/turned.jpg"), to).unwrap();
        images += 1;
    }
    let run = ["-i", "many", "-o", "out", "--checkpoint", "1"];
    let records = place.path("out/_temporary/checkpoints");
    in_some_round(|| {
        let _ = fs::remove_dir_all(place.path("out"));
        let mut killed = place.start(&run);
        wait_until("some chunks are complete", || {
            let has_ended = killed.try_wait().unwrap().is_some();
            has_ended || fs::read_dir(&records).map_or(0, Iterator::count) >= 3
        });
        killed.kill().unwrap();
        let ended = killed.wait().unwrap();
        match ended.code() {
            None => Ok(()),
            Some(code) => Err(format!("the run has ended with {code}")),
        }
    });
    let apply = ["--exif-orientation", "apply", "--checkpoint", "1000"];
    place.run(&[&run[..4], &apply].concat()).code(0);
    let manifest = manifest(&place);
    assert_eq!(manifest["counts"]["computed"], images);
    let different = "SELECT count(DISTINCT features) AS n FROM 'out/features/'";
    assert_eq!(place.query(different), "n\n1\n");
}

/// Files that need much memory: some more than there is, some so much that two do not fit at once.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("cmyk_a.jpg", bombs::jpeg(5400, 4, 5)),
        ("cmyk_b.jpg", bombs::jpeg(5000, 4, 5)),
        ("cmyk_large.jpg", bombs::jpeg(bombs::SIDE, 4, 10)),
        ("rgba16_a.png", bombs::png(11_000, 16, 6, &[])),
        ("rgba16_b.png", bombs::png(10_000, 16, 6, &[])),
        (
            "profile.png",
            bombs::png(10, 8, 2, &bombs::compressed_chunk(b"iCCP", b"a\0\0")),
        ),
        ("large.webp", bombs::webp()),
        ("scans.jpg", bombs::jpeg(2000, 1, 2000)),
    ]
}

/// The most memory that a process has had, in bytes, up to its end.
pub fn peak_memory(child: &mut Child) -> (u64, ExitStatus) {
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kilobytes) = line.and_then(|line| line.split_whitespace().next()) {
            peak = peak.max(kilobytes.parse::<u64>().unwrap() << 10);
        }
        if let Some(status) = child.try_wait().unwrap() {
            return (peak, status);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// What a task takes beside the memory that is counted: docs/src/cluster.md.
const TASK: u64 = 40 << 20;

#[test]
fn hostile_images_stay_within_the_memory_limit() {
    let place = Workplace::new();
    fs::create_dir(place.path("hostile")).unwrap();
    for (name, bytes) in hostile() {
        fs::write(place.path(&format!("hostile/{name}")), bytes).unwrap();
    }
    let sql = |folder: &str| {
        format!(
            "CREATE EXTERNAL TABLE t STORED AS IMAGES LOCATION '{folder}';
            COPY (SELECT path, try_mobilenet_v2(content) AS features, image_error(content) AS error
                FROM t) TO '{folder}.parquet' STORED AS PARQUET"
        )
    };
    let peak = |folder: &str| {
        let sql = sql(folder);
        let arguments = ["sql", "-q", "-m", "500m", "--partitions", "2", "-c", &sql];
        let mut command = place.command(arguments);
        command.env("POMONA_WEIGHTS", place.weights());
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let (peak, status) = peak_memory(&mut child);
        assert!(status.success());
        peak
    };
    let base = peak("images");
    let peak = peak("hostile");
    let limit = 500 << 20;
    println!(
        "{} MB for small images, {} MB for hostile ones",
        base >> 20,
        peak >> 20
    );
    assert!(
        peak < base + limit + 2 * TASK,
        "{peak} bytes, {base} for small images"
    );
    // It was used, too: what fits is decoded, and what can never fit says so.
    assert!(
        peak > base + limit / 2,
        "{peak} bytes, {base} for small images"
    );
    let rows = place.query(
        "SELECT split_part(path, '/hostile/', 2) AS name, features IS NOT NULL AS ok,
            coalesce(split_part(error, ':', 1), '') AS error FROM 'hostile.parquet' ORDER BY 1",
    );
    assert_eq!(
        rows,
        "name,ok,error\n\
         cmyk_a.jpg,true,\n\
         cmyk_b.jpg,true,\n\
         cmyk_large.jpg,false,too many bytes\n\
         large.webp,false,too many bytes\n\
         profile.png,true,\n\
         rgba16_a.png,true,\n\
         rgba16_b.png,true,\n\
         scans.jpg,false,too many scans\n"
    );
    // With less memory than an image needs, that image alone has an error.
    let sql = "SELECT split_part(path, '/hostile/', 2) AS name, image_error(content) AS error
        FROM t WHERE path LIKE '%_b.%' OR path LIKE '%profile%' ORDER BY 1";
    let table = "CREATE EXTERNAL TABLE t STORED AS IMAGES LOCATION 'hostile'";
    let ran = place.pomona([
        "sql", "-q", "-m", "200m", "--format", "json", "-c", table, sql,
    ]);
    let rows: Value = serde_json::from_str(&ran.code(0).stdout()).unwrap();
    let error = |row: usize| rows[row]["error"].as_str().unwrap_or_default();
    assert!(
        error(0).contains("no memory: decoding this JPEG takes") && error(1).is_empty(),
        "{rows}"
    );
    assert!(
        error(2).contains("PNG takes 300") && error(2).contains("may hold 209715200"),
        "{rows}"
    );
}

/// Images that take seconds each, in one batch of one partition: nothing but the decoder can hear of
/// the end.
pub(crate) fn slow(place: &Workplace) {
    fs::create_dir(place.path("slow")).unwrap();
    let bomb = bombs::jpeg(9000, 1, 20);
    for number in 0..30 {
        fs::write(place.path(&format!("slow/{number}.jpg")), &bomb).unwrap();
    }
}

/// Processor seconds after which a command is in the middle of an image: it begins with the first of them
/// within half a second.
const DECODING: f64 = 1.5;

/// Interrupts a command while it decodes, and requires that it ends soon.
fn assert_hears(place: &Workplace, arguments: &[&str]) {
    let mut command = place.command(arguments);
    command.env("POMONA_WEIGHTS", place.weights());
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = quiet.spawn().unwrap();
    wait_until("it decodes", || {
        assert_eq!(child.try_wait().unwrap(), None, "the command has ended");
        processor_seconds(child.id()) >= DECODING
    });
    assert_stops(&mut child, 5.0);
}

/// The fields of `/proc/PID/stat` behind the name of the program, which may have spaces: the first is the state.
fn stat(pid: u32) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let behind_name = stat.rsplit_once(')').unwrap().1;
    behind_name.split_whitespace().map(str::to_string).collect()
}

/// The processor's time that a process has had.
pub(crate) fn processor_seconds(pid: u32) -> f64 {
    let ticks = stat(pid)[11..13]
        .iter()
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum::<f64>();
    ticks / 100.0
}

/// Whether a process has ended for whose exit code nobody has asked.
pub(crate) fn has_ended(pid: u32) -> bool {
    stat(pid)[0] == "Z"
}

#[test]
fn ctrl_c_is_heard_within_an_image() {
    let place = Workplace::new();
    slow(&place);
    let run = ["run", "-i", "slow", "-o", "out", "--partitions", "1"];
    assert_hears(&place, &run);
    assert!(!place.path("out/manifest.json").exists());
    let sql = "CREATE EXTERNAL TABLE t STORED AS IMAGES LOCATION 'slow';
        SELECT count(image_error(content)) FROM t";
    assert_hears(&place, &["sql", "--partitions", "1", "-c", sql]);
}
