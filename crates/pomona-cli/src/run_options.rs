//! [`RunOptions`]: a run for other programs, with the options, checks and defaults of `pomona run`.

use std::ffi::OsString;
use std::path::Path;

use anyhow::Result;
use clap::{ArgAction, CommandFactory, Parser};
use datafusion::prelude::SessionContext;
use pomona_cluster::Cluster;
use pomona_pipeline::{Outcome, Progress};

use crate::arguments::{Arguments, Command, RunArguments};
use crate::exit::UsageError;
use crate::run::run_pipeline;
use crate::session::{SessionOptions, session_options};
use crate::settings_of_programs;

/// What an option takes after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: it is there or not.
    Nothing,
    /// A value.
    Value,
    /// A value, which may be left out.
    OptionalValue,
}

/// An option of `pomona run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOption {
    /// Its long name without the dashes before it, such as `max-error-rate`.
    pub name: String,
    /// What it takes.
    pub takes: Takes,
}

/// The options of a run.
#[derive(Debug)]
pub struct RunOptions(RunArguments);

impl RunOptions {
    /// Reads options as they are typed after `pomona run`, such as `--input=photos/`. Variables of the
    /// environment hold as for the command; files of settings are not read.
    ///
    /// # Errors
    /// When an option is missing, unknown or wrong: what the command says, in one line.
    pub fn parse(options: impl IntoIterator<Item = OsString>) -> Result<Self, UsageError> {
        let line = ["pomona", "run"].map(OsString::from);
        let parsed = Arguments::try_parse_from(line.into_iter().chain(options));
        match parsed.map(|arguments| arguments.command) {
            Ok(Command::Run(run)) => Ok(Self(run)),
            Ok(_) => Err(UsageError("the options are not those of a run".to_string())),
            Err(said) => Err(UsageError(in_one_line(&said.to_string()))),
        }
    }

    /// [`parse`](Self::parse), with the settings of a file, of the environment and of the user below the options,
    /// as a command with `--config` has them.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and when the file cannot be read or a setting is wrong.
    pub fn with_settings(file: &Path, options: impl IntoIterator<Item = OsString>) -> Result<Self> {
        let line = ["pomona", "run"].map(OsString::from).into_iter();
        match settings_of_programs::parse(file, line.chain(options))?.command {
            Command::Run(run) => Ok(Self(run)),
            _ => Err(UsageError("the options are not those of a run".to_string()).into()),
        }
    }

    /// The options that there are.
    pub fn all() -> Vec<RunOption> {
        let command = Arguments::command();
        let run = command.find_subcommand("run");
        let options = run.into_iter().flat_map(clap::Command::get_arguments);
        let option = |option: &clap::Arg| {
            let takes = match option.get_num_args() {
                _ if matches!(option.get_action(), ArgAction::SetTrue) => Takes::Nothing,
                Some(values) if values.min_values() == 0 => Takes::OptionalValue,
                _ => Takes::Value,
            };
            let name = option.get_long()?.to_string();
            Some(RunOption { name, takes })
        };
        options.filter_map(option).collect()
    }

    /// The options of the session in which it runs, where it is not one that is open; a cluster inside this
    /// process is started here.
    ///
    /// # Errors
    /// When a certificate cannot be read, or the cluster cannot start.
    pub async fn session(&self) -> Result<SessionOptions> {
        session_options(&self.0.session).await
    }

    /// The largest share of bad images, from 0 to 1, with which a run succeeds.
    pub fn max_error_rate(&self) -> f64 {
        self.0.max_error_rate
    }

    /// Runs the pipeline in a session whose queries run on `cluster`, and calls `progress` with its events.
    ///
    /// # Errors
    /// Those of the pipeline; when the port of the page cannot be had, and when the file of the numbers cannot
    /// be written.
    pub async fn run(
        &self,
        ctx: &SessionContext,
        cluster: Option<Cluster>,
        progress: impl Fn(&Progress),
    ) -> Result<Outcome> {
        let (outcome, _took) = run_pipeline(&self.0, ctx, cluster, progress).await?;
        Ok(outcome)
    }
}

/// What clap says, without the usage below it.
pub(crate) fn in_one_line(said: &str) -> String {
    let said = said.split("\nUsage:").next().unwrap_or(said);
    let said = said.split("\nFor more information").next().unwrap_or(said);
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let parts = said.split("\n\n").map(str::trim);
    let parts: Vec<String> = parts
        .filter(|part| !part.is_empty())
        .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_names_and_values() {
        let all = RunOptions::all();
        let takes = |name: &str| all.iter().find(|one| one.name == name).map(|one| one.takes);
        assert_eq!(takes("components"), Some(Takes::Value));
        assert_eq!(takes("path-column"), Some(Takes::Value));
        assert_eq!(takes("weights"), Some(Takes::Value));
        assert_eq!(takes("overwrite"), Some(Takes::Nothing));
        assert_eq!(takes("ui"), Some(Takes::OptionalValue));
        // Those of the program, and those of tables, are none of a run.
        assert_eq!(
            (takes("quiet"), takes("glob"), takes("help")),
            (None, None, None)
        );
    }

    #[test]
    fn a_file_of_settings_is_below_the_options() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        let settings = "[run]\ninput = \"photos\"\nmax-error-rate = 0.25\n";
        std::fs::write(&file, settings).unwrap();
        let options =
            |options: &[&str]| RunOptions::with_settings(&file, options.iter().map(OsString::from));
        let run = options(&["--output=b"]).unwrap();
        assert_eq!(run.max_error_rate(), 0.25);
        assert_eq!(run.0.input, folder.path().join("photos").to_str().unwrap());
        let run = options(&["--output=b", "--max-error-rate=0.5"]).unwrap();
        assert_eq!(run.max_error_rate(), 0.5);
        let said = options(&[]).unwrap_err().to_string();
        assert!(said.contains("--output"), "{said}");
    }

    fn refused(options: &[&str]) -> String {
        let options = options.iter().map(OsString::from);
        RunOptions::parse(options).unwrap_err().to_string()
    }

    #[test]
    fn options_are_those_of_the_command() {
        let options = ["--input=a", "--output=b", "--max-error-rate=0.5"];
        let run = RunOptions::parse(options.map(OsString::from)).unwrap();
        assert_eq!(run.max_error_rate(), 0.5);
    }

    #[test]
    fn a_refusal_is_one_sentence_without_the_usage() {
        let said = refused(&["--input=a"]);
        assert_eq!(
            said,
            "the following required arguments were not provided: --output <DIR>"
        );
        let said = refused(&["--input=a", "--output=b", "--componets=5"]);
        assert_eq!(
            said,
            "unexpected argument '--componets' found; tip: a similar argument exists: '--components'"
        );
        let said = refused(&["--input=a", "--output=b", "--components=0"]);
        assert!(
            said.starts_with("invalid value '0' for '--components <K>': ") && !said.contains('\n'),
            "{said}"
        );
    }
}
