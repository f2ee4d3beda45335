//! `pomona-driver`: runs scripts of SQL with parameters.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    pomona_cli::pomona_driver(env::args_os().collect())
}
