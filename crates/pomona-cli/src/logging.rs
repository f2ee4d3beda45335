//! Log lines on standard error, at the levels of `RUST_LOG`.

use std::io::{self, Write};

use clap::ValueEnum;
use env_logger::{Builder, Target, WriteStyle};
use indicatif::MultiProgress;
use serde_json::json;

/// The values of `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Plain text
    Text,
    /// A JSON object per line
    Json,
}

/// What is logged unless `RUST_LOG` says otherwise. Warnings of these crates concern users, such as a
/// cluster without executors. The hub's client is off, because its errors say the same.
const FILTERS: &str = "error,pomona_session=warn,pomona_cluster=warn,pomona_images=warn,hf_hub=off";

/// Off in commands: a cluster inside the process logs what the command's error says as well.
const FILTERS_OF_COMMANDS: &str = "ballista_scheduler=off,ballista_executor=off,ballista_core=off";

/// Starts the log. `bars` are hidden while a line is written. A daemon logs the events of its cluster.
pub(crate) fn start(format: LogFormat, in_color: bool, bars: MultiProgress, is_daemon: bool) {
    let mut builder = Builder::new();
    if is_daemon {
        builder.parse_filters(FILTERS);
    } else {
        builder.parse_filters(&format!("{FILTERS},{FILTERS_OF_COMMANDS}"));
    }
    builder.parse_default_env();
    // env_logger cannot see that the pipe ends in a terminal.
    builder.write_style(if in_color {
        WriteStyle::Always
    } else {
        WriteStyle::Never
    });
    builder.target(Target::Pipe(Box::new(AroundBars(bars))));
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
    // A process that is no command, such as Python's, may have a log.
    let _ = builder.try_init();
}

/// Starts the log of a program that is no command: text on standard error, as of a command.
pub fn start_log() {
    start(LogFormat::Text, false, MultiProgress::new(), false);
}

/// Standard error, with the progress bars hidden during a write.
struct AroundBars(MultiProgress);

impl Write for AroundBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write_all(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
