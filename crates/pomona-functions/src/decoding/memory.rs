//! [`PoolMemory`]: the bytes of images, reserved from DataFusion's memory pool.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use pomona_mobilenet::ImageError;
use pomona_mobilenet::preprocess::{DecodeMemory, ImageFormat};

/// The time between two attempts to reserve.
const INTERVAL: Duration = Duration::from_millis(2);

/// How long bytes are waited for that no other decoder holds: an operator that has them may spill or
/// end. Other decoders are waited for as long as they take, which [`DecodeLimits`] bounds.
///
/// [`DecodeLimits`]: pomona_mobilenet::preprocess::DecodeLimits
const PATIENCE: Duration = Duration::from_secs(10);

/// The pool of a task, for one of its partitions.
#[derive(Debug)]
pub(crate) struct PoolMemory {
    reservation: MemoryReservation,
    limit: u64,
    queue: Arc<Mutex<Queue>>,
}

/// Who decodes in one pool. A large image waits until enough of the small ones are done, so those that
/// come after it wait behind it.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<u64>,
    last_ticket: u64,
    /// Bytes that decoders hold.
    held: u64,
}

/// The queue of each pool, which lives as long as somebody decodes in it.
static QUEUES: Mutex<Vec<(usize, Weak<Mutex<Queue>>)>> = Mutex::new(vec![]);

impl PoolMemory {
    /// The memory of a pool, if it has a limit.
    pub(crate) fn of(pool: &Arc<dyn MemoryPool>) -> Option<Self> {
        let MemoryLimit::Finite(limit) = pool.memory_limit() else {
            return None;
        };
        Some(Self {
            reservation: MemoryConsumer::new("decoded images").register(pool),
            limit: limit as u64,
            queue: queue_of(pool),
        })
    }

    fn try_reserve(&self, queue: &mut Queue, bytes: u64) -> bool {
        let reserved =
            usize::try_from(bytes).is_ok_and(|bytes| self.reservation.try_grow(bytes).is_ok());
        queue.held += if reserved { bytes } else { 0 };
        reserved
    }
}

/// A pool whose address is in the list is alive: the reservation of whoever has its queue holds it.
fn queue_of(pool: &Arc<dyn MemoryPool>) -> Arc<Mutex<Queue>> {
    let address = Arc::as_ptr(pool).cast::<()>().addr();
    let mut queues = open(&QUEUES);
    queues.retain(|(_, queue)| queue.strong_count() > 0);
    let found = queues.iter().find(|(of, _)| *of == address);
    if let Some(queue) = found.and_then(|(_, queue)| queue.upgrade()) {
        return queue;
    }
    let queue = Arc::default();
    queues.push((address, Arc::downgrade(&queue)));
    queue
}

impl DecodeMemory for PoolMemory {
    fn reserve(
        &self,
        format: ImageFormat,
        bytes: u64,
        go_on: &dyn Fn() -> Result<(), ImageError>,
    ) -> Result<(), ImageError> {
        let (needed, limit) = (bytes, self.limit);
        if needed > limit {
            return Err(ImageError::OverMemoryLimit {
                format,
                needed,
                limit,
            });
        }
        let ticket = {
            let mut queue = open(&self.queue);
            if queue.waiting.is_empty() && self.try_reserve(&mut queue, bytes) {
                return Ok(());
            }
            queue.last_ticket += 1;
            let ticket = queue.last_ticket;
            queue.waiting.push_back(ticket);
            ticket
        };
        let mut alone_since = Instant::now();
        loop {
            thread::sleep(INTERVAL);
            let stopped = go_on();
            let mut queue = open(&self.queue);
            if queue.held > 0 {
                alone_since = Instant::now();
            }
            let outcome = match stopped {
                Ok(())
                    if queue.waiting.front() == Some(&ticket)
                        && self.try_reserve(&mut queue, bytes) =>
                {
                    Ok(())
                }
                Ok(()) if alone_since.elapsed() < PATIENCE => continue,
                Ok(()) => Err(ImageError::MemoryHeld {
                    format,
                    needed,
                    limit,
                }),
                Err(error) => Err(error),
            };
            queue.waiting.retain(|waiting| *waiting != ticket);
            return outcome;
        }
    }

