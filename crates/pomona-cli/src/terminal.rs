//! Standard output, which may be closed by its reader, and standard error, which may be gone.
//!
//! `println!` and `eprintln!` end the process where they cannot write. Results that nobody reads
//! any more end a command without an error, as in any pipeline; a line about progress that cannot
//! be written is lost, and the work goes on.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};

/// Writes a line to standard error, if that takes it.
macro_rules! note {
    ($($text:tt)*) => {
        $crate::terminal::write_note(format_args!($($text)*))
    };
}
pub(crate) use note;

pub(crate) fn write_note(line: fmt::Arguments) {
    // One write a line, so that lines of several processes stay whole.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Standard output.
pub(crate) fn stdout() -> Stdout {
    Stdout(io::stdout())
}

/// Standard output; its reader's leaving is an error of its own, other than that of a
/// connection that broke.
#[derive(Debug)]
pub(crate) struct Stdout(io::Stdout);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(mark)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(mark)
    }
}

fn mark(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => io::Error::new(io::ErrorKind::BrokenPipe, ReaderLeft),
        _ => error,
    }
}

/// Who read standard output has seen enough: `pomona sql … | head`.
#[derive(Debug)]
pub(crate) struct ReaderLeft;

impl Display for ReaderLeft {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of standard output has left")
    }
}

impl Error for ReaderLeft {}

/// Whether an error, or an error inside it, is that.
pub(crate) fn is_reader_left(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<ReaderLeft>())
}
