//! `main`: the commands `pomona` and `pomona-driver`, as the scripts of the wheel call them.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use pomona_cli::{pomona, set_command_line};
use pyo3::prelude::*;

use crate::runtime::large_stacks;

/// Runs a command and returns its exit code.
///
/// Python has a handler for SIGINT, which would raise KeyboardInterrupt when the command has ended; the command
/// handles the signal itself, so the system's default is put in its place. SIGPIPE is ignored by Python as by a
/// program in Rust: a reader that has gone is an error of writing, with which the command ends as it should.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, argv: Vec<OsString>) -> PyResult<u8> {
    let system = py.import("sys")?;
    if is_of_process(&system, &argv)? {
        let mut line: Vec<OsString> = vec![system.getattr("executable")?.extract()?];
        let original: Vec<OsString> = system.getattr("orig_argv")?.extract()?;
        line.extend(original.into_iter().skip(1));
        set_command_line(line);
    }
    // In the place of starting the process again: its program is Python.
    large_stacks(py)?;
    let handled = py.import("_signal").and_then(|signals| {
        let (interrupt, default) = (signals.getattr("SIGINT")?, signals.getattr("SIG_DFL")?);
        signals.call_method1("signal", (interrupt, default))
    });
    // Only the main thread may.
    let before = handled.ok();
    let code = py.detach(|| {
        let code = pomona(argv);
        let _ = io::stdout().flush();
        number(code)
    });
    if let Some(before) = before.filter(|before| !before.is_none()) {
        let signals = py.import("_signal")?;
        signals.call_method1("signal", (signals.getattr("SIGINT")?, before))?;
    }
    Ok(code)
}

/// Whether these are the arguments of the process, by which it may be started again; the name may differ.
fn is_of_process(system: &Bound<'_, PyModule>, argv: &[OsString]) -> PyResult<bool> {
    let own: Vec<OsString> = system.getattr("argv")?.extract()?;
    Ok(own.iter().skip(1).eq(argv.iter().skip(1)))
}

/// The number of an exit code, which the standard library only compares.
fn number(code: ExitCode) -> u8 {
    let mut numbers = 0..=u8::MAX;
    numbers
        .find(|&number| ExitCode::from(number) == code)
        .unwrap_or(1)
}
