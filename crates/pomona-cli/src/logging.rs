//! Log lines on standard error, at the levels of `RUST_LOG`.

use std::io::{self, Write};

use clap::ValueEnum;
use env_logger::{Builder, Target, WriteStyle};
use indicatif::MultiProgress;
use serde_json::json;

/// The values of `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people
    Text,
    /// A JSON object a line
    Json,
}

/// What is logged unless `RUST_LOG` says otherwise. What a person should know of a cluster, such as
/// that it has no executor, is a warning. The hub's client logs what its errors tell.
const FILTERS: &str = "error,pomona_session=warn,pomona_cluster=warn,pomona_images=warn,hf_hub=off";

/// A cluster inside the process of a command logs what the command's errors tell.
const FILTERS_OF_COMMANDS: &str = "ballista_scheduler=off,ballista_executor=off,ballista_core=off";

/// Starts the log. `bars` steps aside while a line is written. A daemon logs what befalls its cluster.
pub(crate) fn start(format: LogFormat, in_color: bool, bars: MultiProgress, is_daemon: bool) {
    let mut builder = Builder::new();
    if is_daemon {
        builder.parse_filters(FILTERS);
    } else {
        builder.parse_filters(&format!("{FILTERS},{FILTERS_OF_COMMANDS}"));
    }
    builder.parse_default_env();
    // env_logger cannot see that what is behind the pipe is a terminal.
    builder.write_style(if in_color {
        WriteStyle::Always
    } else {
        WriteStyle::Never
    });
    builder.target(Target::Pipe(Box::new(BesideBars(bars))));
    if format == LogFormat::Json {
        builder.format(|line, record| {
            let time = line.timestamp_millis().to_string();
            let object = json!({
                "time": time,
                "level": record.level().as_str().to_ascii_lowercase(),
                "target": record.target(),
                "message": record.args().to_string(),
            });
            writeln!(line, "{object}")
        });
    }
    builder.init();
}

/// Standard error, with the progress bars taken away while something is written.
struct BesideBars(MultiProgress);

impl Write for BesideBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write_all(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
