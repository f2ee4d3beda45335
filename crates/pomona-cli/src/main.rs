//! `pomona`: image features in SQL, on one machine or a cluster.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    pomona_cli::pomona(env::args_os().collect())
}
