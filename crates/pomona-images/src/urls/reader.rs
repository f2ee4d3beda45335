//! [`Reader`]: the bytes of a URL, wherever it leads.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path as FilePath;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::ObjectStoreExt;
use url::Url;

use super::fault::ReadFault;
use super::http;
use super::options::ReadOptions;
use crate::error::ImagesError;
use crate::fetch::MOST_DENIED;
use crate::location::Location;
use crate::store_refusal::StoreRefusal;

/// Reads URLs of `s3://`, `file://` and `http(s)://` under the options of a session.
#[derive(Debug)]
pub(crate) struct Reader {
    stores: Arc<dyn ObjectStoreRegistry>,
    options: ReadOptions,
    /// Objects denied since the last one that could be read.
    denied: AtomicU64,
    /// Buckets that cannot be read: to ask again for each of their URLs would take as long each time.
    refused: Mutex<HashMap<String, StoreRefusal>>,
}

impl Reader {
    pub(crate) fn new(stores: Arc<dyn ObjectStoreRegistry>, options: ReadOptions) -> Self {
        Self {
            stores,
            options,
            denied: AtomicU64::new(0),
            refused: Mutex::default(),
        }
    }

    pub(crate) fn options(&self) -> &ReadOptions {
        &self.options
    }

    /// The bytes of a URL, or why it has none.
    ///
    /// # Errors
    /// If what fails is no matter of this URL: the credentials of a store, or a store that does not
    /// answer.
    pub(crate) async fn read(&self, url: &str) -> Result<Result<Bytes, ReadFault>, ImagesError> {
        match url.split_once("://") {
            Some(_) if is_web(url) => match Url::parse(url) {
                Ok(url) => Ok(http::read(url, &self.options).await),
                Err(error) => Ok(Err(ReadFault::NoUrl(error.to_string()))),
            },
            Some((scheme, _)) if is(scheme, &["s3", "s3a", "s3n"]) => self.object(url).await,
            Some((scheme, _)) if is(scheme, &["file"]) => Ok(self.file(url).await),
            Some((scheme, _)) => {
                let reason = format!("nothing reads URLs of the kind '{scheme}'");
                Ok(Err(ReadFault::NoUrl(reason)))
            }
            None => Ok(Err(ReadFault::NoUrl("it has no scheme".to_owned()))),
        }
    }

    async fn object(&self, url: &str) -> Result<Result<Bytes, ReadFault>, ImagesError> {
        let location = match Location::parse(url) {
            Ok(location) => location,
            Err(error) => return Ok(Err(no_location(error))),
        };
        let store_url = location.url();
        if let Err(fault) = self
            .options
            .hosts
            .check_bucket(store_url.host_str().unwrap_or_default())
        {
            return Ok(Err(fault));
        }
        if location.is_folder {
            return Ok(Err(ReadFault::NoUrl("it names no object".to_owned())));
        }
        let bucket = store_url.host_str().unwrap_or_default();
        if let Some(refusal) = self.refused().get(bucket) {
            return Ok(Err(ReadFault::Other(refusal.to_string())));
        }
        let store = match self.stores.get_store(&store_url) {
            Ok(store) => store,
            Err(error) => {
                let reason = format!("there is no store for {store_url}: {error}");
                return Ok(Err(ReadFault::Other(reason)));
            }
        };
        let most = self.options.max_bytes;
        let bytes = async {
            let object = store.get(&location.object_path()).await?;
            match object.meta.size > most {
                true => Ok(None),
                false => object.bytes().await.map(Some),
            }
        };
        match bytes.await {
            Ok(Some(bytes)) => {
                self.denied.store(0, Ordering::Relaxed);
                Ok(Ok(bytes))
            }
            Ok(None) => Ok(Err(ReadFault::TooLarge(most))),
            Err(source) => self.denial(url, bucket, source).map(Err),
        }
    }

