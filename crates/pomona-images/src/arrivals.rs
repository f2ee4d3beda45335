//! [`Arrivals`]: what requests return, in the order in which they began.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The shortest time after which a request is late.
const LATE: Duration = Duration::from_millis(200);

/// How many times as long as the others a late request takes.
const TIMES_AS_LONG: f64 = 4.0;

/// Brings what requests return into their order. Where the order is nobody's concern, what others
/// returned passes a request that is late, so that one slow object holds up no other.
#[derive(Debug)]
pub(crate) struct Arrivals<T> {
    is_ordered: bool,
    arrived: BTreeMap<u64, T>,
    /// When the requests began that are on their way.
    running: BTreeMap<u64, Instant>,
    /// The first that was neither taken nor passed.
    next: u64,
    begun: u64,
    answers: u32,
    /// The seconds that a request takes: the mean of about the last sixteen.
    mean: f64,
}

impl<T> Arrivals<T> {
    pub(crate) fn new(is_ordered: bool) -> Self {
        Self {
            is_ordered,
            arrived: BTreeMap::new(),
            running: BTreeMap::new(),
            next: 0,
            begun: 0,
            answers: 0,
            mean: 0.0,
        }
    }

    /// The number of a request that begins.
    pub(crate) fn begin(&mut self, now: Instant) -> u64 {
        let number = self.begun;
        self.begun += 1;
        self.running.insert(number, now);
        number
    }

    /// What a request returned.
    pub(crate) fn arrive(&mut self, number: u64, what: T, now: Instant) {
        if let Some(begun) = self.running.remove(&number) {
            let seconds = now.saturating_duration_since(begun).as_secs_f64();
            self.answers = self.answers.saturating_add(1);
            self.mean += (seconds - self.mean) / f64::from(self.answers.min(16));
        }
        self.arrived.insert(number, what);
    }

    /// The next in the order, or one that was passed.
    pub(crate) fn take(&mut self) -> Option<T> {
        let first = self.arrived.first_entry()?;
        if *first.key() > self.next {
            return None;
        }
        if *first.key() == self.next {
            self.next += 1;
        }
        Some(first.remove())
    }

    /// How many there are that were not taken.
    pub(crate) fn len(&self) -> usize {
        self.arrived.len() + self.running.len()
    }

    /// How long what is there waits for what is not.
    pub(crate) fn patience(&self) -> Duration {
        LATE.max(Duration::from_secs_f64(TIMES_AS_LONG * self.mean))
    }

    /// When those that are there will have waited long enough; none where none waits, and where they
    /// wait for their order.
    pub(crate) fn late_at(&self) -> Option<Instant> {
        if self.is_ordered || self.arrived.is_empty() {
            return None;
        }
        let begun = self.running.get(&self.next)?;
        Some(*begun + self.patience())
    }

    /// Lets the others pass the requests that are late.
    pub(crate) fn pass_late(&mut self, now: Instant) {
        while self.late_at().is_some_and(|late| late <= now) {
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(arrivals: &mut Arrivals<u64>) -> Vec<u64> {
        std::iter::from_fn(|| arrivals.take()).collect()
    }

    #[test]
    fn the_order_is_that_of_the_requests() {
        let start = Instant::now();
        for is_ordered in [true, false] {
            let mut arrivals = Arrivals::new(is_ordered);
            for _ in 0..4 {
                arrivals.begin(start);
            }
            arrivals.arrive(2, 2, start);
            arrivals.arrive(1, 1, start);
            assert!(taken(&mut arrivals).is_empty());
            assert_eq!(arrivals.len(), 4);
            arrivals.arrive(0, 0, start);
            assert_eq!(taken(&mut arrivals), [0, 1, 2]);
            assert_eq!(arrivals.late_at(), None, "nothing waits");
            arrivals.arrive(3, 3, start);
            assert_eq!((taken(&mut arrivals), arrivals.len()), (vec![3], 0));
        }
    }

    #[test]
    fn what_is_late_is_passed_unless_there_is_an_order() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(false);
        for _ in 0..5 {
            arrivals.begin(start);
        }
        for number in [1, 2, 4] {
            arrivals.arrive(number, number, start);
        }
        arrivals.pass_late(start + LATE / 2);
        assert!(taken(&mut arrivals).is_empty());
        let late = arrivals.late_at().unwrap();
        arrivals.pass_late(late);
        assert_eq!(taken(&mut arrivals), [1, 2]);
        arrivals.pass_late(late);
        assert_eq!(taken(&mut arrivals), [4]);
        arrivals.arrive(3, 3, late);
        arrivals.arrive(0, 0, late);
        assert_eq!(taken(&mut arrivals), [0, 3]);

        let mut arrivals = Arrivals::new(true);
        arrivals.begin(start);
        arrivals.begin(start);
        arrivals.arrive(1, 1, start);
        assert_eq!(arrivals.late_at(), None);
        arrivals.pass_late(start + Duration::from_secs(60));
        assert!(taken(&mut arrivals).is_empty());
    }

    #[test]
    fn a_store_that_is_slow_as_a_whole_is_waited_for() {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(false);
        let second = Duration::from_secs(1);
        for number in 0..100 {
            assert_eq!(arrivals.begin(start), number);
            arrivals.arrive(number, number, start + second);
        }
        assert!(arrivals.patience() > 3 * second);
    }
}
