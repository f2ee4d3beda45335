//! The shell as a person at a terminal uses it.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::openpty;

use crate::workplace::Workplace;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A shell on a terminal of its own.
struct Terminal {
    shell: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// What was shown, and how much of it has been waited for.
    shown: String,
    seen: usize,
}

impl Terminal {
    fn open(place: &Workplace) -> Self {
        let pty = openpty(None, None).unwrap();
        let mut command = place.command(["sql", "--color", "never"]);
        command
            .env("TERM", "xterm")
            .stdin(pty.slave.try_clone().unwrap())
            .stdout(pty.slave.try_clone().unwrap())
            .stderr(pty.slave);
        let shell = command.spawn().unwrap();
        drop(command);
        let keyboard = File::from(pty.master);
        let mut output = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A terminal without a process is an error on Linux.
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                if sender.send(bytes[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            shell,
            keyboard,
            screen,
            shown: String::new(),
            seen: 0,
        }
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until words appear after what was waited for before.
    #[track_caller]
    fn shows(&mut self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown[self.seen..].find(words) {
                self.seen += at + words.len();
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown += &String::from_utf8_lossy(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no '{words}' in: {}", &self.shown[self.seen..])
                }
            }
        }
    }
}

#[test]
fn a_mistake_is_gone_with_its_error() {
    let place = Workplace::new();
    let mut terminal = Terminal::open(&place);
    terminal.shows("pomona> ");
    terminal.types("SELEC 1;\r");
    terminal.shows("Expected: an SQL statement, found: SELEC");
    terminal.shows("pomona> ");
    terminal.types("SELECT 40 + 2 AS n;\r");
    terminal.shows("| 42 |");
    terminal.shows("pomona> ");

    // A quote stays open over lines, until Ctrl-C or its end.
    terminal.types("SELECT 'a;\r");
    terminal.types("b\x03");
    terminal.shows("^C");
    terminal.shows("pomona> ");
    terminal.types("SELECT 50 + 5 AS n;\r");
    terminal.shows("| 55 |");
    terminal.shows("pomona> ");
    terminal.types("SELECT length('one;\rtwo') + 60 AS n;\r");
    terminal.shows("| 68 |");
    terminal.shows("pomona> ");
    terminal.types("SELECT * FROM nothing;\r");
    terminal.shows("'datafusion.public.nothing' not found");
    terminal.shows("pomona> ");
    terminal.types("\\q\r");
    assert_eq!(terminal.shell.wait().unwrap().code(), Some(0));
}