    fn refused(&self) -> MutexGuard<'_, HashMap<String, StoreRefusal>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What of a store's error is about this object alone, or its bucket.
    fn denial(
        &self,
        url: &str,
        bucket: &str,
        source: object_store::Error,
    ) -> Result<ReadFault, ImagesError> {
        let refusal = StoreRefusal::find(&source).filter(|found| found.is_about_one_bucket());
        if let Some(refusal) = refusal {
            let mut refused = self.refused();
            refused.insert(bucket.to_owned(), refusal.clone());
            return Ok(ReadFault::Other(refusal.to_string()));
        }
        let error = ImagesError::from_get(url.to_owned(), source);
        match &error {
            ImagesError::Vanished { .. } => Ok(ReadFault::NotFound),
            ImagesError::Forbidden { .. } => {
                let denied = self.denied.fetch_add(1, Ordering::Relaxed) + 1;
                if error.is_about_credentials() || denied >= MOST_DENIED && error.is_denial() {
                    let last = error.to_string();
                    return Err(ImagesError::Denied {
                        count: denied,
                        last,
                    });
                }
                Ok(ReadFault::Other(error.reason()))
            }
            _ => Err(error),
        }
    }

    async fn file(&self, url: &str) -> Result<Bytes, ReadFault> {
        let location = Location::parse(url).map_err(no_location)?;
        let Some(path) = location.local_path() else {
            return Err(ReadFault::NoUrl("it is no local file".to_owned()));
        };
        let options = self.options.clone();
        let read = move || local_file(&path, &options);
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or_else(|stopped| Err(ReadFault::Other(stopped.to_string())))
    }
}

/// Whether a URL is that of a web server.
pub(crate) fn is_web(url: &str) -> bool {
    let scheme = url.split_once("://");
    scheme.is_some_and(|(scheme, _)| is(scheme, &["http", "https"]))
}

/// Whether a scheme is one of these.
fn is(scheme: &str, schemes: &[&str]) -> bool {
    schemes.iter().any(|one| scheme.eq_ignore_ascii_case(one))
}

fn no_location(error: ImagesError) -> ReadFault {
    match error {
        ImagesError::InvalidLocation { reason, .. } => ReadFault::NoUrl(reason),
        other => ReadFault::NoUrl(other.to_string()),
    }
}

/// A regular file. It is looked at where its links lead: a name says nothing of what it names.
fn local_file(path: &FilePath, options: &ReadOptions) -> Result<Bytes, ReadFault> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => ReadFault::NotFound,
        ErrorKind::PermissionDenied => ReadFault::Forbidden(error.to_string()),
        _ => ReadFault::Other(error.to_string()),
    };
    // Where nothing may be read, nothing is said of what is there.
    options.hosts.check_file(path)?;
    let path = path.canonicalize().map_err(failed)?;
    options.hosts.check_file(&path)?;
    // Opening a FIFO would wait for ever.
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(ReadFault::Other("it is no regular file".to_owned()));
    }
    let file = File::open(&path).map_err(failed)?;
    let most = options.max_bytes;
    let length = file.metadata().map_err(failed)?.len();
    if length > most {
        return Err(ReadFault::TooLarge(most));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    let mut file = file.take(most + 1);
    file.read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > most {
        true => Err(ReadFault::TooLarge(most)),
        false => Ok(bytes.into()),
    }
}

/// A URL as errors have it: without what may be a secret in it, a name before the host and a query,
/// which is where signed URLs have their signature.
pub(crate) fn shown(url: &str) -> String {
    let (url, query) = match url.split_once('?') {
        Some((url, _)) if is_web(url) => (url, "?…"),
        _ => (url, ""),
    };
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}{path}{query}"),
        None => format!("{url}{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_is_not_shown() {
        for (url, expected) in [
            ("https://a.org/x.jpg", "https://a.org/x.jpg"),
            (
                "https://a.org/x.jpg?X-Amz-Signature=1",
                "https://a.org/x.jpg?…",
            ),
            ("http://u:p@a.org/x", "http://…@a.org/x"),
            ("http://u:p@a.org?q", "http://…@a.org?…"),
            ("s3://b/what?.jpg", "s3://b/what?.jpg"),
            ("no url", "no url"),
        ] {
            assert_eq!(shown(url), expected);
        }
    }
}
