//! [`ObjectReader`]: how objects of stores that this crate does not know are read.

use std::error::Error;
use std::fmt::Debug;

use bytes::Bytes;
use futures::future::BoxFuture;

/// An object's bytes, or why there are none.
pub type ReadObject = Result<Bytes, Box<dyn Error + Send + Sync>>;

/// Reads objects by their names, such as `s3://bucket/weights.safetensors`, literal. A session implements it over its object stores.
pub trait ObjectReader: Debug + Send + Sync {
    /// Reads a whole object.
    fn read(&self, name: &str) -> BoxFuture<'static, ReadObject>;
}
