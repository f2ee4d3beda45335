//! [`s3_traffic`]: the requests that this process sent to S3, counted where they leave it.
//!
//! object_store repeats requests by itself, so that a count of calls to it is none of requests. The HTTP client
//! below it sees every attempt, and [`Attempts`] shows it which of them are the same request again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};

/// The kinds of requests, by what S3 bills for them.
const KINDS: [&str; 6] = ["GET", "HEAD", "LIST", "PUT", "POST", "DELETE"];
const GET: usize = 0;
const LIST: usize = 2;
const POST: usize = 4;

/// The kinds whose repetitions can be known: object_store has no place for [`Attempts`] in the parts of an upload,
/// in copies and in deletions.
const KINDS_WITH_ATTEMPTS: usize = 4;

/// How attempts fail that are made again.
const FAILURES: [&str; 3] = ["throttled", "server error", "no answer"];
const THROTTLED: usize = 0;
const SERVER_ERROR: usize = 1;
const NO_ANSWER: usize = 2;

/// Upper bounds, in seconds, of the classes that times fall into; the last class has none.
const BOUNDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Counts since the process started.
struct Counts {
    requests: [AtomicU64; KINDS.len()],
    retries: [AtomicU64; KINDS.len()],
    failures: [AtomicU64; FAILURES.len()],
    gets_by_time: [AtomicU64; BOUNDS.len() + 1],
    get_nanoseconds: AtomicU64,
}

static COUNTS: Counts = Counts {
    requests: [const { AtomicU64::new(0) }; KINDS.len()],
    retries: [const { AtomicU64::new(0) }; KINDS.len()],
    failures: [const { AtomicU64::new(0) }; FAILURES.len()],
    gets_by_time: [const { AtomicU64::new(0) }; BOUNDS.len() + 1],
    get_nanoseconds: AtomicU64::new(0),
};

