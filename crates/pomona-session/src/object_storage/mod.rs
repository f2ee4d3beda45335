//! Object stores by URL: the local file system, and S3 from the usual `AWS_*` settings.

mod credentials;
mod registry;
mod s3;
mod s3_connection;
mod s3_keys;
mod s3_slow_answers;
mod settings;

pub use registry::ObjectStores;
