//! [`Limit`]: the search for the number of requests that a store answers soonest.

use std::time::{Duration, Instant};

/// The requests in flight at the start, and those to a web server, which is not to be pressed.
pub(crate) const FIRST: usize = 32;

/// What a store gets that goes on asking for fewer.
const LEAST: usize = 4;

/// The shortest time in which a rate is measured.
pub(crate) const WINDOW: Duration = Duration::from_millis(200);

/// For how many windows no more slots are tried after some were taken back.
const HOLD: u32 = 10;

/// What a request is worth beside its bytes, so that small objects count, too.
const REQUEST_WORK: u64 = 64 << 10;

/// The search for the number of slots.
#[derive(Debug)]
pub(crate) struct Limit {
    /// The slots.
    pub now: usize,
    most: usize,
    /// The slots before the last were added, and the rate with them, until that is judged.
    before: Option<(usize, f64)>,
    /// The windows for which no more slots are tried.
    hold: u32,
    /// Whether every addition so far was of use.
    doubles: bool,
    /// How often the store had asked for fewer requests when that was last looked at.
    slowed: u64,
    window: Window,
}

#[derive(Debug)]
struct Window {
    begun: Instant,
    answers: usize,
    /// Bytes, and what requests are worth beside them.
    work: u64,
    /// Requests that began, and those of them for which rows waited that waited for a slot.
    requests: usize,
    held_up: usize,
}

impl Window {
    fn new(begun: Instant) -> Self {
        Self {
            begun,
            answers: 0,
            work: 0,
            requests: 0,
            held_up: 0,
        }
    }
}

impl Limit {
    pub(crate) fn new(most: usize, slowed: u64, now: Instant) -> Self {
        Self {
            now: FIRST.min(most),
            most,
            before: None,
            hold: 0,
            doubles: true,
            slowed,
            window: Window::new(now),
        }
    }

    /// No request was in flight until now: what was measured before is no rate.
    pub(crate) fn rested(&mut self, now: Instant) {
        self.before = None;
        self.window = Window::new(now);
    }

    /// A request began; one that is held up waited for a slot while rows waited for it.
    pub(crate) fn began(&mut self, held_up: bool) {
        self.window.requests += 1;
        self.window.held_up += usize::from(held_up);
    }

    /// A request brought so many bytes; the store has asked so often for fewer.
    pub(crate) fn answered(&mut self, now: Instant, bytes: u64, slowed: u64) {
        self.window.answers += 1;
        self.window.work += REQUEST_WORK + bytes;
        let elapsed = now.saturating_duration_since(self.window.begun);
        if elapsed < WINDOW || self.window.answers < self.now {
            return;
        }
        let window = std::mem::replace(&mut self.window, Window::new(now));
        let rate = window.work as f64 / elapsed.as_secs_f64();
        let is_starved = window.held_up > 0 && 2 * window.held_up >= window.requests;
        self.decide(rate, is_starved, slowed);
    }

    fn decide(&mut self, rate: f64, is_starved: bool, slowed: u64) {
        if slowed > self.slowed {
            self.slowed = slowed;
            self.now = (self.now / 2).max(LEAST).min(self.now);
            self.before = None;
            self.hold = HOLD;
            self.doubles = false;
            return;
        }
        // Where rows do not wait any more, the rate is that of their consumers and says nothing.
        if let Some((slots, before)) = self.before.take()
            && is_starved
        {
            let hoped = self.now as f64 / slots as f64 - 1.0;
            if rate < before * (1.0 + hoped / 3.0) {
                self.now = slots;
                self.hold = HOLD;
                self.doubles = false;
                return;
            }
        }
        if self.hold > 0 {
            self.hold -= 1;
        } else if is_starved && self.now < self.most {
            self.before = Some((self.now, rate));
            let more = match self.doubles {
                true => self.now,
                false => (self.now / 8).max(LEAST),
            };
            self.now = (self.now + more).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 512;

    /// Requests of so many bytes to a store for so many seconds, of which each takes the longer the more
    /// there are; the slots in the end.
    fn run(limit: &mut Limit, seconds: f64, bytes: u64, latency: impl Fn(usize) -> f64) -> usize {
        let mut now = limit.window.begun;
        let end = now + Duration::from_secs_f64(seconds);
        while now < end {
            now += Duration::from_secs_f64(latency(limit.now) / limit.now as f64);
            limit.began(true);
            limit.answered(now, bytes, 0);
        }
        limit.now
    }

    fn limit() -> Limit {
        Limit::new(MOST, 0, Instant::now())
    }

    #[test]
    fn a_store_that_is_only_late_gets_all_that_there_are() {
        let mut limit = limit();
        assert_eq!(run(&mut limit, 0.25, 5_000, |_| 0.05), 64);
        assert_eq!(run(&mut limit, 5.0, 5_000, |_| 0.05), MOST);
    }

    #[test]
    fn a_network_that_is_full_gets_no_more() {
        // 100 MB/s: a hundred requests of 1 MB in flight take a second each.
        let full = |slots: usize| f64::max(0.02, slots as f64 * 1e6 / 1e8);
        let slots = run(&mut limit(), 60.0, 1_000_000, full);
        assert!((FIRST..=FIRST + 2 * LEAST).contains(&slots), "{slots}");
        // As many small requests a second as a store with 200 places of 50 ms has.
        let places = |slots: usize| f64::max(0.05, 0.05 * slots as f64 / 200.0);
        let slots = run(&mut limit(), 30.0, 5_000, places);
        assert!((128..=300).contains(&slots), "{slots}");
    }

    #[test]
    fn a_store_that_asks_for_fewer_gets_half() {
        let mut limit = limit();
        run(&mut limit, 5.0, 5_000, |_| 0.05);
        limit.decide(1.0, true, 1);
        assert_eq!(limit.now, MOST / 2);
        for slowed in 2..20 {
            limit.decide(1.0, true, slowed);
        }
        assert_eq!(limit.now, LEAST);
        // It is tried again later, with a few more.
        for _ in 0..=HOLD {
            limit.decide(1.0, true, 19);
        }
        assert_eq!(limit.now, 2 * LEAST);
    }

    #[test]
    fn slots_do_not_grow_where_no_row_waits() {
        let mut limit = limit();
        for _ in 0..20 {
            limit.decide(1.0, false, 0);
        }
        assert_eq!(limit.now, FIRST);
        // One that was added and is not waited for any more stays.
        limit.decide(1.0, true, 0);
        limit.decide(1.0, false, 0);
        assert_eq!(limit.now, 2 * FIRST);
    }
}
