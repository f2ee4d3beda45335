//! A store that counts, delays and fails requests.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::Semaphore;

/// What happens to a GET although the object is listed.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    Vanished,
    Forbidden,
    Broken,
    Panic,
}

/// Wraps a store; HEAD and LIST pass, GET is observed.
#[derive(Debug)]
pub struct ProbeStore {
    inner: Arc<dyn ObjectStore>,
    delay: Duration,
    /// Those that take longer.
    slow: HashMap<String, Duration>,
    /// Those that are not there before the test says so.
    held: HashSet<String>,
    /// Closed when it has.
    released: Semaphore,
    /// How many it serves at once, if that is bounded: others wait.
    places: Option<Semaphore>,
    faults: HashMap<String, Fault>,
    /// Paths in the order of their requests.
    pub requested: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl ProbeStore {
    pub fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self {
            inner,
            delay: Duration::ZERO,
            slow: HashMap::new(),
            held: HashSet::new(),
            released: Semaphore::new(0),
            places: None,
            faults: HashMap::new(),
            requested: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        }
    }

    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub fn with_slow(mut self, path: &str, delay: Duration) -> Self {
        self.slow.insert(path.to_owned(), delay);
        self
    }

    pub fn with_held(mut self, paths: impl IntoIterator<Item = String>) -> Self {
        self.held.extend(paths);
        self
    }

    /// Serves those that were held.
    pub fn release(&self) {
        self.released.close();
    }

    pub fn with_places(mut self, places: usize) -> Self {
        self.places = Some(Semaphore::new(places));
        self
    }

    pub fn with_fault(mut self, path: &str, fault: Fault) -> Self {
        self.faults.insert(path.to_owned(), fault);
        self
    }

    pub fn gets(&self) -> usize {
        self.requested.lock().unwrap().len()
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.load(SeqCst)
    }

    pub fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(SeqCst)
    }
}

/// Counts a request out when it ends or is dropped.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl fmt::Display for ProbeStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProbeStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for ProbeStore {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head {
            return self.inner.get_opts(location, options).await;
        }
        self.requested.lock().unwrap().push(location.to_string());
        let now = self.in_flight.fetch_add(1, SeqCst) + 1;
        let _in_flight = InFlight(&self.in_flight);
        self.most_in_flight.fetch_max(now, SeqCst);
        let path = location.to_string();
        let place = match &self.places {
            Some(places) => Some(places.acquire().await.unwrap()),
            None => None,
        };
        tokio::time::sleep(self.slow.get(&path).copied().unwrap_or(self.delay)).await;
        drop(place);
        if self.held.contains(&path) {
            // There is never a permit, and at the end none is waited for.
            let _ = self.released.acquire().await;
        }
        match self.faults.get(&path) {
            Some(Fault::Vanished) => Err(Error::NotFound {
                path,
                source: "it is gone".into(),
            }),
            Some(Fault::Forbidden) => Err(Error::PermissionDenied {
                path,
                source: "access denied".into(),
            }),
            Some(Fault::Broken) => Err(Error::Generic {
                store: "probe",
                source: "connection reset".into(),
            }),
            Some(Fault::Panic) => panic!("the store panics at {path}"),
            None => self.inner.get_opts(location, options).await,
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations).boxed()
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
