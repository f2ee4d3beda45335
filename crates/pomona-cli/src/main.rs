//! `pomona`: image features in SQL, on one machine or a cluster.

mod arguments;
mod bytes;
mod exit;
mod run;
mod session;
mod sql;

use std::process::ExitCode;
use std::thread;

use anyhow::Context;
use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::exit::report;

/// Plans of many levels recurse deeply, and DataFusion's futures are large: the default 2 MB of a
/// thread's stack overflow on queries that are merely long.
const STACK_BYTES: usize = 32 * 1024 * 1024;

fn main() -> ExitCode {
    env_logger::init();
    let arguments = Arguments::parse();
    // Planning happens on the thread that waits, so that one's stack is large too.
    let main = thread::Builder::new().stack_size(STACK_BYTES);
    let outcome = main.spawn(|| run(arguments)).map(|main| main.join());
    match outcome {
        Ok(Ok(Ok(code))) => code,
        Ok(Ok(Err(error))) => report(&error),
        Ok(Err(_panic)) => {
            eprintln!("Error: this is a bug in pomona, please report it with the lines above");
            ExitCode::FAILURE
        }
        Err(error) => report(&anyhow::Error::new(error).context("start a thread")),
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()
        .context("start threads")?;
    runtime.block_on(async {
        match arguments.command {
            Command::Sql(arguments) => sql::main(arguments).await,
            Command::Run(arguments) => run::main(arguments).await,
        }
    })
}
