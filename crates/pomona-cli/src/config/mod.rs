//! Settings: flags, then the environment, then the project's file, then the user's file.
//!
//! Variables and files become the environment variables and the defaults of clap's options, so that
//! clap checks every value, wherever it comes from.

mod error;
mod file;
mod find;
mod keys;
mod nearest;
mod show;

use std::env;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, ValueEnum};

use crate::color::{When, no_color};
pub(crate) use error::ConfigError;
use file::SettingsFile;
use keys::{Key, Kind, keys};
use nearest::nearest;
pub(crate) use show::show;

/// All settings, with the values that files set.
#[derive(Debug)]
pub(crate) struct Configuration {
    keys: Vec<Key>,
    /// The strongest first.
    files: Vec<SettingsFile>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The command line.
    Flag(String),
    /// A variable of the environment.
    Environment(String),
    /// A line of a settings file.
    File(PathBuf, usize),
    /// None: the default.
    Default,
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag:--{name}"),
            Self::Environment(variable) => write!(f, "environment:{variable}"),
            Self::File(path, line) => write!(f, "file:{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Configuration {
    /// Reads the settings files for `command`, whose options are the settings.
    ///
    /// # Errors
    /// When a file is wrong, and when the given one cannot be read.
    pub(crate) fn load(command: &Command, given: Option<&Path>) -> Result<Self, ConfigError> {
        let keys = keys(command);
        let files = find::settings_files(given)
            .iter()
            .map(|path| SettingsFile::read(path, &keys))
            .collect::<Result<_, _>>()?;
        Ok(Self { keys, files })
    }

    /// The settings of `command`, and no files.
    pub(crate) fn without_files(command: &Command) -> Self {
        Self {
            keys: keys(command),
            files: vec![],
        }
    }

    /// Sets the variable of every option, and its default from the files.
    pub(crate) fn apply(&self, mut command: Command) -> Command {
        for key in &self.keys {
            if key.commands.is_empty() {
                command = command.mut_arg(key.id(), |option| self.prepare(key, option));
            }
            for name in &key.commands {
                command = command.mut_subcommand(name, |command| {
                    command.mut_arg(key.id(), |option| self.prepare(key, option))
                });
            }
        }
        command
    }

    fn prepare(&self, key: &Key, mut option: Arg) -> Arg {
        if key.kind == Kind::Flag {
            option = option.value_parser(BoolishValueParser::new());
        }
        // clap keeps its texts for the whole process, and this runs once.
        option = option
            .env(&*key.variable().leak())
            .hide_env(key.name != "weights");
        match self.file_value(key) {
            Some((value, _)) => option.required(false).default_value(&*value.leak()),
            None => option,
        }
    }

    fn file_value(&self, key: &Key) -> Option<(String, Origin)> {
        self.files.iter().find_map(|file| {
            let setting = file.get(key)?;
            let origin = Origin::File(file.path.clone(), setting.line);
            Some((setting.value.clone(), origin))
        })
    }

    /// The value of a setting, if it has one, and where it comes from.
    fn effective(&self, key: &Key, flags: &ArgMatches) -> Option<(String, Origin)> {
        let given = flags.try_contains_id(key.id()).is_ok()
            && flags.value_source(key.id()) == Some(ValueSource::CommandLine);
        if given {
            let value = match key.kind {
                Kind::Flag => "true".to_string(),
                _ => flags
                    .get_raw(key.id())?
                    .next()?
                    .to_string_lossy()
                    .into_owned(),
            };
            return Some((value, Origin::Flag(key.name.clone())));
        }
        let variable = key.variable();
        if let Some(value) = env::var_os(&variable) {
            let value = value.to_string_lossy().into_owned();
            return Some((value, Origin::Environment(variable)));
        }
        self.file_value(key)
            .or_else(|| key.default().map(|value| (value, Origin::Default)))
    }

    /// Variables of the environment that look like a misspelt setting, each with the setting's. They are
    /// no error, as they would be in a file: the environment belongs to other programs too.
    pub(crate) fn misspelt(&self) -> Vec<(String, String)> {
        let known: Vec<String> = self.keys.iter().map(Key::variable).collect();
        env::vars_os()
            .filter_map(|(name, _)| name.into_string().ok())
            .filter(|name| name.starts_with("POMONA_") && !known.contains(name))
            .filter_map(|name| {
                let setting = nearest(&name, &known, |known| known)?.clone();
                Some((name, setting))
            })
            .collect()
    }

    /// When to print in colour. `NO_COLOR` is an environment variable: it overrides files, and flags
    /// override it.
    pub(crate) fn color(&self, flags: &ArgMatches) -> When {
        let key = self.keys.iter().find(|key| key.path() == "color");
        match key.and_then(|key| self.effective(key, flags)) {
            Some((_, Origin::File(..) | Origin::Default)) if no_color() => When::Never,
            Some((value, _)) => When::from_str(&value, false).unwrap_or(When::Auto),
            None => When::Auto,
        }
    }
}
