//! What the tests share: images drawn by code, broken files, an S3 server, a hub, a web server, a
//! cluster, weights, reference data.

pub mod archives;
pub mod bombs;
pub mod broken;
pub mod certificates;
pub mod cluster;
pub mod cluster_options;
pub mod http;
pub mod hub_server;
pub mod images;
pub mod instance_metadata;
pub mod openmetrics;
pub mod patience;
pub mod ports;
pub mod reference_data;
pub mod s3_faults;
mod s3_keys;
pub mod s3_server;
mod served;
pub mod web_server;
pub mod weights;
