//! Object stores by URL: the local file system, and S3 from the usual `AWS_*` settings.

mod credentials;
mod registry;
mod s3;
mod s3_connection;
mod s3_keys;
mod s3_traffic;
mod settings;

pub use registry::ObjectStores;
pub use s3_traffic::{S3Traffic, s3_traffic};
