//! The order of the crates: `docs/src/architecture.md` says what `cargo metadata` finds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::root;

/// The crates that each crate of the workspace uses directly, those of tests and builds aside.
type Uses = BTreeMap<String, BTreeSet<String>>;

fn metadata(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline"])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo writes JSON")
}

/// The platform of this compiler: crates of others need not have been fetched.
fn host() -> String {
    let version = Command::new("rustc")
        .arg("-vV")
        .output()
        .expect("rustc runs");
    let version = String::from_utf8(version.stdout).expect("UTF-8");
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("a host").to_string()
}

fn found() -> Uses {
    let metadata = metadata(&["--no-deps"]);
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let uses = dependencies
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .filter_map(|dependency| dependency["name"].as_str())
                .filter(|name| name.starts_with("pomona-"))
                .map(str::to_string);
            (
                package["name"].as_str().expect("a name").to_string(),
                uses.collect(),
            )
        })
        .collect()
}

/// The block of the page that begins with the line `dependencies:`.
fn documented(page: &str) -> Uses {
    let (_, block) = page
        .split_once("```text\ndependencies:\n")
        .expect("the page has the block 'dependencies:'");
    let (block, _) = block.split_once("```").expect("the block ends");
    block
        .lines()
        .map(|line| {
            let (name, uses) = line.split_once(':').expect("a line is NAME: NAME, NAME");
            let uses = uses
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty());
            (name.trim().to_string(), uses.map(str::to_string).collect())
        })
        .collect()
}

/// Crates that use a crate which uses them.
fn circular(uses: &Uses) -> Vec<&String> {
    let reaches = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut left: Vec<&String> = uses[from].iter().collect();
        while let Some(next) = left.pop() {
            if seen.insert(next) {
                left.extend(uses.get(next).into_iter().flatten());
            }
        }
        seen
    };
    uses.keys()
        .filter(|name| reaches(name).contains(name))
        .collect()
}

#[test]
fn the_page_has_the_crates_as_they_are() {
    let page = fs::read_to_string(root().join("docs/src/architecture.md")).unwrap();
    let (documented, found) = (documented(&page), found());
    assert_eq!(documented, found);
    assert_eq!(circular(&found), Vec::<&String>::new());
}

/// Crates that only the code of a macro names.
const NAMED_BY_MACROS: [&str; 1] = ["datafusion-doc"];

/// The dependencies of a crate that its sources do not name.
fn unused<'a>(dependencies: &[&'a str], sources: &str) -> Vec<&'a str> {
    let is_named = |name: &&str| {
        let name = name.replace('-', "_");
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        sources.split(|c| !is_word(c)).any(|word| word == name)
    };
    let unused = dependencies.iter().filter(|name| !is_named(name));
    unused.copied().collect()
}

#[test]
fn crates_use_what_they_depend_on() {
    let sources = super::files(".rs");
    let metadata = metadata(&["--no-deps"]);
    let mut found = vec![];
    for package in metadata["packages"].as_array().expect("packages") {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        let normal = dependencies.iter().filter(|one| one["kind"].is_null());
        // The name that the sources know it by.
        let name = |dependency: &'_ Value| {
            let renamed = dependency["rename"].as_str();
            renamed.or(dependency["name"].as_str()).map(str::to_owned)
        };
        let names: Vec<String> = normal.filter_map(name).collect();
        let names: Vec<&str> = names
            .iter()
            .map(String::as_str)
            .filter(|name| !NAMED_BY_MACROS.contains(name))
            .collect();
        let manifest = package["manifest_path"].as_str().expect("a path");
        let folder = manifest.trim_end_matches("/Cargo.toml");
        let root = root().canonicalize().expect("the repository");
        let folder = folder.trim_start_matches(root.to_str().expect("UTF-8"));
        let folder = match folder.trim_start_matches('/') {
            // What the tests share, and the examples, lie beside their manifests.
            folder @ ("tests" | "crates/pomona-examples") => format!("{folder}/"),
            folder => format!("{folder}/src/"),
        };
        let of_package = sources.iter().filter(|(name, _)| name.starts_with(&folder));
        let text: String = of_package.map(|(_, text)| text.as_str()).collect();
        assert!(!text.is_empty(), "no source in {folder}");
        found.extend(
            unused(&names, &text)
                .iter()
                .map(|name| format!("{folder}: {name}")),
        );
    }
    assert!(found.is_empty(), "unused dependencies: {found:?}");
}

#[test]
fn programs_that_embed_a_session_link_no_ballista() {
    let metadata = metadata(&["--filter-platform", &host()]);
    let nodes = metadata["resolve"]["nodes"].as_array().expect("a graph");
    let name = |id: &str| id.rsplit('/').next().unwrap_or(id).to_string();
    let uses: BTreeMap<String, Vec<String>> = nodes
        .iter()
        .map(|node| {
            let normal = |dependency: &&Value| {
                let kinds = dependency["dep_kinds"].as_array().expect("kinds");
                kinds.iter().any(|kind| kind["kind"].is_null())
            };
            let dependencies = node["deps"].as_array().expect("dependencies");
            let ids = dependencies.iter().filter(normal);
            let ids = ids.map(|dependency| name(dependency["pkg"].as_str().expect("an id")));
            (name(node["id"].as_str().expect("an id")), ids.collect())
        })
        .collect();
    let reached = |from: &str| -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mut left: Vec<String> = uses
            .keys()
            .filter(|id| id.starts_with(from))
            .cloned()
            .collect();
        while let Some(id) = left.pop() {
            if seen.insert(id.clone()) {
                left.extend(uses[&id].iter().cloned());
            }
        }
        seen
    };
    let has_ballista = |ids: &BTreeSet<String>| ids.iter().any(|id| id.contains("ballista"));
    let session = reached("pomona-session#");
    assert!(session.len() > 100, "{session:?}");
    assert!(!has_ballista(&session), "{session:?}");
    let examples = reached("pomona-examples#");
    assert!(examples.is_superset(&session));
    assert!(!has_ballista(&examples), "{examples:?}");
    assert!(has_ballista(&reached("pomona-cluster#")));
}

#[test]
fn the_comparison_finds_what_is_wrong() {
    let page = "# A\n\n```text\ndependencies:\na: b\nb: a, c\nc:\n```\n";
    let uses = documented(page);
    assert_eq!(
        uses["b"],
        BTreeSet::from(["a".to_string(), "c".to_string()])
    );
    assert_eq!(circular(&uses), ["a", "b"]);
    let sources = "use pomona_pca::Moments; // pomona_amx_more";
    assert_eq!(
        unused(&["pomona-pca", "pomona-amx"], sources),
        ["pomona-amx"]
    );
}