/// What a process asked S3 for since it started.
#[derive(Debug, Clone, PartialEq)]
pub struct S3Traffic {
    /// Requests by kind (`GET`, `LIST` and the like), each attempt counted.
    pub requests: Vec<(&'static str, u64)>,
    /// Attempts at a request after the first one, by kind. Parts of uploads, copies and deletions are not among them.
    pub retries: Vec<(&'static str, u64)>,
    /// Attempts that failed in a way that may pass, by reason.
    pub failures: Vec<(&'static str, u64)>,
    /// How many attempts at a `GET` were answered within so many seconds and no fewer. The last bound is infinite.
    pub gets_by_seconds: Vec<(f64, u64)>,
    /// The time until these answers began, together, in seconds.
    pub get_seconds: f64,
}

/// The requests that this process sent to S3. Those for credentials are not among them.
pub fn s3_traffic() -> S3Traffic {
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let named = |names: &[&'static str], counts: &[AtomicU64]| {
        let counts = counts.iter().map(read);
        names.iter().copied().zip(counts).collect()
    };
    let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
    S3Traffic {
        requests: named(&KINDS, &COUNTS.requests),
        retries: named(&KINDS[..KINDS_WITH_ATTEMPTS], &COUNTS.retries),
        failures: named(&FAILURES, &COUNTS.failures),
        gets_by_seconds: bounds.zip(COUNTS.gets_by_time.iter().map(read)).collect(),
        get_seconds: read(&COUNTS.get_nanoseconds) as f64 / 1e9,
    }
}

/// Travels in the extensions of a request, whose repetitions share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempts(Arc<AtomicU64>);

impl Attempts {
    /// Whether there was an attempt before this one.
    fn begin(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) > 0
    }
}

/// A client whose requests are counted as soon as it is known to be that of a bucket.
#[derive(Debug, Clone)]
pub(super) struct CountedClient {
    client: HttpClient,
    is_of_bucket: Arc<AtomicBool>,
    /// How often the bucket asked for fewer requests, which object_store hears alone: it waits a little
    /// and sends the request again.
    slow: Arc<AtomicU64>,
}

impl CountedClient {
    pub(super) fn new(client: HttpClient, slow: Arc<AtomicU64>) -> Self {
        Self {
            client,
            is_of_bucket: Arc::default(),
            slow,
        }
    }

    /// Counts from now on, what its clones send too.
    pub(super) fn count(&self) {
        self.is_of_bucket.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl HttpService for CountedClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if !self.is_of_bucket.load(Ordering::Relaxed) {
            return self.client.execute(request).await;
        }
        let kind = kind(request.method().as_str(), request.uri().query());
        COUNTS.requests[kind].fetch_add(1, Ordering::Relaxed);
        let attempts = request.extensions().get::<Attempts>();
        if attempts.is_some_and(Attempts::begin) {
            COUNTS.retries[kind].fetch_add(1, Ordering::Relaxed);
        }
        let start = Instant::now();
        let answer = self.client.execute(request).await;
        let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
        if let Some(failure) = failure(status) {
            COUNTS.failures[failure].fetch_add(1, Ordering::Relaxed);
            if failure == THROTTLED {
                self.slow.fetch_add(1, Ordering::Relaxed);
            }
        }
        if kind == GET && status.is_some() {
            count_get(start.elapsed());
        }
        answer
    }
}

fn kind(method: &str, query: Option<&str>) -> usize {
    let is_listing = query.is_some_and(|query| query.contains("list-type=2"));
    match method {
        "GET" if is_listing => LIST,
        // What else there may be is billed as a POST is.
        other => KINDS.iter().position(|kind| *kind == other).unwrap_or(POST),
    }
}

/// The failure of an answer, if it is one that object_store makes the request again for.
fn failure(status: Option<u16>) -> Option<usize> {
    match status {
        None => Some(NO_ANSWER),
        Some(429 | 503) => Some(THROTTLED),
        Some(408 | 500..) => Some(SERVER_ERROR),
        Some(_) => None,
    }
}

fn count_get(took: Duration) {
    let seconds = took.as_secs_f64();
    let class = BOUNDS.iter().position(|bound| seconds <= *bound);
    COUNTS.gets_by_time[class.unwrap_or(BOUNDS.len())].fetch_add(1, Ordering::Relaxed);
    let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    COUNTS
        .get_nanoseconds
        .fetch_add(nanoseconds, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_kinds_and_failures() {
        for (method, query, expected) in [
            ("GET", None, "GET"),
            ("GET", Some("prefix=a&list-type=2"), "LIST"),
            ("HEAD", None, "HEAD"),
            ("PUT", Some("partNumber=1"), "PUT"),
            ("POST", Some("delete"), "POST"),
            ("DELETE", None, "DELETE"),
        ] {
            assert_eq!(KINDS[kind(method, query)], expected);
        }
        for (status, expected) in [
            (Some(200), None),
            (Some(404), None),
            (Some(412), None),
            (Some(503), Some(THROTTLED)),
            (Some(429), Some(THROTTLED)),
            (Some(500), Some(SERVER_ERROR)),
            (None, Some(NO_ANSWER)),
        ] {
            assert_eq!(failure(status), expected, "{status:?}");
        }
    }

    #[test]
    fn a_copy_of_a_request_is_another_attempt_at_it() {
        let attempts = Attempts::default();
        let again = attempts.clone();
        assert_eq!(
            [attempts.begin(), again.begin(), attempts.begin()],
            [false, true, true]
        );
        assert!(!Attempts::default().begin());
    }

    #[test]
    fn times_fall_into_classes() {
        let count = |bound: f64| {
            let classes = s3_traffic().gets_by_seconds;
            let class = classes.iter().find(|(upper, _)| *upper == bound);
            class.unwrap().1
        };
        let before = (count(0.05), count(f64::INFINITY));
        count_get(Duration::from_millis(50));
        count_get(Duration::from_millis(26));
        count_get(Duration::from_secs(11));
        assert!(count(0.05) >= before.0 + 2 && count(f64::INFINITY) > before.1);
        assert!(s3_traffic().get_seconds >= 11.076);
    }
}
