//! The list of settings: the options of the commands, under the names of their flags.

use std::any::TypeId;

use clap::builder::BoolishValueParser;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use datafusion_cli::print_options::MaxRows;

/// Commands whose options are not settings: those that compute nothing, the daemons, which are
/// started with flags alone, and `pack`, whose options have names of `run` and other meanings.
const NO_SETTINGS: [&str; 9] = [
    "config",
    "completions",
    "demo",
    "executor",
    "man",
    "help",
    "pack",
    "scheduler",
    "weights",
];

/// Options that belong to one invocation, so that they are no settings.
const NOT_SETTINGS: [&str; 8] = [
    "config",
    "command",
    "file",
    "force-unlock",
    "rc",
    "show-sql",
    "help",
    "version",
];

/// The type of a setting's value in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Flag,
    /// A number.
    Number,
    /// A number, or a number with a unit or a word in a string.
    Amount,
    /// A string.
    Text,
    /// A string: a path, which is relative to the file it stands in.
    Path,
}

/// A setting.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    /// The commands that have the option; empty for an option of all commands.
    pub(crate) commands: Vec<String>,
    /// The option's name without its dashes.
    pub(crate) name: String,
    /// The type of its value.
    pub(crate) kind: Kind,
    option: Arg,
}

impl Key {
    /// The name in a settings file: `weights`, `run.components`. An option that several commands
    /// share stands at the top.
    pub(crate) fn path(&self) -> String {
        match self.section() {
            Some(section) => format!("{section}.{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The table in which the setting stands.
    pub(crate) fn section(&self) -> Option<&str> {
        match self.commands.as_slice() {
            [command] => Some(command),
            _ => None,
        }
    }

    /// The environment variable: `POMONA_WEIGHTS`, `POMONA_RUN_COMPONENTS`.
    pub(crate) fn variable(&self) -> String {
        let path = self.path().replace(['.', '-'], "_");
        format!("POMONA_{}", path.to_ascii_uppercase())
    }

    /// The identifier of the option.
    pub(crate) fn id(&self) -> &str {
        self.option.get_id().as_str()
    }

    /// The default value.
    pub(crate) fn default(&self) -> Option<String> {
        let value = self.option.get_default_values().first()?;
        Some(value.to_string_lossy().into_owned())
    }

    /// Why the option does not accept a value, as clap's parser reports it.
    pub(crate) fn refusal(&self, value: &str) -> Option<String> {
        let option = Arg::new("value")
            .long("value")
            .action(ArgAction::Set)
            .allow_hyphen_values(true);
        let option = match self.kind {
            Kind::Flag => option.value_parser(BoolishValueParser::new()),
            _ => option.value_parser(self.option.get_value_parser().clone()),
        };
        let trial = Command::new("pomona").no_binary_name(true).arg(option);
        let error = trial.try_get_matches_from(["--value", value]).err()?;
        if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue)
            && !values.is_empty()
        {
            return Some(format!("pass one of {}", values.join(", ")));
        }
        let source = std::error::Error::source(&error);
        Some(source.map_or_else(|| error.kind().to_string(), ToString::to_string))
    }
}

/// Every setting, those at the top first.
pub(crate) fn keys(command: &Command) -> Vec<Key> {
    let mut keys: Vec<Key> = command
        .get_arguments()
        .filter_map(|option| key(option, vec![]))
        .collect();
    for subcommand in command.get_subcommands() {
        if NO_SETTINGS.contains(&subcommand.get_name()) {
            continue;
        }
        let name = subcommand.get_name().to_string();
        for option in subcommand.get_arguments() {
            match keys.iter_mut().find(|key| key.id() == option.get_id()) {
                Some(shared) => shared.commands.push(name.clone()),
                None => keys.extend(key(option, vec![name.clone()])),
            }
        }
    }
    keys.sort_by_key(|key| key.section().map(str::to_string));
    keys
}

fn key(option: &Arg, commands: Vec<String>) -> Option<Key> {
    let name = option.get_long()?;
    if NOT_SETTINGS.contains(&name) {
        return None;
    }
    Some(Key {
        commands,
        name: name.to_string(),
        kind: kind(option),
        option: option.clone(),
    })
}

fn kind(option: &Arg) -> Kind {
    let value = option.get_value_parser().type_id();
    let is = |types: &[TypeId]| types.iter().any(|one| value == *one);
    match option.get_long().unwrap_or_default() {
        _ if matches!(option.get_action(), ArgAction::SetTrue) => Kind::Flag,
        "weights" | "input" | "output" | "prices" | "results" | "against" | "tls-ca"
        | "tls-cert" | "tls-key" => Kind::Path,
        // A count or a share, kept as it was written.
        "components" => Kind::Amount,
        _ if is(&[TypeId::of::<usize>(), TypeId::of::<MaxRows>()]) => Kind::Amount,
        _ if is(&[
            TypeId::of::<u16>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<f64>(),
        ]) =>
        {
            Kind::Number
        }
        _ => Kind::Text,
    }
}
