//! Runs over archives and Parquet files, and the command that writes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pomona_tests::archives::{Tar, Zip, gzip};
use pomona_tests::images;
use pomona_tests::s3_faults::RequestLine;
use pomona_tests::s3_server::S3Server;
use serde_json::Value;

use crate::workplace::Workplace;

/// The images of a run over objects, and of the same over shards.
const IMAGES: usize = 1600;

/// Does something, and returns the requests for the bucket of images that the server sees meanwhile.
fn requests(server: &S3Server, act: impl FnOnce()) -> Vec<RequestLine> {
    let before = server.requests().len();
    act();
    let requests = server.requests().split_off(before);
    let is_input = |request: &RequestLine| request.path.starts_with("/photos");
    requests.into_iter().filter(is_input).collect()
}

/// Writes small images of two labels, of which many are the same.
fn write_images(folder: &Path) {
    for label in ["Apple Red", "Kiwi"] {
        fs::create_dir_all(folder.join(label)).unwrap();
    }
    let drawn: Vec<_> = (0..12).map(|seed| images::png(seed, 20, 20)).collect();
    for number in 0..IMAGES {
        let label = ["Apple Red", "Kiwi"][number % 2];
        let path = folder.join(format!("{label}/{number:04}.png"));
        fs::write(path, &drawn[number % 12]).unwrap();
    }
}

/// Path below the input and features of each row of a run, as text.
fn features(place: &Workplace, run: &str, input: &str) -> BTreeMap<String, String> {
    let sql = format!(
        "SELECT replace(path, '{input}', ''), md5(to_json(features)) FROM '{run}/features/' \
         WHERE features IS NOT NULL"
    );
    let rows = place.query(&sql);
    let rows = rows
        .lines()
        .skip(1)
        .filter_map(|line| line.rsplit_once(','));
    rows.map(|(path, features)| {
        // What the shard is called is no part of the image's name.
        let name = path.split_once(".tar/").or(path.split_once(".parquet/"));
        (
            name.map_or(path, |(_, name)| name).to_owned(),
            features.to_owned(),
        )
    })
    .collect()
}

#[test]
fn a_run_over_shards_makes_a_hundredth_of_the_requests() {
    let server = S3Server::start(&["photos", "results"]).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    write_images(&server.bucket("photos").join("objects"));
    let run = |input: &str, output: &str| {
        let (input, output) = (
            format!("s3://photos/{input}/"),
            format!("s3://results/{output}"),
        );
        let asked = ["-i", &input, "-o", &output, "--partitions", "2"];
        requests(&server, || {
            place.run(&asked).code(0);
        })
    };
    let over_objects = run("objects", "objects");
    let expected = features(&place, "s3://results/objects", "s3://photos/objects/");
    assert_eq!(expected.len(), IMAGES);

    for kind in ["tar", "parquet"] {
        let output = format!("s3://photos/{kind}");
        let pack = [
            "pack",
            "-i",
            "s3://photos/objects/",
            "-o",
            &output,
            "--as",
            kind,
        ];
        place
            .pomona(pack.iter().chain(&["--shard-size", "8m"]))
            .code(0)
            .says("in 1 shard in");
        let over_shards = run(kind, kind);
        eprintln!(
            "{kind}: {} requests over {IMAGES} objects, {} over shards",
            over_objects.len(),
            over_shards.len()
        );
        assert!(
            over_shards.len() * 100 <= over_objects.len(),
            "{} requests of {}: {over_shards:?}",
            over_shards.len(),
            over_objects.len()
        );
        let found = features(&place, &format!("s3://results/{kind}"), "s3://photos/");
        assert_eq!(found, expected);

        // Nothing has changed: the second run reads no image, and lists the shards.
        let again = run(kind, kind);
        assert!(again.len() < over_shards.len(), "{again:?}");
        let manifest = format!("results/{kind}/manifest.json");
        let manifest = fs::read(server.root().join(manifest)).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(manifest["counts"]["images"], IMAGES);
        let report = fs::read_to_string(server.root().join(format!("results/{kind}/report.html")));
        assert!(
            report.unwrap().contains("data:image/jpeg"),
            "it has thumbnails"
        );
    }

    let estimate = ["estimate", "-i", "s3://photos/tar/", "--format", "json"];
    let estimate = place.pomona(estimate.iter().chain(&["--weights", place.weights()]));
    let estimate: Value = serde_json::from_str(&estimate.code(0).stdout()).unwrap();
    assert_eq!(estimate["requests"]["images"], 2);
    assert_eq!(estimate["requests"]["list"], 1);
}

