//! One word for one thing (CONTRIBUTING.md has the glossary).

use super::{all_keep, files};

/// Words that are not used, and what is written instead.
const INSTEAD: [(&str, &str); 8] = [
    ("picture", "image"),
    ("pictures", "images"),
    ("ledger", "row index"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("teller", "progress reporter"),
    ("gives back what", "returns"),
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
    ] {
        assert!(uses_the_words("a.rs", broken).is_some(), "{broken}");
    }
    assert!(uses_the_words("a.rs", "depicture").is_none());
}
