//! The commands of the README and the quickstart, run as they stand.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use pomona_tests::hub_server::HubServer;
use pomona_tests::images;
use pomona_tests::reference_data::reference_data;
use pomona_tests::s3_server::S3Server;

use crate::workplace::Workplace;

const LABELS: [&str; 2] = ["Apple Red", "Kiwi"];

/// `cargo run --bin NAME -- …` of a clone, with the programs that Cargo built for this test. Cargo
/// itself would build them again, with the lock on the build folder that may be held at the moment.
const CARGO: &str = r#"#!/bin/sh
if [ "$1 $2 $4" != "run --bin --" ]; then echo "no such cargo here: $*" >&2; exit 64; fi
name=$3; shift 4; exec "$name" "$@"
"#;

#[test]
fn every_command_of_the_readme_runs() {
    let reader = Reader::new();
    let ran = reader.follow(include_str!("../../../../README.md"));
    assert_eq!(ran, ["sql", "sh", "sh", "sh", "sh"]);
}

#[test]
fn every_command_of_the_quickstart_runs() {
    let reader = Reader::new();
    let ran = reader.follow(include_str!("../../../../docs/src/quickstart.md"));
    assert_eq!(ran, ["sh", "sh", "python", "sh", "text"]);
}

/// Somebody who types what a page says, in a folder with images of their own.
struct Reader {
    place: Workplace,
    // They serve as long as they are there.
    _bucket: S3Server,
    _hub: HubServer,
}

impl Reader {
    fn new() -> Self {
        let bucket = S3Server::start(&["bucket"]).unwrap();
        let hub = HubServer::start().unwrap();
        let mut variables = bucket.environment().to_vec();
        variables.push(("HF_ENDPOINT", hub.endpoint()));
        // The hub has the network that Pomona uses by default, where the reference data has it.
        match reference_data() {
            Some(data) => {
                let model = data.join("models/mobilenet_v2_1.0_224_classifier.safetensors");
                let bytes = fs::read(model).unwrap();
                hub.put("google/mobilenet_v2_1.0_224", "model.safetensors", bytes);
            }
            None => variables.push(("POMONA_WEIGHTS", "fruits".to_string())),
        }
        let place = variables
            .into_iter()
            .fold(Workplace::new(), |place, variable| {
                place.with_environment([variable])
            });
        // A principal component each needs an image more than the 50 that the pages ask for.
        let training = bucket.bucket("bucket").join("fruits/Training");
        for folder in [place.path("IMAGES"), place.path("DIR"), training] {
            images::write_folder(&folder, &LABELS, 52);
        }
        let shims = place.path("shims");
        fs::create_dir(&shims).unwrap();
        fs::write(shims.join("cargo"), CARGO).unwrap();
        fs::set_permissions(shims.join("cargo"), fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            place,
            _bucket: bucket,
            _hub: hub,
        }
    }

    /// Runs the blocks of a page one after another, and returns their languages.
    #[track_caller]
    fn follow(&self, page: &str) -> Vec<String> {
        let mut ran = vec![];
        for (language, block) in blocks(page) {
            let output = match language.as_str() {
                // This is the test of it.
                "sh" if block.trim() == "cargo test --workspace" => continue,
                // The tests of the Python package run it: crates/pomona-python/tests/test_documents.py.
                "python" if block.starts_with("import pomona") => continue,
                "sh" => self.run("bash", &["-euo", "pipefail", "-c", &block], ""),
                "sql" => self.run("pomona", &["sql", "-c", &block], ""),
                "python" if !has_pandas() => {
                    eprintln!("skipped: no pandas with pyarrow for: {block}");
                    ran.push(language);
                    continue;
                }
                "python" => self.run("python3", &["-c", &block], ""),
                "text" => {
                    let typed = block
                        .lines()
                        .filter_map(|line| line.strip_prefix("pomona> "));
                    let typed: String = typed.map(|line| format!("{line}\n")).collect();
                    self.run("pomona", &["sql"], &typed)
                }
                other => panic!("nobody knows how to run a block of '{other}': {block}"),
            };
            assert!(
                output.status.success(),
                "{block}\n{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            ran.push(language);
        }
        ran
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) -> Output {
        let programs = Path::new(env!("CARGO_BIN_EXE_pomona")).parent().unwrap();
        let path = env::var_os("PATH").unwrap_or_default();
        let mut folders = vec![self.place.path("shims"), programs.to_path_buf()];
        folders.extend(env::split_paths(&path));
        let path = env::join_paths(folders).unwrap();
        // The program is looked up in the PATH of the child.
        let mut child = self
            .place
            .program("/usr/bin/env")
            .env("PATH", path)
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    }
}

/// The fenced blocks of a page, with the word after their fence.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = vec![];
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((language.to_string(), block.join("\n")));
        }
    }
    blocks
}

fn has_pandas() -> bool {
    let import = Command::new("python3")
        .args(["-c", "import pandas, pyarrow"])
        .stderr(Stdio::null())
        .status();
    import.is_ok_and(|status| status.success())
}