/// A BMP file of noise: three bytes a pixel, which no format makes fewer.
fn noise(seed: u64, side: u32) -> Vec<u8> {
    let length = 54 + 3 * side * side;
    let mut file = b"BM".to_vec();
    file.extend(
        [length, 0, 54, 40, side, side]
            .map(u32::to_le_bytes)
            .concat(),
    );
    file.extend([1, 0, 24, 0]);
    file.resize(54, 0);
    let mut state = seed;
    while file.len() < length as usize {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        file.push((state >> 33) as u8);
    }
    file
}

#[test]
fn a_shard_of_a_hundred_megabytes_goes_up_in_parts_and_is_read_in_ranges() {
    // One request in four is refused, or late.
    let server = S3Server::start_with_faults(&["photos", "results"], 4).unwrap();
    let place = Workplace::new().with_environment(server.environment());
    let objects = server.bucket("photos").join("objects");
    for number in 0..40 {
        let folder = objects.join(["Apple Red", "Kiwi"][number % 2]);
        fs::create_dir_all(&folder).unwrap();
        // Lines of 2,700 bytes need no padding.
        fs::write(
            folder.join(format!("{number}.bmp")),
            noise(number as u64, 900),
        )
        .unwrap();
    }
    let run = |input: &str| {
        let (input, output) = (
            format!("s3://photos/{input}/"),
            format!("s3://results/{input}"),
        );
        let asked = ["-i", &input, "-o", &output, "--partitions", "2"];
        requests(&server, || {
            place.run(&asked).code(0);
        })
    };
    run("objects");
    let expected = features(&place, "s3://results/objects", "s3://photos/objects/");
    assert_eq!(expected.len(), 40);

    for kind in ["tar", "parquet"] {
        let output = format!("s3://photos/{kind}");
        let input = "s3://photos/objects/";
        let pack = ["pack", "--as", kind, "-i", input, "-o", &output];
        let uploads = requests(&server, || {
            place.pomona(pack).code(0).says("in 1 shard in");
        });
        let shard = format!("/photos/{kind}/shard-000000.{kind}");
        let parts = uploads.iter().filter(|request| {
            request.method == "PUT"
                && request.path == shard
                && request.query.contains("partNumber=")
        });
        assert!(parts.count() >= 9, "{uploads:?}");
        let over_shards = run(kind);
        let ranges = over_shards.iter().filter(|request| request.path == shard);
        let ranges = ranges.filter(|request| request.method == "GET").count();
        eprintln!("{kind}: {ranges} ranges of a shard of 97 MB");
        // Of the tar at least three for its headers, and three for its images.
        assert!((4..=80).contains(&ranges), "{over_shards:?}");
        let found = features(&place, &format!("s3://results/{kind}"), "s3://photos/");
        assert_eq!(found, expected, "{kind}");
    }
    assert!(server.faults() > 10);
}

