//! What can go wrong between a client and an S3 server, to be played by the test's server.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::StatusCode;
use tokio::time::sleep;

/// A request as the server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    /// `GET`.
    pub method: String,
    /// `/bucket/key`, percent-encoded.
    pub path: String,
    /// What follows `?`; empty if there is none.
    pub query: String,
    /// Whether it writes only where the object is as the client knows it, or is not there.
    pub is_conditional: bool,
    /// Its place among all requests of the server, from 0.
    pub number: usize,
}

impl RequestLine {
    /// Whether it reads an object; requests that list a bucket have a query.
    pub fn reads_object(&self) -> bool {
        self.method == "GET" && self.query.is_empty()
    }

    /// Whether it changes what is in a bucket.
    pub fn writes(&self) -> bool {
        ["PUT", "POST", "DELETE"].contains(&self.method.as_str())
    }

    /// Whether it lists keys.
    pub fn lists_keys(&self) -> bool {
        self.method == "GET" && self.query.contains("list-type=2")
    }
}

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The server answers with this status, and does nothing.
    Status(StatusCode),
    /// As [`Fault::Status`], with an S3 error document of this code.
    Refusal(StatusCode, &'static str),
    /// The server does what it is asked, and answers late.
    Slow(Duration),
    /// The server does what it is asked as soon as this is so.
    Held(Condition),
    /// The connection is closed before the server does anything.
    Reset,
    /// The server does what it is asked, and the connection is closed instead of an answer.
    LostAnswer,
    /// The server creates an object over what is there, though the client asks it not to, as soon
    /// as this is so.
    CreatesOver(Condition),
}

/// Something that a server waits for.
#[derive(Clone)]
pub struct Condition(Arc<dyn Fn() -> bool + Send + Sync>);

impl Condition {
    /// What is so when a function says so.
    pub fn new(is_so: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_so))
    }

    /// What is so from when a test sets a flag.
    pub fn of(flag: &Arc<AtomicBool>) -> Self {
        let flag = Arc::clone(flag);
        Self::new(move || flag.load(Ordering::SeqCst))
    }

    /// Waits until it is so. What never is ends with the server, or with the client's patience.
    pub(crate) async fn wait(&self) {
        while !(self.0)() {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({})", (self.0)())
    }
}

/// Chooses the fault of each request.
pub type FaultPlan = Box<dyn Fn(&RequestLine) -> Option<Fault> + Send + Sync>;

/// The requests of a server and their faults.
pub(crate) struct Faults {
    plan: FaultPlan,
    seen: Mutex<Vec<RequestLine>>,
    injected: AtomicUsize,
}

impl Faults {
    pub(crate) fn new(plan: FaultPlan) -> Self {
        Self {
            plan,
            seen: Mutex::default(),
            injected: AtomicUsize::new(0),
        }
    }

    /// Records a request, and returns what happens to it.
    pub(crate) fn next(
        &self,
        method: &str,
        path: &str,
        query: &str,
        is_conditional: bool,
    ) -> Option<Fault> {
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        let line = RequestLine {
            method: method.to_string(),
            path: path.to_string(),
            query: query.to_string(),
            is_conditional,
            number: seen.len(),
        };
        seen.push(line.clone());
        drop(seen);
        let fault = (self.plan)(&line)?;
        self.injected.fetch_add(1, Ordering::Relaxed);
        Some(fault)
    }

    pub(crate) fn seen(&self) -> Vec<RequestLine> {
        let seen = self
            .seen
            .lock()
            .unwrap_or_else(|broken| broken.into_inner());
        seen.clone()
    }

    pub(crate) fn injected(&self) -> usize {
        self.injected.load(Ordering::Relaxed)
    }
}

/// Of the requests for objects, one in `every` fails, in turn with 500, with 503, and by being slow.
pub fn one_in(every: usize) -> FaultPlan {
    let (requests, faults) = (AtomicUsize::new(0), AtomicUsize::new(0));
    Box::new(move |line| {
        if !line.reads_object() {
            return None;
        }
        let number = requests.fetch_add(1, Ordering::Relaxed) + 1;
        if !number.is_multiple_of(every) {
            return None;
        }
        Some(match faults.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
            1 => Fault::Status(StatusCode::SERVICE_UNAVAILABLE),
            _ => Fault::Slow(Duration::from_millis(500)),
        })
    })
}
