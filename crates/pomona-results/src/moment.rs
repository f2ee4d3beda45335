//! [`Moment`]: a moment in the past that is as long ago after a suspension as it is.

use std::time::{Duration, Instant, SystemTime};

/// A moment, on two clocks: one that no person turns, and one that goes on while the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            steady: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// How long ago it is by the clock that says longer.
    pub(crate) fn elapsed(self) -> Duration {
        let wall = self.wall.elapsed().unwrap_or_default();
        self.steady.elapsed().max(wall)
    }
}
