//! [`Turns`]: which tasks of a process compute, where it has more of them than cores.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pomona_mobilenet::preprocess::Interrupt;

/// How often a task that waits looks whether anybody still wants its rows.
const INTERVAL: Duration = Duration::from_millis(20);

/// The cores of a process that has more tasks, so that some read images while others compute: an
/// extension of the configuration of its tasks. Where there is none, nobody waits.
///
/// The task that began first goes first. So tasks end one after the other, and the next of them has
/// read its first images when a core is free.
#[derive(Debug)]
pub struct Turns {
    cores: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    begun: u64,
    computing: usize,
    waiting: BTreeSet<u64>,
}

impl Turns {
    /// The turns of a process with so many cores.
    pub fn new(cores: usize) -> Self {
        Self {
            cores: cores.max(1),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// The place of a task that begins.
    pub(super) fn place(self: &Arc<Self>) -> Place {
        let mut state = self.state();
        state.begun += 1;
        Place {
            number: state.begun,
            turns: Arc::clone(self),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a task among those of its process.
#[derive(Debug, Clone)]
pub(super) struct Place {
    number: u64,
    turns: Arc<Turns>,
}

impl Place {
    /// Waits until a core is free that no earlier task waits for. A task that is interrupted does not
    /// wait: it computes nothing.
    pub(super) fn turn(&self, interrupt: &Interrupt) -> Turn {
        let mut state = self.turns.state();
        state.waiting.insert(self.number);
        let has_core = loop {
            if state.computing < self.turns.cores && state.waiting.first() == Some(&self.number) {
                break true;
            }
            if interrupt.is_raised() {
                break false;
            }
            let waited = self.turns.changed.wait_timeout(state, INTERVAL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        };
        state.waiting.remove(&self.number);
        state.computing += usize::from(has_core);
        drop(state);
        // There may be a core for the next, too.
        self.turns.changed.notify_all();
        Turn {
            turns: has_core.then(|| Arc::clone(&self.turns)),
        }
    }
}

/// A core, for as long as this is not dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Option<Arc<Turns>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = &self.turns {
            turns.state().computing -= 1;
            turns.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn no_more_compute_than_there_are_cores_and_the_first_goes_first() {
        let turns = Arc::new(Turns::new(2));
        let places: Vec<_> = (0..6).map(|_| turns.place()).collect();
        let idle = Interrupt::new();
        let computing = [places[4].turn(&idle), places[5].turn(&idle)];
        let (sender, begun) = mpsc::channel();
        thread::scope(|scope| {
            for place in [3, 1, 2, 0] {
                let (sender, place, turns) = (sender.clone(), &places[place], &turns);
                scope.spawn(move || {
                    let turn = place.turn(&Interrupt::new());
                    assert!(turns.state().computing <= 2);
                    sender.send(place.number).unwrap();
                    drop(turn);
                });
            }
            while turns.state().waiting.len() < 4 {
                thread::yield_now();
            }
            let [first, second] = computing;
            drop(first);
            let order: Vec<_> = begun.iter().take(4).collect();
            assert_eq!(order, [1, 2, 3, 4]);
            drop(second);
        });
        assert_eq!(turns.state().computing, 0);
    }

    #[test]
    fn a_task_that_nobody_wants_waits_for_no_core() {
        let turns = Arc::new(Turns::new(1));
        let (first, second) = (turns.place(), turns.place());
        let computing = first.turn(&Interrupt::new());
        let interrupt = Interrupt::new();
        thread::scope(|scope| {
            let stopped = scope.spawn(|| second.turn(&interrupt));
            while turns.state().waiting.is_empty() {
                thread::yield_now();
            }
            interrupt.raise();
            drop(stopped.join().unwrap());
        });
        assert_eq!(turns.state().computing, 1);
        drop(computing);
        assert_eq!(turns.state().computing, 0);
    }
}
