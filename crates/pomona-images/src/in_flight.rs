//! [`InFlight`]: how many requests a process has in flight to a store.
//!
//! A store answers a request after its latency. So what it returns in a second is the number of
//! requests in flight divided by the latency, until the network, or the store, returns no more. The
//! number that reaches this point is not known before. It is looked for while rows wait for bytes:
//!
//! - A window ends when it has as many answers as there are slots, and after 200 ms at least.
//! - Where partitions waited for a slot while their consumers waited for rows, there are twice as
//!   many slots in the next window; once that was of no use, an eighth more.
//! - Slots that brought too little are taken back: less than a third of what they would have brought
//!   if the latency had stayed what it was.
//! - A store that asks for fewer requests (429, 503) gets half as many.
//!
//! The bytes that are read ahead have a bound of their own, a budget a partition: where rows do not
//! wait for bytes, requests wait for the budget, and the number of slots does not matter.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use object_store::ObjectStore;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::request_limit::Limit;

/// The most requests that a process has in flight to a store, unless a table says otherwise: a
/// connection each. With 50 ms a request these are 10,000 requests a second.
pub const MOST_IN_FLIGHT: usize = 512;

/// The most to a disk, where each takes a thread.
const MOST_ON_A_DISK: usize = 64;

/// The slots of a store's requests.
#[derive(Debug)]
pub(crate) struct InFlight {
    slots: Arc<Semaphore>,
    /// None where their number is fixed.
    search: Option<Search>,
}

#[derive(Debug)]
struct Search {
    shared: Mutex<Shared>,
    /// How often the store asked for fewer requests.
    slowed: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Shared {
    limit: Limit,
    running: usize,
    /// Slots that are taken back when their requests end.
    debt: usize,
}

/// The right to one request. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    of: Arc<InFlight>,
    permit: Option<OwnedSemaphorePermit>,
}

/// A store and its slots.
type Known = (Weak<dyn ObjectStore>, Arc<InFlight>);

/// The stores that are in use, whose slots all scans of the process share.
static STORES: Mutex<Vec<Known>> = Mutex::new(Vec::new());

/// How often stores asked for fewer requests, by bucket or host.
static SLOWED: LazyLock<Mutex<HashMap<String, Arc<AtomicU64>>>> = LazyLock::new(Mutex::default);

/// How often a store, the bucket or host of its URL, has asked for fewer requests with the status 429
/// or 503. Who sees its answers counts them here, also those after which a request is repeated.
pub fn slow_answers(store: &str) -> Arc<AtomicU64> {
    let mut slowed = SLOWED.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(slowed.entry(store.to_owned()).or_default())
}

impl InFlight {
    /// A number of slots that does not change.
    pub(crate) fn fixed(slots: usize) -> Arc<Self> {
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS))),
            search: None,
        })
    }

    /// The slots of `store`, which is at `url`: `s3://bucket/`.
    pub(crate) fn of_store(store: &Arc<dyn ObjectStore>, url: &str) -> Arc<Self> {
        let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
        stores.retain(|(store, _)| store.strong_count() > 0);
        let this = Arc::downgrade(store);
        if let Some((_, known)) = stores.iter().find(|(store, _)| store.ptr_eq(&this)) {
            return Arc::clone(known);
        }
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let most = match scheme {
            "file" => MOST_ON_A_DISK,
            _ => MOST_IN_FLIGHT,
        };
        let slots = Arc::new(Self::searching(most, slow_answers(rest.trim_matches('/'))));
        stores.push((this, Arc::clone(&slots)));
        slots
    }

    fn searching(most: usize, slowed: Arc<AtomicU64>) -> Self {
        let limit = Limit::new(most, slowed.load(Ordering::Relaxed), Instant::now());
        Self {
            slots: Arc::new(Semaphore::new(limit.now)),
            search: Some(Search {
                shared: Mutex::new(Shared {
                    limit,
                    running: 0,
                    debt: 0,
                }),
                slowed,
            }),
        }
    }

    /// Waits for a slot. `is_starved` says whether the rows of this request are waited for.
    pub(crate) async fn slot(self: &Arc<Self>, is_starved: &AtomicBool) -> Slot {
        let starved = || is_starved.load(Ordering::Relaxed);
        let (permit, held_up) = match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(permit) => (permit, false),
            Err(_) => {
                let before = starved();
                let permit = Arc::clone(&self.slots).acquire_owned().await;
                let permit = permit.expect("the semaphore of the slots is never closed");
                (permit, before || starved())
            }
        };
        if let Some(search) = &self.search {
            let mut shared = search.lock();
            if shared.running == 0 {
                shared.limit.rested(Instant::now());
            }
            shared.running += 1;
            shared.limit.began(held_up);
        }
        Slot {
            of: Arc::clone(self),
            permit: Some(permit),
        }
    }

    fn answered(&self, bytes: u64) {
        let Some(search) = &self.search else { return };
        let slowed = search.slowed.load(Ordering::Relaxed);
        let mut shared = search.lock();
        let before = shared.limit.now;
        shared.limit.answered(Instant::now(), bytes, slowed);
        let now = shared.limit.now;
        if now > before {
            let more = now - before;
            let paid = more.min(shared.debt);
            shared.debt -= paid;
            self.slots.add_permits(more - paid);
        } else {
            let fewer = before - now;
            shared.debt += fewer - self.slots.forget_permits(fewer);
        }
        if now != before {
            log::debug!("{now} requests in flight, after {before}");
        }
    }
}

impl Search {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Ends the request, which brought so many bytes.
    pub(crate) fn done(self, bytes: u64) {
        self.of.answered(bytes);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        if let Some(search) = &self.of.search {
            let mut shared = search.lock();
            shared.running = shared.running.saturating_sub(1);
            if shared.debt > 0 {
                shared.debt -= 1;
                permit.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request_limit::{FIRST, WINDOW};

    #[tokio::test]
    async fn slots_that_are_taken_back_are_gone_when_their_requests_end() {
        let slowed = Arc::new(AtomicU64::new(0));
        let slots = Arc::new(InFlight::searching(MOST_IN_FLIGHT, Arc::clone(&slowed)));
        let starved = AtomicBool::new(true);
        let mut taken = vec![];
        for _ in 0..FIRST {
            taken.push(slots.slot(&starved).await);
        }
        assert_eq!(slots.slots.available_permits(), 0);
        slowed.store(1, Ordering::Relaxed);
        let search = slots.search.as_ref().unwrap();
        tokio::time::sleep(WINDOW).await;
        for _ in 0..FIRST {
            slots.answered(1);
        }
        assert_eq!(search.lock().limit.now, FIRST / 2);
        drop(taken);
        assert_eq!(slots.slots.available_permits(), FIRST / 2);
        let shared = search.lock();
        assert_eq!((shared.debt, shared.running), (0, 0));
    }
}
