//! Reads objects of a listing, and images in shards.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::metrics::{
    Count, ExecutionPlanMetricsSet, MetricBuilder, MetricCategory, Time,
};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::ImagesError;
use crate::in_flight::InFlight;
use crate::options::Missing;
use crate::request_limit::FIRST;
use crate::shards::{Footers, Place, ShardObject, Turn, Wanted, read};
use crate::urls::{ReadOptions, Reader, is_web, shown};

/// What one partition's requests count.
#[derive(Debug, Clone)]
pub(crate) struct FetchMetrics {
    /// Bytes of content received.
    bytes_scanned: Count,
    /// Objects read.
    objects_fetched: Count,
    /// Requests that ended: one an object, or one for neighbours in a shard.
    requests: Count,
    /// Objects that had vanished or were forbidden, and became NULL.
    objects_missing: Count,
    /// The sum of all requests' durations, which overlap.
    fetch_time: Time,
}

impl FetchMetrics {
    pub(crate) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let rows = || MetricBuilder::new(metrics).with_category(MetricCategory::Rows);
        Self {
            bytes_scanned: MetricBuilder::new(metrics)
                .with_category(MetricCategory::Bytes)
                .counter("bytes_scanned", partition),
            requests: MetricBuilder::new(metrics).counter("requests", partition),
            objects_fetched: rows().counter("objects_fetched", partition),
            objects_missing: rows().counter("objects_missing", partition),
            fetch_time: MetricBuilder::new(metrics).subset_time("fetch_time", partition),
        }
    }
}

/// Reads objects by their URL. Failed requests are repeated by the store itself, as it is
/// configured.
#[derive(Debug)]
pub(crate) struct Fetcher {
    runtime: Arc<RuntimeEnv>,
    stores: Mutex<HashMap<String, Store>>,
    /// The slots of requests where their number is fixed.
    fixed: Arc<InFlight>,
    is_fixed: bool,
    /// Reads what a listing names by URLs of web servers.
    web: Reader,
    missing: Missing,
    metrics: FetchMetrics,
    /// Objects denied since the last one that could be read.
    denied: AtomicU64,
    footers: Footers,
}

/// A store and the slots of its requests.
#[derive(Debug, Clone)]
struct Store {
    store: Arc<dyn ObjectStore>,
    slots: Arc<InFlight>,
}

/// What a listing says of an image that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedRow {
    pub path: String,
    pub length: u64,
    /// Where it lies in a shard, if it lies in one.
    pub place: Option<Place>,
}

impl ListedRow {
    /// The shard that the image lies in.
    pub(crate) fn shard(&self) -> Option<&str> {
        self.place.as_ref().map(|place| place.shard(&self.path))
    }
}

/// An object's bytes, or why it has none.
pub(crate) type Content = std::result::Result<Bytes, String>;

/// So many objects in a row that a store denies are no faults of single objects: the right to read
/// is gone, and a run that went on would publish a part of its images as if it were all.
pub(crate) const MOST_DENIED: u64 = 10;

impl Fetcher {
    /// Reads with at most `concurrency` requests in flight, or with as many as are of use.
    pub(crate) fn new(
        runtime: Arc<RuntimeEnv>,
        missing: Missing,
        concurrency: Option<NonZeroUsize>,
        urls: ReadOptions,
        metrics: FetchMetrics,
    ) -> Self {
        Self {
            fixed: InFlight::fixed(concurrency.map_or(FIRST, NonZeroUsize::get)),
            is_fixed: concurrency.is_some(),
            web: Reader::new(Arc::clone(&runtime.object_store_registry), urls),
            runtime,
            stores: Mutex::default(),
            missing,
            metrics,
            denied: AtomicU64::new(0),
            footers: Footers::default(),
        }
    }

    /// The slots for a request of the object at `url`.
    pub(crate) fn slots(&self, url: &str) -> Arc<InFlight> {
        let stored = || {
            let (store, _) = split_url(url).filter(|_| !self.is_fixed && !is_web(url))?;
            // Who asks for the object hears why there is no such store.
            Some(self.known(store).ok()?.slots)
        };
        stored().unwrap_or_else(|| Arc::clone(&self.fixed))
    }

    /// The object's bytes, or why there are none where the options make that NULL.
    ///
    /// # Errors
    /// When the object cannot be read and the options make that an error, and when the store denies
    /// one object after the other.
    pub(crate) async fn fetch(&self, url: String, length: u64) -> Result<Content> {
        let timer = self.metrics.fetch_time.timer();
        let result = self.get(&url, length).await;
        drop(timer);
        self.metrics.requests.add(1);
        match result {
            Ok(bytes) => {
                self.metrics.objects_fetched.add(1);
                self.metrics.bytes_scanned.add(bytes.len());
                self.denied.store(0, Ordering::Relaxed);
                Ok(Ok(bytes))
            }
            Err(error) => self.missing(error).map(Err),
        }
    }

