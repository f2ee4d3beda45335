//! Standard output, which its reader may close, and standard error, which may be closed too.
//!
//! `println!` and `eprintln!` panic if they cannot write. Here, standard output that its reader has
//! closed ends the command without an error, as in any pipeline; a line on standard error that cannot
//! be written is lost, and the work continues.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};

/// Writes a line to standard error, and ignores a failure.
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

/// Standard output. Writing after its reader has closed it fails with [`ReaderLeft`], to distinguish
/// it from the broken pipe of a connection.
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

/// The reader of standard output has closed it: `pomona sql … | head`.
#[derive(Debug)]
pub(crate) struct ReaderLeft;

impl Display for ReaderLeft {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of standard output has left")
    }
}

impl Error for ReaderLeft {}

/// Whether an error, or an error inside it, is [`ReaderLeft`].
pub(crate) fn is_reader_left(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<ReaderLeft>())
}