    fn release(&self, bytes: u64) {
        let mut queue = open(&self.queue);
        queue.held -= bytes;
        self.reservation.shrink(bytes as usize);
    }
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use datafusion::execution::memory_pool::{FairSpillPool, UnboundedMemoryPool};
    use pomona_mobilenet::preprocess::ImageFormat::Png;

    use super::*;

    fn pool(limit: usize) -> Arc<dyn MemoryPool> {
        Arc::new(FairSpillPool::new(limit))
    }

    fn memory(pool: &Arc<dyn MemoryPool>) -> PoolMemory {
        PoolMemory::of(pool).unwrap()
    }

    #[test]
    fn what_can_never_fit_is_an_error_of_the_image() {
        let pool = pool(1000);
        let error = memory(&pool).reserve(Png, 1001, &|| Ok(())).unwrap_err();
        assert!(error.is_of_image(), "{error}");
        assert_eq!(pool.reserved(), 0);
        assert!(PoolMemory::of(&(Arc::new(UnboundedMemoryPool::default()) as _)).is_none());
    }

    #[test]
    fn whoever_does_not_fit_waits_for_other_images() {
        let pool = pool(1000);
        let (one, two) = (memory(&pool), memory(&pool));
        one.reserve(Png, 600, &|| Ok(())).unwrap();
        let released = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                two.reserve(Png, 600, &|| Ok(())).unwrap();
                assert!(released.load(Ordering::SeqCst));
                two.release(600);
            });
            thread::sleep(Duration::from_millis(50));
            assert_eq!(pool.reserved(), 600);
            released.store(true, Ordering::SeqCst);
            one.release(600);
        });
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn a_large_image_is_not_overtaken_by_small_ones_without_end() {
        let pool = pool(1000);
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let small = memory(&pool);
                    while !is_done.load(Ordering::SeqCst) {
                        small.reserve(Png, 300, &|| Ok(())).unwrap();
                        thread::sleep(Duration::from_millis(5));
                        small.release(300);
                    }
                });
            }
            thread::sleep(Duration::from_millis(20));
            let large = memory(&pool);
            let begun = Instant::now();
            // Without end is minutes: a busy machine has other things to do for seconds.
            let limit = || match begun.elapsed() < 12 * PATIENCE {
                true => Ok(()),
                false => Err(ImageError::Interrupted),
            };
            let reserved = large.reserve(Png, 1000, &limit);
            is_done.store(true, Ordering::SeqCst);
            reserved.unwrap();
            large.release(1000);
        });
    }

    #[test]
    fn a_wait_ends_with_the_query() {
        let pool = pool(1000);
        let other = MemoryConsumer::new("a sort").register(&pool);
        other.grow(900);
        let memory = memory(&pool);
        let begun = Instant::now();
        let error = memory
            .reserve(Png, 200, &|| match begun.elapsed() {
                elapsed if elapsed > Duration::from_millis(30) => Err(ImageError::Interrupted),
                _ => Ok(()),
            })
            .unwrap_err();
        assert_eq!(error, ImageError::Interrupted);
        // Nobody waits any more, and what fits is not kept waiting.
        memory.reserve(Png, 100, &|| Ok(())).unwrap();
    }

    #[test]
    fn memory_that_no_decoder_holds_fails_the_query_and_not_the_image() {
        let pool = pool(1000);
        let other = MemoryConsumer::new("a sort").register(&pool);
        other.grow(900);
        let error = memory(&pool).reserve(Png, 200, &|| Ok(())).unwrap_err();
        assert!(!error.is_of_image(), "{error}");
    }
}
