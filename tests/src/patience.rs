//! Waiting for what must happen, however busy the machine is.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Whatever has not happened by then never will. On a machine where a process gets a tenth of a core it takes ten times
/// as long, and what an executor's tasks do takes more: Ballista gives their threads a priority of which the system
/// makes a ninth of the share of others.
pub const PATIENCE: Duration = Duration::from_secs(600);

const PAUSE: Duration = Duration::from_millis(10);

/// Waits until something is so.
///
/// # Panics
/// If it is not so within [`PATIENCE`].
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "not after {PATIENCE:?}: {what}");
        sleep(PAUSE);
    }
}

/// Rounds of a measurement. Something else may have the processors in one of them, or the process that looks may be
/// late; a fault is there in each.
const ROUNDS: usize = 5;

/// Measures again until a round is as it should be.
///
/// # Panics
/// If none of five rounds is, with the reasons.
#[track_caller]
pub fn in_some_round(mut measure: impl FnMut() -> Result<(), String>) {
    let mut reasons = vec![];
    while reasons.len() < ROUNDS {
        match measure() {
            Ok(()) => return,
            Err(reason) => reasons.push(reason),
        }
    }
    panic!("in none of {ROUNDS} rounds: {}", reasons.join("; "));
}