    /// The bytes of images of one shard, in their order, or why there are none.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub(crate) async fn fetch_members(
        &self,
        rows: &[ListedRow],
        turn: Option<Turn>,
    ) -> Result<Vec<Content>> {
        let timer = self.metrics.fetch_time.timer();
        let result = self.get_members(rows, turn).await;
        drop(timer);
        self.metrics.requests.add(1);
        let contents = match result {
            Ok(contents) => contents,
            // One answer for all of them.
            Err(error) => {
                let reason = self.missing(error)?;
                self.metrics.objects_missing.add(rows.len() - 1);
                return Ok(vec![Err(reason); rows.len()]);
            }
        };
        self.denied.store(0, Ordering::Relaxed);
        let contents = rows
            .iter()
            .zip(contents)
            .map(|(row, content)| match content {
                Ok(bytes) => {
                    self.metrics.objects_fetched.add(1);
                    self.metrics.bytes_scanned.add(bytes.len());
                    Ok(Ok(bytes))
                }
                Err(reason) => {
                    let path = row.path.clone();
                    let error = ImagesError::Member { path, reason };
                    self.missing(error.into()).map(Err)
                }
            });
        contents.collect()
    }

    async fn get_members(
        &self,
        rows: &[ListedRow],
        turn: Option<Turn>,
    ) -> Result<Vec<Content>, FetchError> {
        let mut contents = vec![];
        let mut wanted = vec![];
        for row in rows {
            let too_large = row.length > i32::MAX as u64;
            match &row.place {
                Some(place) if !too_large || !place.is_readable() => {
                    let length = row.length;
                    wanted.push(Wanted { place, length });
                    contents.push(None);
                }
                _ => contents.push(Some(Err(too_large_reason(row)))),
            }
        }
        let first = wanted.iter().find(|wanted| wanted.place.is_readable());
        let Some((url, place)) = rows[0].shard().zip(first.or(wanted.first())) else {
            let refused = |row: &ListedRow| Err(too_large_reason(row));
            return Ok(rows.iter().map(refused).collect());
        };
        let invalid = || ImagesError::InvalidPath {
            path: url.to_owned(),
        };
        let (store, path) = split_url(url).ok_or_else(invalid)?;
        let object = ShardObject {
            store: self.store(store)?,
            path: Path::parse(path).map_err(|_| invalid())?,
            url: url.to_owned(),
            version: place.place.version.clone(),
        };
        let mut read = read(&object, &wanted, turn, &self.footers)
            .await?
            .into_iter();
        let missing = || Err("it was not read".to_owned());
        let contents = contents.into_iter();
        Ok(contents
            .map(|known| known.or_else(|| read.next()).unwrap_or_else(missing))
            .collect())
    }

    async fn get(&self, url: &str, length: u64) -> Result<Bytes, FetchError> {
        let failed = |source| ImagesError::from_get(url.to_owned(), source);
        if length > i32::MAX as u64 {
            return Err(ImagesError::TooLarge {
                path: url.to_owned(),
                length,
            }
            .into());
        }
        if is_web(url) {
            let read = self.web.read(url).await?;
            let url = shown(url);
            return read.map_err(|fault| ImagesError::Read { url, fault }.into());
        }
        let (store, path) = split_url(url).ok_or_else(|| ImagesError::InvalidPath {
            path: url.to_owned(),
        })?;
        let path = Path::parse(path).map_err(|source| failed(source.into()))?;
        let object = self.store(store)?.get(&path).await.map_err(failed)?;
        Ok(object.bytes().await.map_err(failed)?)
    }

    /// Why an object is NULL.
    fn missing(&self, error: FetchError) -> Result<String> {
        let error = match error {
            FetchError::Object(error) => error,
            FetchError::Store(error) => return Err(error),
        };
        let readable = !matches!(
            error,
            ImagesError::Vanished { .. }
                | ImagesError::Forbidden { .. }
                | ImagesError::TooLarge { .. }
                | ImagesError::Changed { .. }
                | ImagesError::Member { .. }
                | ImagesError::Read { .. }
        );
        if readable || self.missing == Missing::Error {
            return Err(error.into());
        }
        if error.is_denial() {
            let denied = self.denied.fetch_add(1, Ordering::Relaxed) + 1;
            if denied >= MOST_DENIED || error.is_about_credentials() {
                return Err(ImagesError::Denied {
                    count: denied,
                    last: error.to_string(),
                }
                .into());
            }
        }
        log::info!("{error}");
        self.metrics.objects_missing.add(1);
        Ok(error.reason())
    }

    fn store(&self, url: &str) -> Result<Arc<dyn ObjectStore>, FetchError> {
        Ok(self.known(url)?.store)
    }

    /// Asks the registry once a store: some registries build a client a call.
    fn known(&self, url: &str) -> Result<Store, FetchError> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(url) {
            return Ok(store.clone());
        }
        let parsed = ObjectStoreUrl::parse(url).map_err(FetchError::Store)?;
        let store = self
            .runtime
            .object_store(parsed)
            .map_err(FetchError::Store)?;
        let slots = InFlight::of_store(&store, url);
        let store = Store { store, slots };
        stores.insert(url.to_owned(), store.clone());
        Ok(store)
    }
}

/// Why an object was not read: the object itself, or there is no such store.
enum FetchError {
    Object(ImagesError),
    Store(datafusion::error::DataFusionError),
}

impl From<ImagesError> for FetchError {
    fn from(error: ImagesError) -> Self {
        Self::Object(error)
    }
}

fn too_large_reason(row: &ListedRow) -> String {
    let (path, length) = (row.path.clone(), row.length);
    ImagesError::TooLarge { path, length }.reason()
}

/// Splits `s3://bucket/a/b.jpg` into `s3://bucket/` and `a/b.jpg`.
fn split_url(url: &str) -> Option<(&str, &str)> {
    let authority = url.find("://")? + 3;
    let slash = authority + url[authority..].find('/')?;
    Some(url.split_at(slash + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_split_after_the_authority() {
        assert_eq!(
            split_url("s3://b/c d/%20.jpg"),
            Some(("s3://b/", "c d/%20.jpg"))
        );
        assert_eq!(split_url("file:///c/d.jpg"), Some(("file:///", "c/d.jpg")));
        assert_eq!(split_url("c/d.jpg"), None);
        assert_eq!(split_url("s3://b"), None);
    }
}
