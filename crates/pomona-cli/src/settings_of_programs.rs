//! Settings files for other programs, which name the file: read as a command reads that of `--config`.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::arguments::{Arguments, Command};
use crate::config::Configuration;
use crate::exit::UsageError;
use crate::pomona::with_negative_numbers;
use crate::run_options::in_one_line;
use crate::session::{SessionOptions, session_options};

/// Where queries run, of what a program was given itself.
#[derive(Debug, Clone, Default)]
pub struct GivenOptions {
    /// Options as they are typed after a command, such as `--weights=fruits`. They are stronger than the file.
    pub options: Vec<OsString>,
    /// Whether a scheduler is among them: then the file's `standalone` does not hold.
    pub has_scheduler: bool,
}

/// The options of a session that a settings file has, below those that are given.
///
/// # Errors
/// When the file cannot be read, when a setting or an option is wrong, and when the cluster cannot be had.
pub async fn session_of_settings(file: &Path, given: GivenOptions) -> Result<SessionOptions> {
    let line = ["pomona", "sql"].map(OsString::from);
    let parsed = parse(file, line.into_iter().chain(given.options))?;
    let session = match parsed.command {
        Command::Sql(sql) => Some(sql.session),
        _ => None,
    };
    let session = session.map(|mut session| {
        session.cluster.standalone &= !given.has_scheduler;
        session
    });
    match session {
        Some(session) => session_options(&session).await,
        None => Err(UsageError("the options are not those of a session".to_string()).into()),
    }
}

/// Arguments over the settings of a file, those of the environment and of the user's file.
pub(crate) fn parse(file: &Path, line: impl IntoIterator<Item = OsString>) -> Result<Arguments> {
    let command = with_negative_numbers(Arguments::command());
    let configuration = Configuration::load(&command, Some(file))?;
    let parsed = configuration.apply(command).try_get_matches_from(line);
    let arguments = parsed.and_then(|flags: ArgMatches| Arguments::from_arg_matches(&flags));
    arguments.map_err(|said| UsageError(in_one_line(&said.to_string())).into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn read(settings: &str, options: &[&str]) -> Result<SessionOptions> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("mine.toml");
        fs::write(&file, settings)?;
        let given = GivenOptions {
            options: options.iter().map(OsString::from).collect(),
            has_scheduler: false,
        };
        session_of_settings(&file, given).await
    }

    #[tokio::test]
    async fn options_are_those_of_the_file_below_those_given() {
        let settings = "weights = \"fruits\"\npartitions = 3\n[run]\ncomponents = 5\n";
        let read_here = read(settings, &["--partitions=2"]).await.unwrap();
        assert_eq!(read_here.network.weights.as_deref(), Some("fruits"));
        assert_eq!(read_here.partitions, Some(2));
    }

    #[tokio::test]
    async fn what_is_wrong_in_the_file_is_named_with_its_line() {
        let said = read("\nwieghts = \"fruits\"\n", &[]).await.unwrap_err();
        let said = said.to_string();
        assert!(
            said.contains("mine.toml:2") && said.contains("weights"),
            "{said}"
        );
    }
}
