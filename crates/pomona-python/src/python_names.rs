//! Options of the command by the names that Python has for them, in arguments and in the sentences of errors.

use std::sync::OnceLock;

use pomona_cli::{RunOption, RunOptions, Takes, error_message};
use pyo3::prelude::*;

use crate::error_kind;
use crate::errors::{of_kind, usage};

/// Options of tables of images, which people look for in a run, and where they are.
const OF_TABLES: [&str; 9] = [
    "glob",
    "recursive",
    "depth",
    "shards",
    "sidecars",
    "missing",
    "concurrency",
    "batch_bytes",
    "listing",
];

/// The options of a run.
pub(crate) fn run_options() -> &'static [RunOption] {
    static OPTIONS: OnceLock<Vec<RunOption>> = OnceLock::new();
    OPTIONS.get_or_init(RunOptions::all)
}

/// The option of a name of Python, such as `max_error_rate`.
///
/// # Errors
/// `UsageError` when there is none, with the one that was probably meant.
pub(crate) fn run_option(py: Python<'_>, name: &str) -> PyResult<&'static RunOption> {
    let found = run_options()
        .iter()
        .find(|option| python_name(option) == name);
    match found {
        Some(option) => Ok(option),
        None => Err(usage(format!(
            "run() has no option '{name}'{}",
            way_out(py, name)?
        ))),
    }
}

fn way_out(py: Python<'_>, name: &str) -> PyResult<String> {
    if name == "glob" {
        return Ok(": a pattern is a part of input, as in input='photos/*.jpg'".to_string());
    }
    if OF_TABLES.contains(&name) {
        return Ok(format!(
            ": '{name}' is one of a table of images, Connection.images(), and a run has its own"
        ));
    }
    let names: Vec<String> = run_options().iter().map(python_name).collect();
    let near: Vec<String> = py
        .import("difflib")?
        .call_method1("get_close_matches", (name, names, 1))?
        .extract()?;
    Ok(near.first().map_or_else(
        || ": `pomona help run` has all of them".to_string(),
        |near| format!("; did you mean '{near}'?"),
    ))
}

fn python_name(option: &RunOption) -> String {
    option.name.replace('-', "_")
}

/// The exception of an error, as [`raise`](crate::errors::raise), with the options of a run by their names in Python.
pub(crate) fn raise_in_names(py: Python<'_>, error: impl Into<anyhow::Error>) -> PyErr {
    let error = error.into();
    let kind = error_kind::of_error(&error);
    of_kind(py, kind, in_names(&error_message(&error)))
}

/// A sentence of the command with `output` for `--output`, `'--output <DIR>'` and `-o`, and `overwrite=True` for
/// `--overwrite`.
pub(crate) fn in_names(sentence: &str) -> String {
    let mut said = String::new();
    let mut rest = sentence;
    while let Some(at) = rest.find('-') {
        let (before, from) = rest.split_at(at);
        said.push_str(before);
        let begins = said.chars().next_back();
        let is_begin = begins.is_none_or(|c| c.is_whitespace() || "'(".contains(c));
        let found = is_begin.then(|| option_at(from)).flatten();
        let Some((option, mut length)) = found else {
            said.push('-');
            rest = &from[1..];
            continue;
        };
        // As clap writes it, often in quotes: '--components <K>'.
        length += placeholder(&from[length..]);
        let is_quoted = begins == Some('\'') && from[length..].starts_with('\'');
        if is_quoted {
            said.pop();
            length += 1;
        }
        said.push_str(&as_argument(option, is_quoted));
        rest = &from[length..];
    }
    said.push_str(rest);
    said
}

/// The option that a text begins with, and the length of its name with the dashes.
fn option_at(text: &str) -> Option<(&'static RunOption, usize)> {
    let end = text
        .find(|c: char| c != '-' && !c.is_ascii_alphanumeric())
        .unwrap_or(text.len());
    let written = text[..end].trim_end_matches('-');
    let name = match written {
        "-k" => "components",
        "-i" => "input",
        "-o" => "output",
        "-m" => "memory-limit",
        long => long.strip_prefix("--")?,
    };
    let option = run_options().iter().find(|option| option.name == name)?;
    Some((option, written.len()))
}

/// The length of what stands for the value of an option, such as ` <DIR>`.
fn placeholder(rest: &str) -> usize {
    let value = rest.strip_prefix(" <");
    let end = value.and_then(|value| value.find('>'));
    end.map_or(0, |end| end + " <>".len())
}

fn as_argument(option: &RunOption, is_named_alone: bool) -> String {
    match (&*option.name, option.takes) {
        ("no-report", _) => "report=False".to_string(),
        (_, Takes::Nothing) if !is_named_alone => format!("{}=True", python_name(option)),
        _ => python_name(option),
    }
}
