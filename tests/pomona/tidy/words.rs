//! One word for one thing (CONTRIBUTING.md has the glossary).

use std::fs;

use super::{all_keep, files, root};

/// Words that are not used, and what is written instead.
const INSTEAD: [(&str, &str); 22] = [
    ("picture", "image"),
    ("pictures", "images"),
    ("ledger", "row index"),
    ("company", "batch"),
    ("teller", "progress reporter"),
    ("tell", "say, show or distinguish"),
    ("tells", "says, reports or distinguishes"),
    ("told", "said, reported or distinguished"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("mending", "fixing"),
    ("befalls", "happens to"),
    ("vouches for", "guarantees"),
    ("give back", "return"),
    ("gives back", "returns"),
    ("gives it back", "returns it, or releases it"),
    ("has seen enough", "has closed it"),
    ("by chance", "random"),
    ("beside the diagonal", "off the diagonal"),
    (
        "on the diagonal and -1 beside",
        "on the diagonal and -1 off",
    ),
    ("that there is not", "unknown"),
];

/// Files in which the words stand for something else: this one, and file formats and libraries
/// that have the word in a name.
fn may_have_them(name: &str) -> bool {
    name.ends_with("tidy/words.rs") || name == "CHANGELOG.md"
}

fn uses_the_words(name: &str, text: &str) -> Option<String> {
    if may_have_them(name) {
        return None;
    }
    for (number, line) in text.lines().enumerate() {
        let line = line.to_lowercase();
        for (word, instead) in INSTEAD {
            if has_word(&line, word) {
                return Some(format!(
                    "line {}: write '{instead}', not '{word}'",
                    number + 1
                ));
            }
        }
    }
    None
}

/// Whether a text has a word, as such or as a part of an identifier.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let is_letter = |c: char| c.is_ascii_alphabetic();
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

#[test]
fn texts_use_one_word_for_one_thing() {
    for ending in [".rs", ".sql", ".slt", ".md", ".toml"] {
        all_keep(uses_the_words, &files(ending));
    }
}

#[test]
fn the_rule_finds_what_breaks_it() {
    for broken in [
        "let picture_count = 1;",
        "// A picture.",
        "the PICTURES are",
        "/// Tells how far it is.",
        "/// The lock is told.",
        "//! The matrix, and what stands beside the diagonal.",
    ] {
        assert!(uses_the_words("a.rs", broken).is_some(), "{broken}");
    }
    for kept in ["depicture", "foretold", "beside the file", "mendacious"] {
        assert!(uses_the_words("a.rs", kept).is_none(), "{kept}");
    }
}

#[test]
fn the_glossary_is_short_and_sorted() {
    let page = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let (_, glossary) = page.split_once("\n## Words\n").expect("a section of words");
    let rows = glossary.lines().filter(|line| line.starts_with("| "));
    let terms: Vec<&str> = rows
        .skip(1)
        .filter_map(|row| row.split('|').nth(1))
        .collect();
    assert!((10..=20).contains(&terms.len()), "{terms:?}");
    let sorted = terms.is_sorted_by_key(|term| term.trim().trim_matches('`').to_lowercase());
    assert!(sorted, "not in the order of the alphabet: {terms:?}");
}
