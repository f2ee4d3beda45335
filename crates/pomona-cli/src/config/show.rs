//! `pomona config show`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::ArgMatches;
use serde_json::Value;

use super::error::ConfigError;
use super::keys::Kind;
use super::{Configuration, Origin};
use crate::terminal::stdout;

/// Prints every setting that has a value as a line of TOML; with `origin`, after its origin, as
/// `git config --show-origin` does.
pub(crate) fn show(
    configuration: &Configuration,
    flags: &ArgMatches,
    origin: bool,
) -> Result<ExitCode> {
    let mut lines = String::new();
    for key in &configuration.keys {
        let Some((value, from)) = configuration.effective(key, flags) else {
            continue;
        };
        if let (Origin::Environment(variable), Some(reason)) = (&from, key.refusal(&value)) {
            let variable = variable.clone();
            return Err(ConfigError::BadVariable {
                variable,
                value,
                reason,
            }
            .into());
        }
        if origin {
            lines += &format!("{from}\t");
        }
        lines += &format!("{} = {}\n", key.path(), toml(key.kind, &value));
    }
    stdout().write_all(lines.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The value as TOML writes it.
fn toml(kind: Kind, value: &str) -> String {
    let bare = match kind {
        Kind::Flag => {
            // A variable may spell it otherwise, such as `yes`.
            let falsy = ["false", "no", "off", "f", "n", "0"];
            return (!falsy.contains(&value.to_ascii_lowercase().as_str())).to_string();
        }
        Kind::Number => true,
        Kind::Amount => value.parse::<f64>().is_ok(),
        Kind::Text | Kind::Path => false,
    };
    if bare {
        value.to_string()
    } else {
        // A JSON string is a basic string of TOML.
        Value::from(value).to_string()
    }
}
