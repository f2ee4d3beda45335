//! The commands of CONTRIBUTING.md are the recipes of the justfile.

use std::fs;

use super::root;

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
