//! [`ObjectStores`]: makes the store of a URL at its first use and keeps it.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use object_store::ObjectStore;
use url::Url;

use super::s3::S3Store;
use crate::SessionError;

/// The object stores of a process, one a bucket.
///
/// `file://` is there from the start and `s3://` (also `s3a://`, as Hadoop writes it) comes into
/// being when a URL first asks for it; whatever else is registered by hand is served too.
#[derive(Debug)]
pub struct ObjectStores {
    known: Arc<dyn ObjectStoreRegistry>,
}

impl Default for ObjectStores {
    fn default() -> Self {
        Self::new()
    }
}

impl ObjectStores {
    /// A registry that knows the local file system.
    pub fn new() -> Self {
        Self::over(Arc::new(DefaultObjectStoreRegistry::new()))
    }

    /// Keeps the stores in another registry, such as one that counts their requests.
    pub fn over(known: Arc<dyn ObjectStoreRegistry>) -> Self {
        Self { known }
    }
}

impl ObjectStoreRegistry for ObjectStores {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.known.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.known.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if let Ok(store) = self.known.get_store(url) {
            return Ok(store);
        }
        match url.scheme() {
            "s3" | "s3a" => {
                let bucket = url.host_str().filter(|bucket| !bucket.is_empty());
                let bucket = bucket.ok_or_else(|| SessionError::NoBucket {
                    url: url.to_string(),
                })?;
                let store: Arc<dyn ObjectStore> = Arc::new(S3Store::new(bucket));
                self.known.register_store(url, store);
                self.known.get_store(url)
            }
            _ => Err(SessionError::UnknownScheme {
                url: url.as_str().trim_end_matches('/').to_string(),
            }
            .into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(url: &str) -> Result<Arc<dyn ObjectStore>> {
        ObjectStores::new().get_store(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_bucket_is_one_store() {
        let stores = ObjectStores::new();
        let a = stores
            .get_store(&Url::parse("s3://bucket/a").unwrap())
            .unwrap();
        let b = stores
            .get_store(&Url::parse("s3://bucket/b/c").unwrap())
            .unwrap();
        let other = stores
            .get_store(&Url::parse("s3://other/a").unwrap())
            .unwrap();
        assert!(Arc::ptr_eq(&a, &b));
        assert!(!Arc::ptr_eq(&a, &other));
    }

    #[test]
    fn an_unknown_scheme_is_named_with_the_way_out() {
        let error = store("ftp://host/x").unwrap_err().to_string();
        assert!(
            error.contains("ftp://host/x") && error.contains("s3://"),
            "{error}"
        );
    }

    #[test]
    fn the_local_file_system_is_there() {
        assert!(store("file:///tmp").is_ok());
    }
}
