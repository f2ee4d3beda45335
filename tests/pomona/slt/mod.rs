//! The SQL logic tests of `tests/slt`, each file on each engine: `slt::<engine>::<file>`.
//!
//! `POMONA_SLT_COMPLETE=1` writes the results into the files instead of comparing them.

mod database;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use pomona_tests::archives::{Tar, Zip, gzip};
use pomona_tests::{broken, images};
use sqllogictest::{Runner, default_column_validator, default_validator};
use tempfile::TempDir;

use crate::engine::random_weights;
use database::Database;

/// One test a file: the list is checked against the folder by `every_file_is_listed`.
macro_rules! slt_files {
    ($($file:ident),* $(,)?) => {
        const FILES: &[&str] = &[$(stringify!($file)),*];

        mod local {
            use super::{Database, run};

            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $file() {
                    run(stringify!($file), "local", Database::local).await;
                }
            )*
        }

        mod standalone {
            use super::{Database, run};

            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $file() {
                    run(stringify!($file), "standalone", Database::standalone).await;
                }
            )*
        }

        mod cluster {
            use super::{Database, run};

            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $file() {
                    run(stringify!($file), "cluster", Database::cluster).await;
                }
            )*
        }
    };
}

slt_files!(
    classes, errors, file_names, functions, images, joins, pca, queries, shards, urls, vectors
);

#[test]
fn every_file_is_listed() {
    let listed: BTreeSet<String> = FILES.iter().map(|file| file.to_string()).collect();
    let found: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_string()
        })
        .collect();
    assert_eq!(listed, found);
}

/// What the files find below their variables.
struct Fixtures {
    folder: TempDir,
}

impl Fixtures {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        images::write_folder(
            &folder.path().join("images"),
            &["Apple Braeburn", "Apple Red", "Pêche+Plate"],
            4,
        );
        let damaged = folder.path().join("broken");
        fs::create_dir_all(&damaged).unwrap();
        fs::create_dir_all(folder.path().join("scratch")).unwrap();
        for broken in broken::corpus() {
            fs::write(damaged.join(broken.name), &broken.bytes).unwrap();
        }
        fs::write(damaged.join("good.png"), images::png(3, 50, 40)).unwrap();
        fs::create_dir(damaged.join("directory.jpg")).unwrap();
        let array = r#"[{"x": 1, "s": "one"}, {"x": 5, "s": "five"}]"#;
        fs::write(folder.path().join("scratch/array.json"), array).unwrap();
        let names = folder.path().join("names");
        images::write_folder(&names, &["it's", "#1?", "100%20", "two words", "mixed"], 1);
        fs::write(names.join("mixed/labels.csv"), "n\n3\n").unwrap();
        for folder in ["notes", "empty"] {
            fs::create_dir(names.join(folder)).unwrap();
        }
        fs::write(names.join("notes/readme.txt"), "text").unwrap();
        write_shards(&folder.path().join("images"), &folder.path().join("shards"));
        Self { folder }
    }

    fn variables(&self) -> [(&'static str, PathBuf); 7] {
        let below = |name| self.folder.path().join(name);
        [
            ("IMAGES", below("images")),
            ("BROKEN", below("broken")),
            ("NAMES", below("names")),
            ("SHARDS", below("shards")),
            ("SCRATCH", below("scratch")),
            ("OPTIONS", folder().with_file_name("data").join("options")),
            ("WEIGHTS", random_weights()),
        ]
    }
}

/// Writes the images of each folder as a tar, a gzipped tar and a zip, with odd members.
fn write_shards(images: &Path, shards: &Path) {
    fs::create_dir(shards).unwrap();
    let (mut tar, mut gzipped, mut zip) = (Tar::new(), Tar::new(), Zip::new());
    for number in 0..4 {
        let file = |label: &str| fs::read(images.join(format!("{label}/{number}.png"))).unwrap();
        let name = |label: &str| format!("{label}/{number}.png");
        let (braeburn, red, peach) = ("Apple Braeburn", "Apple Red", "Pêche+Plate");
        tar = tar.file(name(braeburn), &file(braeburn));
        tar = tar.file(
            format!("{braeburn}/{number}.cls"),
            number.to_string().as_bytes(),
        );
        gzipped = gzipped.file(name(red), &file(red));
        zip = zip.file(name(peach), &file(peach));
    }
    let tar = tar.member("link.png", b'2', b"").finish();
    fs::write(shards.join("a.tar"), tar).unwrap();
    fs::write(shards.join("b.tar.gz"), gzip(&gzipped.finish())).unwrap();
    fs::write(shards.join("c.zip"), zip.finish()).unwrap();
}

/// Runs a file; records in it can be for one engine alone, with `onlyif local` and the like.
async fn run<C, F>(file: &str, engine: &str, connect: C)
where
    C: Fn() -> F,
    F: Future<Output = anyhow::Result<Database>>,
{
    let fixtures = Fixtures::new();
    let mut runner = Runner::new(|| {
        let database = connect();
        async { database.await.map_err(database::Failure::from) }
    });
    runner.add_label(engine);
    for (name, value) in fixtures.variables() {
        runner.set_var(name.to_string(), value.display().to_string());
    }
    let path = folder().join(format!("{file}.slt"));
    if env::var_os("POMONA_SLT_COMPLETE").is_some() {
        runner
            .update_test_file(
                &path,
                " ",
                default_validator,
                sqllogictest::default_normalizer,
                default_column_validator,
            )
            .await
            .unwrap();
    } else if let Err(error) = runner.run_file_async(&path).await {
        panic!("{}", error.display(false));
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("slt")
}
