//! `pomona`: image features in SQL, on one machine or a cluster.

use std::process::ExitCode;

fn main() -> ExitCode {
    pomona_cli::pomona()
}
