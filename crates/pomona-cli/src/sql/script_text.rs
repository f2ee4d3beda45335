//! Splits SQL files and standard input into statements and backslash commands.

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Statements.
    Sql(&'a str),
    /// A command, without its backslash.
    Command(&'a str),
}

/// Splits a text into its parts. A byte order mark and a first line `#!…` are skipped; a line that
/// begins with a backslash is a command if no statement is open.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = match text.strip_prefix("#!") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, rest)| rest),
        None => text,
    };
    let mut parts = vec![];
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        let command = line.trim().strip_prefix('\\');
        if let Some(command) = command.filter(|_| is_complete(&text[start..at])) {
            parts.push(Part::Sql(&text[start..at]));
            parts.push(Part::Command(command));
            start = at + line.len();
        }
        at += line.len();
    }
    parts.push(Part::Sql(&text[start..]));
    parts.retain(|part| !matches!(part, Part::Sql(sql) if sql.trim().is_empty()));
    parts
}

/// Whether no statement is open at the end of a text: it ends in a semicolon, comments aside.
fn is_complete(text: &str) -> bool {
    let mut lines = text.lines().rev().map(str::trim);
    let last = lines.find(|line| !line.is_empty() && !line.starts_with("--"));
    last.is_none_or(|line| line.ends_with(';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_commands_are_no_statements() {
        assert_eq!(parts("\u{feff}SELECT 1"), [Part::Sql("SELECT 1")]);
        assert_eq!(
            parts("#!/usr/bin/pomona sql -f\nSELECT 1;\n"),
            [Part::Sql("SELECT 1;\n")]
        );
        assert_eq!(parts("\\d"), [Part::Command("d")]);
        assert_eq!(
            parts("SELECT 1;\n-- then\n\\d t\nSELECT '\n\\d'"),
            [
                Part::Sql("SELECT 1;\n-- then\n"),
                Part::Command("d t"),
                Part::Sql("SELECT '\n\\d'")
            ]
        );
        assert_eq!(parts(" \n"), []);
    }
}
