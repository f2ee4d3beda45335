//! The commands of CONTRIBUTING.md are the recipes of the justfile, and CI runs without the reference data what
//! reads it.

use std::fs;

use super::{all_keep, files, root};

/// The commands of the first block of a page, without their comments.
fn documented(page: &str) -> Vec<String> {
    let (_, block) = page.split_once("```sh\n").expect("a block of commands");
    let (block, _) = block.split_once("```").expect("the block ends");
    let command = |line: &str| {
        line.split('#')
            .next()
            .unwrap_or_default()
            .trim()
            .to_string()
    };
    block.lines().map(command).collect()
}

/// The commands of a justfile: `{{ NAME }}` is `NAME`, and `{{ ARGS }}`, which may be empty, nothing.
fn recipes(justfile: &str) -> Vec<String> {
    let indented = justfile
        .lines()
        .filter_map(|line| line.strip_prefix("    "));
    let plain = |line: &str| {
        let line = line.replace("{{ ARGS }}", "");
        line.replace("{{ ", "")
            .replace(" }}", "")
            .trim()
            .to_string()
    };
    indented.map(plain).collect()
}

/// What looks for the reference data: the variable, and the functions that read it.
const READS_DATA: [&str; 3] = ["POMONA_TEST_DATA", "reference_data()", "test_data("];

/// A test binary of one file that reads the reference data, and that CI does not run without it too.
fn runs_without_data(ci: &str, name: &str, text: &str) -> Option<String> {
    let (_, test) = name.strip_prefix("crates/")?.split_once("/tests/")?;
    let test = test
        .strip_suffix(".rs")
        .filter(|test| !test.contains('/'))?;
    let reads = READS_DATA.iter().any(|reads| text.contains(reads));
    let (_, command) = ci.split_once("POMONA_TEST_DATA=/nonexistent ")?;
    let lines = command.split_inclusive('\n');
    let of_it = lines.scan(true, |goes_on, line| {
        let is_of_it = *goes_on;
        *goes_on = line.trim_end().ends_with('\\');
        is_of_it.then_some(line)
    });
    let command: String = of_it.collect();
    let mut words = command.split_whitespace();
    (reads && !words.any(|word| word == test)).then(|| format!(".ci/run lacks '--test {test}'"))
}

#[test]
fn tests_of_the_reference_data_are_run_without_it() {
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    all_keep(
        |name, text| runs_without_data(&ci, name, text),
        &files(".rs"),
    );
    let name = "crates/a/tests/b.rs";
    let reads = concat!("let data = test_", "data(FILE);");
    let rule = |ci: &str, text: &str| runs_without_data(ci, name, text);
    let run = "POMONA_TEST_DATA=/nonexistent cargo test --test a \\\n --test b\n";
    assert_eq!(rule(run, reads), None);
    assert_eq!(rule(run, "no data"), None);
    let without = "POMONA_TEST_DATA=/nonexistent cargo test --test a\ncargo test --test b\n";
    assert!(rule(without, reads).is_some());
}

#[test]
fn commands_have_recipes() {
    let page = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let recipes = recipes(&fs::read_to_string(root().join("justfile")).unwrap());
    let documented = documented(&page);
    assert!(documented.len() > 5, "{documented:?}");
    for command in documented {
        assert!(
            recipes.contains(&command),
            "no recipe runs '{command}': {recipes:?}"
        );
    }
}

#[test]
fn the_comparison_finds_a_command_without_a_recipe() {
    let page = "# A\n\n```sh\ncargo test NAME   # one\ncargo doc\n```\n";
    assert_eq!(documented(page), ["cargo test NAME", "cargo doc"]);
    assert_eq!(
        recipes("test NAME *ARGS:\n    cargo test {{ NAME }} {{ ARGS }}\n"),
        ["cargo test NAME"]
    );
}
