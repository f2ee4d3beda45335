//! [`ObjectReader`]: how objects of stores that this crate does not know are read.

use std::error::Error;
use std::fmt::Debug;

use bytes::Bytes;
use futures::future::BoxFuture;
use url::Url;

/// An object's bytes, or why there are none.
pub type ReadObject = Result<Bytes, Box<dyn Error + Send + Sync>>;

/// Reads objects by URL. A session implements it over its object stores.
pub trait ObjectReader: Debug + Send + Sync {
    /// Reads a whole object.
    fn read(&self, url: &Url) -> BoxFuture<'static, ReadObject>;
}
