//! Image tables through SQL, on the local file system and on stores that misbehave.

mod columns;
mod create;
mod faults;
mod fetching;
mod filters;
mod invented;
mod large;
mod names;
mod partitions;
mod probe;
mod session;
