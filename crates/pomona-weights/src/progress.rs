//! How far a fetch is, for whoever listens.

use std::sync::{Arc, RwLock};

/// A fetch that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What is fetched: a URL, or a repository with its file.
    pub what: String,
    /// The bytes that are there.
    pub done: u64,
    /// All bytes, where the server says.
    pub total: Option<u64>,
    /// Whether this is the last report of this fetch: it is complete, or it failed.
    pub ended: bool,
}

type Listener = Arc<dyn Fn(&Progress) + Send + Sync>;

static LISTENER: RwLock<Option<Listener>> = RwLock::new(None);

/// Reports every fetch of this process to `listener`, and no longer to the one before it.
///
/// There is one listener a process, as there is one cache of networks: a fetch serves all sessions
/// that wait for it.
pub fn listen(listener: impl Fn(&Progress) + Send + Sync + 'static) {
    *LISTENER.write().unwrap_or_else(|p| p.into_inner()) = Some(Arc::new(listener));
}

pub(crate) fn report(progress: &Progress) {
    let listener = LISTENER.read().unwrap_or_else(|p| p.into_inner()).clone();
    if let Some(listener) = listener {
        listener(progress);
    }
}

/// A fetch that reports its end however it ends.
pub(crate) struct FetchReporter {
    progress: Progress,
}

impl FetchReporter {
    pub(crate) fn new(what: impl Into<String>, total: Option<u64>) -> Self {
        Self {
            progress: Progress {
                what: what.into(),
                done: 0,
                total,
                ended: false,
            },
        }
    }

    pub(crate) fn reach(&mut self, done: u64) {
        self.progress.done = done;
        report(&self.progress);
    }
}

impl Drop for FetchReporter {
    fn drop(&mut self) {
        self.progress.ended = true;
        report(&self.progress);
    }
}
