//! Files: one subject each, said in their first line.

use super::{all_keep, files};

/// Lines of source, tests inside a file aside.
const MOST_LINES: usize = 400;

const NO_SUBJECT: [&str; 5] = ["utils", "util", "common", "helpers", "v2"];

fn opens_with_a_sentence(_name: &str, text: &str) -> Option<String> {
    (!text.starts_with("//! ")).then(|| "its first line is no //! sentence".to_string())
}

fn is_short(name: &str, text: &str) -> Option<String> {
    let source = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = source.lines().count();
    let is_source = name.contains("/src/");
    (is_source && lines > MOST_LINES).then(|| format!("{lines} lines of source"))
}

fn has_a_subject(name: &str, _text: &str) -> Option<String> {
    let mut parts = name.split('/').map(|part| part.trim_end_matches(".rs"));
    let found = parts.find(|part| NO_SUBJECT.contains(part))?;
    Some(format!("'{found}' names no subject"))
}

fn says_when_it_can_go(name: &str, text: &str) -> Option<String> {
    let is_rule = name.contains("/rules/") && !name.ends_with("mod.rs");
    let says = ["//! ```sql", "//! Upstream: ", "//! Remove when: "];
    let missing = says.into_iter().find(|said| !text.contains(said))?;
    is_rule.then(|| format!("a rule of the cluster without '{missing}'"))
}

/// Libraries return or report; commands print through `terminal.rs`, which bears a closed stream.
fn prints_nothing(name: &str, text: &str) -> Option<String> {
    let is_source = name.contains("/src/") && !name.ends_with("/terminal.rs");
    let tests = text.find("#[cfg(test)]").or_else(|| text.find("#[test]"));
    let source = &text[..tests.unwrap_or(text.len())];
    let mut macros = ["print!(", "println!(", "eprint!(", "eprintln!("].into_iter();
    let found = macros.find(|name| source.contains(name))?;
    (is_source && name.starts_with("crates/")).then(|| format!("it has '{found}'"))
}

/// Tests of one process run side by side, so a name made of its number is no name of one's own.
fn tests_in_folders_of_their_own(name: &str, text: &str) -> Option<String> {
    let source = match name.contains("/src/") {
        true => text.find("#[cfg(test)]").unwrap_or(text.len()),
        false => 0,
    };
    let shared = concat!("temp_dir", "()");
    let found = text[source..].contains(shared);
    found.then(|| format!("a test uses '{shared}': tempfile::tempdir() makes a folder for each"))
}

#[test]
fn source_files_keep_the_rules() {
    let sources = files(".rs");
    all_keep(opens_with_a_sentence, &sources);
    all_keep(is_short, &sources);
    all_keep(has_a_subject, &sources);
    all_keep(says_when_it_can_go, &sources);
    all_keep(prints_nothing, &sources);
    all_keep(tests_in_folders_of_their_own, &sources);
}

#[test]
fn each_rule_finds_what_breaks_it() {
    assert!(opens_with_a_sentence("a.rs", "use std::fs;").is_some());
    let long = "\n".repeat(MOST_LINES + 1);
    assert!(is_short("crates/a/src/a.rs", &long).is_some());
    assert!(is_short("crates/a/src/a.rs", &format!("#[cfg(test)]{long}")).is_none());
    assert!(has_a_subject("crates/a/src/utils.rs", "").is_some());
    assert!(says_when_it_can_go("src/rules/a.rs", "//! Upstream: none").is_some());
    let prints = "fn f() { println!(\"x\"); }";
    assert!(prints_nothing("crates/a/src/a.rs", prints).is_some());
    assert!(prints_nothing("crates/a/src/a.rs", &format!("#[cfg(test)]{prints}")).is_none());
    assert!(prints_nothing("crates/a/examples/a.rs", prints).is_none());
    let shares = concat!("#[test] fn f() { env::temp_dir", "(); }");
    let rule = tests_in_folders_of_their_own;
    assert!(rule("crates/a/tests/a.rs", shares).is_some());
    assert!(rule("crates/a/src/a.rs", &format!("#[cfg(test)]{shares}")).is_some());
    assert!(rule("crates/a/src/a.rs", shares).is_none());
}
