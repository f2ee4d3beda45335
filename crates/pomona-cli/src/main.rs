//! `pomona`: image features in SQL, on one machine or a cluster.

use std::env;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    // A release has one program under both names, because a second copy would double its size.
    let called = env::args_os().next().unwrap_or_default();
    if Path::new(&called).file_stem() == Some("pomona-driver".as_ref()) {
        return pomona_cli::pomona_driver();
    }
    pomona_cli::pomona()
}
