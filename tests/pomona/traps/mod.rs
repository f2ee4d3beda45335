//! What Ballista does that Pomona works around, one file a trap: a new version shows at once what
//! has changed. Each first shows the trap, where that can be shown, and then that we are not in it.
//!
//! Those that want many processes or a network are files of their own elsewhere: `faults.rs`,
//! `counts.rs`, `secrets.rs` and `tls.rs` of `crates/pomona-cli/tests/cli/cluster`, requests in flight
//! `crates/pomona-images/tests/images/fetching.rs`.

mod adaptive;
mod async_functions;
mod batches;
mod cancellation;
mod codecs;
mod copy_options;
mod deep_plans;
mod distribution;
mod fields;
mod functions;
mod hostile_plans;
#[path = "../../../crates/pomona-images/tests/images/invented.rs"]
mod invented;
mod json;
mod leaves;
mod memory;
mod messages;
mod object_stores;
mod options;
mod orders;
mod ranges_of_keys;
mod retries;
mod rules;
mod series;
mod sinks;
mod subqueries;
mod tables;
#[cfg(target_os = "linux")]
mod threads;
mod unions;
mod windows;