#[test]
fn a_run_over_damaged_shards_has_a_row_for_each_fault() {
    let place = Workplace::new();
    let shards = place.path("shards");
    fs::create_dir(&shards).unwrap();
    let good = images::png(1, 60, 60);
    let other = images::png(2, 60, 60);
    let tar = Tar::new()
        .file("A/1.png", &good)
        .member("A/link.png", b'2', b"")
        .file("A/2.png", &other);
    fs::write(shards.join("a.tar"), tar.clone().finish()).unwrap();
    let whole = gzip(&tar.finish());
    fs::write(shards.join("b.tgz"), &whole[..whole.len() - 40]).unwrap();
    let zip = Zip::new().file("B/3.png", &images::png(3, 60, 60)).finish();
    fs::write(shards.join("c.zip"), zip).unwrap();
    fs::write(shards.join("d.parquet"), b"no Parquet").unwrap();

    let run = [
        "-i",
        "shards",
        "-o",
        "out",
        "-k",
        "2",
        "--max-error-rate",
        "1",
    ];
    place.run(&run).code(0);
    let errors = place.query("SELECT path, error FROM 'out/errors/errors.csv' ORDER BY path");
    for words in [
        "a.tar/A/link.png,\"it is a link, and links in archives are not followed\"",
        "d.parquet,the Parquet file cannot be read",
        "b.tgz,the gzip is damaged",
    ] {
        assert!(errors.contains(words), "no '{words}' in {errors}");
    }
    let similar = [
        "similar",
        "shards/c.zip/B/3.png",
        "--in",
        "out",
        "--format",
        "csv",
    ];
    let similar = place.pomona(similar).code(0).stdout();
    assert!(similar.contains("a.tar/A/1.png"), "{similar}");
    let new = Zip::new().file("4.png", &other).finish();
    fs::write(place.path("new.zip"), new).unwrap();
    let url = format!("file://{}", place.path("new.zip/4.png").display());
    let similar = ["similar", &url, "--in", "out", "--weights", place.weights()];
    let similar = place.pomona(similar.iter().chain(&["--format", "csv"]));
    let similar = similar.code(0).stdout();
    let first = similar.lines().nth(1).unwrap().to_owned();
    assert!(
        first.contains("a.tar/A/2.png") && first.contains(",1"),
        "{similar}"
    );
}

/// The files of a folder and their bytes.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let files = entries.map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    });
    files.collect()
}

#[test]
fn pack_writes_the_same_bytes_again_and_goes_on_where_it_stopped() {
    let place = Workplace::new();
    let pack = |output: &str, more: &[&str]| {
        let asked = ["pack", "-i", "images", "-o", output, "--shard-size", "64k"];
        place.pomona(asked.iter().chain(more))
    };
    for kind in ["tar", "parquet"] {
        let (one, two) = (format!("{kind}-1"), format!("{kind}-2"));
        pack(&one, &["--as", kind]).code(0);
        pack(&two, &["--as", kind]).code(0);
        let whole = files(&place.path(&one));
        assert_eq!(whole, files(&place.path(&two)));
        assert!(whole.len() > 3, "{:?}", whole.keys());
        let bytes = place.query(&format!(
            "SELECT count(*) FROM images('images/') o JOIN images('{one}/') p ON o.content = p.content \
             AND o.label = p.label AND ends_with(p.path, split_part(o.path, '/images/', 2))"
        ));
        assert_eq!(bytes.lines().nth(1), Some("15"));

        // A shard that is gone, and one that was cut off, are written again, and no other.
        let missing = format!("shard-000001.{kind}");
        fs::remove_file(place.path(&two).join(&missing)).unwrap();
        let cut = place.path(&two).join(format!("shard-000000.{kind}"));
        fs::write(&cut, b"cut").unwrap();
        let half = place.path(&two).join(format!("{missing}#1"));
        fs::write(&half, b"half").unwrap();
        pack(&two, &["--as", kind])
            .code(0)
            .says("2 of them written now");
        assert_eq!(whole, files(&place.path(&two)));
        pack(&two, &["--as", kind])
            .code(0)
            .says("0 of them written now");
    }

    // Another plan needs a word.
    pack("tar-1", &["--as", "parquet"])
        .code(1)
        .says("--overwrite");
    assert_eq!(files(&place.path("tar-1")), files(&place.path("tar-2")));
    pack("tar-1", &["--as", "parquet", "--overwrite"]).code(0);
    assert_eq!(files(&place.path("tar-1")), files(&place.path("parquet-1")));
    fs::remove_file(place.path("images/Kiwi/0.png")).unwrap();
    pack("tar-2", &[]).code(1).says("as it was");
}

