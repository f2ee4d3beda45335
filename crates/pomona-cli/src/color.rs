//! When to print in colour.

use std::env;

use clap::{ColorChoice, ValueEnum};

/// The values of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl When {
    /// Whether to print in colour on a stream.
    pub(crate) fn on(self, is_terminal: bool) -> bool {
        match self {
            Self::Auto => is_terminal && !is_dumb() && !no_color(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl From<When> for ColorChoice {
    fn from(when: When) -> Self {
        match when {
            When::Auto => Self::Auto,
            When::Always => Self::Always,
            When::Never => Self::Never,
        }
    }
}

/// Whether `NO_COLOR` is set (<https://no-color.org>).
pub(crate) fn no_color() -> bool {
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Whether the terminal supports no escape sequences.
pub(crate) fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}
