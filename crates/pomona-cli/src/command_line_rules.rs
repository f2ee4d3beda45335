//! Rules of the command line: help texts are short, and options of earlier versions stay.

use clap::{Command, CommandFactory};

use crate::arguments::Arguments;

const SESSION: &str =
    "weights scheduler standalone tls-ca tls-cert tls-key memory-limit partitions";

/// The commands of version 0.1.0 and their options, those of [`SESSION`] as `+`.
const OPTIONS_OF_0_1: [(&str, &str); 16] = [
    ("", "config color progress log-format quiet"),
    ("sql", "+ command file rc format maxrows batch-size"),
    (
        "run",
        "+ input output components filter limit overwrite prune checkpoint format file-size \
         force-unlock max-error-rate lang no-report",
    ),
    ("demo", ""),
    (
        "estimate",
        "+ input filter limit components nodes type prices max-cost format",
    ),
    (
        "verify",
        "+ against column tolerance pca-tolerance path-column features-column pca-column \
         path-parts allow-missing format show-sql",
    ),
    ("similar", "+ in count by format show-sql"),
    ("outliers", "+ in count format show-sql"),
    ("suspects", "+ in count neighbours by format show-sql"),
    ("report", "+ lang output"),
    (
        "scheduler",
        "bind-host bind-port external-host executor-timeout-seconds \
         expire-dead-executor-interval-seconds tls-ca tls-cert tls-key",
    ),
    (
        "executor",
        "bind-host external-host bind-port bind-grpc-port scheduler-host scheduler-port \
         scheduler-connect-timeout-seconds executor-heartbeat-interval-seconds vcores work-dir \
         memory-pool-size memory-pool-fraction tls-ca tls-cert tls-key",
    ),
    ("jobs", "scheduler format tls-ca tls-cert tls-key"),
    ("weights convert", "dtype names labels"),
    ("weights inspect", "format"),
    ("config show", "origin"),
];

/// The longest help text, in characters: two lines of a terminal.
const MOST_CHARACTERS: usize = 170;

/// First words of texts that describe where they could name or command.
const WEAK_STARTS: [&str; 10] = [
    "a", "an", "the", "this", "how", "what", "when", "where", "which", "whether",
];

/// What is wrong with a help text.
fn fault(text: &str) -> Option<String> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if text.chars().count() > MOST_CHARACTERS {
        return Some(format!("more than {MOST_CHARACTERS} characters"));
    }
    if WEAK_STARTS.contains(&first.to_lowercase().as_str()) {
        return Some(format!("begins with '{first}'"));
    }
    (text.is_empty() || text.ends_with('.')).then(|| "empty, or with a full stop".to_string())
}

/// The help texts of a command, of its options and of the commands below it.
fn texts(command: &Command) -> Vec<(String, String)> {
    let name = command.get_name();
    let about = command.get_about().map(ToString::to_string);
    let mut texts = vec![(name.to_string(), about.unwrap_or_default())];
    for argument in command.get_arguments() {
        let help = argument.get_help().map(ToString::to_string);
        texts.push((
            format!("{name} {}", argument.get_id()),
            help.unwrap_or_default(),
        ));
    }
    texts.extend(command.get_subcommands().flat_map(self::texts));
    texts
}

#[test]
fn help_texts_are_short_and_begin_with_what_they_are_about() {
    let texts = texts(&Arguments::command());
    assert!(texts.len() > 100, "{texts:?}");
    let faults: Vec<String> = texts
        .iter()
        .filter_map(|(of, text)| Some(format!("{of}: {}: '{text}'", fault(text)?)))
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_rule_finds_what_breaks_it() {
    for text in ["", "The folder", "Write it.", &"long ".repeat(40)] {
        assert!(fault(text).is_some(), "{text}");
    }
    assert_eq!(fault("Folder of images"), None);
}

#[test]
fn options_of_version_0_1_are_still_there() {
    let pomona = Arguments::command();
    for (path, options) in OPTIONS_OF_0_1 {
        let mut command = &pomona;
        for name in path.split_whitespace() {
            let below = command.find_subcommand(name);
            command = below.unwrap_or_else(|| panic!("no command '{path}'"));
        }
        for option in options.replace('+', SESSION).split_whitespace() {
            let mut arguments = command.get_arguments();
            let found = arguments.any(|argument| {
                let aliases = argument.get_all_aliases().unwrap_or_default();
                argument.get_long() == Some(option) || aliases.contains(&option)
            });
            assert!(found, "pomona {path}: no option --{option}");
        }
    }
}