#[test]
fn pack_refuses_what_it_did_not_write_and_what_it_cannot_read() {
    let place = Workplace::new();
    let pack = |output: &str| place.pomona(["pack", "-i", "images", "-o", output]);
    fs::create_dir(place.path("mine")).unwrap();
    fs::write(place.path("mine/notes.txt"), "mine").unwrap();
    pack("mine")
        .code(1)
        .says("'notes.txt', which pomona pack did not write");
    assert_eq!(files(&place.path("mine")).len(), 1);
    pack("images").code(2).says("lie in each other");
    pack("images/shards").code(2).says("lie in each other");
    pack("s3://").code(2);
    place
        .pomona(["pack", "-i", "nowhere", "-o", "out"])
        .code(1)
        .says("nowhere");
    place
        .pomona(["pack", "-i", "images", "-o", "out", "--as", "zip"])
        .code(2);
    place
        .pomona(["pack", "-i", "images", "-o", "out", "--shard-size", "0"])
        .code(2);

    // A link in an archive: its shard would be one image short.
    let tar = Tar::new()
        .file("1.png", &images::png(1, 20, 20))
        .member("2.png", b'1', b"")
        .finish();
    fs::write(place.path("x.tar"), tar).unwrap();
    place
        .pomona(["pack", "-i", "x.tar", "-o", "again"])
        .code(1)
        .says("2.png cannot be read");
    assert!(!place.path("again/shard-000000.tar").exists());
}

#[test]
fn pack_of_odd_names_is_read_by_other_programs() {
    let place = Workplace::new();
    let folder = place.path("odd");
    let deep = format!("{}/{}", "d".repeat(120), "é".repeat(60));
    let names = [
        "Pêche/1 #?.png",
        "it's/100%20.png",
        &format!("{deep}/2.png"),
    ];
    for (seed, name) in names.iter().enumerate() {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, images::png(seed as u32, 20, 20)).unwrap();
    }
    place.pomona(["pack", "-i", "odd", "-o", "shards"]).code(0);
    let program = "import tarfile, sys\n\
                   for member in tarfile.open('shards/shard-000000.tar'):\n\
                   \x20   content = open('odd/' + member.name, 'rb').read()\n\
                   \x20   assert tarfile.open('shards/shard-000000.tar').extractfile(member).read() == content\n\
                   \x20   print(member.name, member.mode, member.uid)";
    let python = place.program("python3").args(["-c", program]).output();
    match python {
        Ok(ran) if ran.status.success() => {
            let listed = String::from_utf8(ran.stdout).unwrap();
            assert_eq!(listed.lines().count(), 3, "{listed}");
        }
        Ok(ran) => panic!("{}", String::from_utf8_lossy(&ran.stderr)),
        Err(_) => eprintln!("skipped: no python3 to read a tar"),
    }
    let count = place.query("SELECT count(*) FROM images('shards/')");
    assert_eq!(count.lines().nth(1), Some("3"));
}

/// An archive that Python's modules wrote, where there is a Python.
#[test]
fn archives_of_other_programs_are_read() {
    let place = Workplace::new();
    let program = "import tarfile, zipfile\n\
                   for format, name in ((tarfile.PAX_FORMAT, 'pax'), (tarfile.GNU_FORMAT, 'gnu'), (tarfile.USTAR_FORMAT, 'ustar')):\n\
                   \x20   with tarfile.open(f'py/{name}.tar', 'w', format=format) as tar: tar.add('images', '.')\n\
                   with tarfile.open('py/x.tar.gz', 'w:gz') as tar: tar.add('images')\n\
                   with zipfile.ZipFile('py/x.zip', 'w', zipfile.ZIP_DEFLATED) as file:\n\
                   \x20   [file.write(f'images/{label}/{n}.png') for label in ('Kiwi', 'Pêche+Plate') for n in range(5)]";
    fs::create_dir(place.path("py")).unwrap();
    let Ok(ran) = place.program("python3").args(["-c", program]).output() else {
        return eprintln!("skipped: no python3 to write archives");
    };
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let same = place.query(
        "SELECT split_part(p.path, '/py/', 2) LIKE 'x.zip%' AS zip, count(*) FROM images('images/') o \
         JOIN images('py/') p ON o.content = p.content AND o.label = p.label GROUP BY 1 ORDER BY 1",
    );
    assert_eq!(
        same.lines().skip(1).collect::<Vec<_>>(),
        ["false,60", "true,10"]
    );
}
