//! The command `pomona`: parses and dispatches.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches};
use indicatif::MultiProgress;

use crate::arguments::{Arguments, Command, ConfigCommand};
use crate::config::Configuration;
use crate::driver::pomona_driver;
use crate::exit::USAGE;
use crate::fetch_progress::report_fetches;
use crate::interrupt::{INTERRUPTED, interruptible};
use crate::progress::{Form, ProgressReporter};
use crate::terminal::note;
use crate::threads::{on_large_stack, with_large_stacks};
use crate::{
    cluster, completions, config, demo, estimate, exit, logging, lookup, pack, report, run, sql,
    verify, weights,
};

/// Commands that read no settings.
const WITHOUT_SETTINGS: [&str; 2] = ["completions", "man"];

/// Runs `pomona` with arguments, of which the first is the name of the command, or a path that ends in
/// it: under the name `pomona-driver` it is that command.
pub fn pomona(arguments: Vec<OsString>) -> ExitCode {
    // A release has one program under both names, because a second copy would double its size.
    let name = arguments.first().map(Path::new).and_then(Path::file_stem);
    if name == Some("pomona-driver".as_ref()) {
        return pomona_driver(arguments);
    }
    let command = with_negative_numbers(Arguments::command());
    // An option names the settings file, so the arguments are parsed twice: first for that option,
    // ignoring errors. The second parse reports errors and prints help.
    let first = command.clone().ignore_errors(true);
    let flags = first.try_get_matches_from(&arguments);
    let needs_settings = flags.as_ref().is_ok_and(|flags| {
        let command = flags.subcommand_name();
        !command.is_some_and(|name| WITHOUT_SETTINGS.contains(&name))
    });
    let flags = flags.unwrap_or_default();
    let configuration = if needs_settings {
        let given = flags.get_one::<PathBuf>("config");
        match Configuration::load(&command, given.map(PathBuf::as_path)) {
            Ok(configuration) => configuration,
            Err(error) => {
                note!("Error: {error}");
                return ExitCode::from(USAGE);
            }
        }
    } else {
        Configuration::without_files(&command)
    };
    for (name, setting) in configuration.misspelt() {
        note!("{name} is not a setting, and is ignored; did you mean {setting}?");
    }
    let color = configuration.color(&flags);
    let command = configuration.apply(command).color(color.into());
    match command.try_get_matches_from(&arguments) {
        Ok(flags) => start(&flags, &configuration),
        Err(said) => exit::report_arguments(&said),
    }
}

/// Lets options read `-1` as their value, so that the error names the range instead of an unknown option.
pub(crate) fn with_negative_numbers(command: clap::Command) -> clap::Command {
    command.mut_subcommands(|command| {
        command.mut_args(|option| match option.get_action() {
            ArgAction::Set => option.allow_negative_numbers(true),
            _ => option,
        })
    })
}

fn start(flags: &ArgMatches, configuration: &Configuration) -> ExitCode {
    let Arguments {
        mut general,
        command,
    } = match Arguments::from_arg_matches(flags) {
        Ok(arguments) => arguments,
        Err(said) => return exit::report_arguments(&said),
    };
    general.color = configuration.color(flags);
    let in_color = general.color.on(io::stderr().is_terminal());
    let bars = MultiProgress::new();
    let is_daemon = matches!(command, Command::Scheduler(_) | Command::Executor(_));
    logging::start(general.log_format, in_color, bars.clone(), is_daemon);

    let form = Form::new(general.progress, general.quiet);
    report_fetches(form, bars.clone());

    let on_cluster = command.is_on_cluster();
    if is_daemon || on_cluster {
        // Deep plans overflow small stacks; shallow ones run without, so a failure is ignored.
        let _ = with_large_stacks();
    }
    let outcome = match command {
        Command::Sql(sql) if sql.is_interactive() => {
            on_large_stack(async move || sql::main(sql, &general).await)
        }
        Command::Sql(sql) => {
            on_large_stack(async move || stoppable(on_cluster, sql::main(sql, &general)).await)
        }
        Command::Run(run) => {
            let reporter = ProgressReporter::new(general.progress, general.quiet, in_color, bars);
            on_large_stack(async move || run::main(run, &reporter).await)
        }
        Command::Demo(arguments) => {
            let reporter = ProgressReporter::new(general.progress, general.quiet, in_color, bars);
            on_large_stack(async move || demo::main(arguments, &general, &reporter).await)
        }
        Command::Estimate(asked) => {
            on_large_stack(async move || stoppable(on_cluster, estimate::main(asked)).await)
        }
        Command::Pack(arguments) => on_large_stack(async move || {
            stoppable(false, pack::main(arguments, general.quiet)).await
        }),
        Command::Verify(asked) => {
            on_large_stack(async move || stoppable(on_cluster, verify::main(asked, &general)).await)
        }
        Command::Similar(asked) => {
            on_large_stack(async move || stoppable(on_cluster, lookup::similar(asked)).await)
        }
        Command::Outliers(asked) => {
            on_large_stack(async move || stoppable(on_cluster, lookup::outliers(asked)).await)
        }
        Command::Suspects(asked) => {
            on_large_stack(async move || stoppable(on_cluster, lookup::suspects(asked)).await)
        }
        Command::Report(asked) => on_large_stack(async move || {
            stoppable(on_cluster, report::main(asked, general.quiet)).await
        }),
        Command::Scheduler(arguments) => {
            on_large_stack(async move || cluster::scheduler(arguments).await)
        }
        Command::Executor(arguments) => {
            on_large_stack(async move || cluster::executor(arguments).await)
        }
        Command::Jobs(arguments) => {
            on_large_stack(async move || cluster::jobs(arguments, &general).await)
        }
        Command::Ui(arguments) => on_large_stack(async move || cluster::ui(arguments).await),
        Command::Weights(arguments) => on_large_stack(async move || weights::main(arguments).await),
        Command::Config(config) => {
            let ConfigCommand::Show { origin } = config.command;
            config::show(configuration, flags, origin)
        }
        Command::Completions { shell } => completions::completions(Arguments::command(), shell),
        Command::Man { command } => completions::man(Arguments::command(), command.as_deref()),
    };
    outcome.unwrap_or_else(|error| exit::report(&error))
}

/// Runs a command that computes, until Ctrl-C.
async fn stoppable(
    on_cluster: bool,
    command: impl Future<Output = anyhow::Result<ExitCode>>,
) -> anyhow::Result<ExitCode> {
    let code = interruptible(on_cluster, command).await?;
    Ok(code.unwrap_or(ExitCode::from(INTERRUPTED)))
}
