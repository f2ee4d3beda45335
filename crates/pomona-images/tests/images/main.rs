//! Image tables through SQL, on the local file system and on stores that misbehave.

#![expect(unreachable_pub, reason = "modules of a test are not a library")]

mod columns;
mod create;
mod faults;
mod fetching;
mod filters;
mod in_flight;
mod invented;
mod large;
mod listing_files;
mod names;
mod partitions;
mod probe;
mod ranges;
mod session;
mod shard_faults;
mod shard_parquet;
mod shards;
