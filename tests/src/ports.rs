//! Ports for processes that a test starts.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::TcpListener;
use std::ops::Range;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Ports below those that the system gives to outgoing connections. One of the latter can be taken by
/// any connection of any test before the process that is to listen there has started.
const PORTS: Range<u16> = 10_000..32_000;

/// The ports that were given out: whoever got one may listen there a little later, or again after a restart.
static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port that nobody listens on now, and no other call in this process returns.
///
/// # Errors
/// When none is found.
pub fn free_port() -> io::Result<u16> {
    for _ in 0..1000 {
        let random = RandomState::new().build_hasher().finish();
        let port = PORTS.start + (random % PORTS.len() as u64) as u16;
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return Ok(port);
        }
    }
    Err(io::Error::other("no port is free"))
}
