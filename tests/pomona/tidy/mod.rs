//! Rules of the house that no linter keeps. Each is a function of a file's name and text, and a
//! test shows it one file that breaks it.

mod commands;
mod dependencies;
mod files;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Files of the repository whose names end so, relative to its root, with their text: those that
/// git knows, or all that there are where this is no checkout.
fn files(ending: &str) -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output();
    let names: Vec<String> = match listed {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout)
            .expect("names are UTF-8")
            .split('\0')
            .map(str::to_string)
            .collect(),
        _ => walk(&root()),
    };
    let names = names.into_iter().filter(|name| name.ends_with(ending));
    let files: Vec<_> = names
        .filter_map(|name| {
            let text = fs::read_to_string(root().join(&name)).ok()?;
            Some((name, text))
        })
        .collect();
    assert!(!files.is_empty(), "no file ends in {ending}");
    files
}

fn walk(folder: &Path) -> Vec<String> {
    let mut names = vec![];
    let mut left = vec![folder.to_path_buf()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).expect("a folder of the repository") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
                left.push(path);
            } else if let Ok(name) = path.strip_prefix(root()) {
                names.push(name.to_string_lossy().into_owned());
            }
        }
    }
    names
}

/// Fails with every file that breaks a rule.
#[track_caller]
fn all_keep(rule: impl Fn(&str, &str) -> Option<String>, files: &[(String, String)]) {
    let broken: Vec<String> = files
        .iter()
        .filter_map(|(name, text)| Some(format!("{name}: {}", rule(name, text)?)))
        .collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}
