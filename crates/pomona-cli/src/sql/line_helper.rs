//! [`LineHelper`]: datafusion-cli's help with editing, except that it keeps no statement for being wrong.

use std::borrow::Cow;

use datafusion::common::config::Dialect;
use datafusion::sql::sqlparser::dialect::dialect_from_str;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use datafusion_cli::helper::CliHelper;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper, Result};

/// Completes, hints and colours as datafusion-cli does. A statement is taken where it ends; whether it
/// can be parsed is found out then, so that a mistake is gone with its error, as in psql.
pub(super) struct LineHelper {
    cli: CliHelper,
    dialect: Dialect,
}

impl LineHelper {
    pub(super) fn new(dialect: Dialect, color: bool) -> Self {
        Self {
            cli: CliHelper::new(&dialect, color),
            dialect,
        }
    }

    /// Begins the next statement, in the dialect that the session has by now.
    pub(super) fn begin(&mut self, dialect: Dialect) {
        self.dialect = dialect;
        self.cli.set_dialect(&dialect);
        self.cli.reset_hint();
    }
}

impl Validator for LineHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> Result<ValidationResult> {
        Ok(match is_complete(context.input(), self.dialect) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

/// Whether what was typed is a command, nothing, or statements up to the semicolon of the last one.
fn is_complete(text: &str, dialect: Dialect) -> bool {
    let text = text.trim();
    let Some(dialect) = dialect_from_str(dialect) else {
        return true;
    };
    if text.is_empty() || text.starts_with('\\') {
        return true;
    }
    match Tokenizer::new(dialect.as_ref(), text).tokenize() {
        Ok(tokens) => {
            let mut tokens = tokens.into_iter().rev();
            let last = tokens.find(|token| !matches!(token, Token::Whitespace(_)));
            last.is_none_or(|token| token == Token::SemiColon)
        }
        // A quote or a comment is open, or there is a character that no statement has.
        Err(error) => {
            let is_open = ["Unterminated", "EOF"];
            text.ends_with(';') && !is_open.iter().any(|words| error.message.contains(words))
        }
    }
}

impl Completer for LineHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, ctx: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        self.cli.complete(line, at, ctx)
    }
}

impl Hinter for LineHelper {
    type Hint = String;

    fn hint(&self, line: &str, at: usize, ctx: &Context<'_>) -> Option<String> {
        self.cli.hint(line, at, ctx)
    }
}

impl Highlighter for LineHelper {
    fn highlight<'l>(&self, line: &'l str, at: usize) -> Cow<'l, str> {
        self.cli.highlight(line, at)
    }

    fn highlight_char(&self, line: &str, at: usize, kind: CmdKind) -> bool {
        self.cli.highlight_char(line, at, kind)
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        self.cli.highlight_hint(hint)
    }
}

impl Helper for LineHelper {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_with_its_semicolon() {
        for complete in [
            "",
            "\\d",
            "SELECT 1;",
            "SELEC 1;",
            "SELECT 1; -- one",
            "SELECT 1;\n-- ';\n",
            "SELECT ';';",
            "-- nothing",
            "SELECT 1; SELECT ^^;",
        ] {
            assert!(is_complete(complete, Dialect::Generic), "{complete}");
        }
        for open in [
            "SELECT 1",
            "SELECT 1; SELECT",
            "SELECT ';",
            "SELECT \";",
            "SELECT 1 /* ;",
            "SELECT 1 -- ;",
            "SELECT $$;",
        ] {
            assert!(!is_complete(open, Dialect::Generic), "{open}");
        }
    }
}
