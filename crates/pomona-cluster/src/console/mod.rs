//! The pages of a scheduler and of a run: what they know, as the data of `pomona-console`, and how a browser gets it.
//!
//! ```text
//! Ballista's graphs ── graph ──┐
//! JobBook (ended, SQL, tallies)├── ClusterView ──> Content ──> documents (pages)
//! Ballista's executors ────────┘                          └──> events    (feeds)
//! every request ── same_origin ──> routes, REST, gRPC
//! ```

mod book;
mod feeds;
mod forward;
mod graph;
mod history;
mod metrics;
mod operators;
mod pages;
mod redacted_answers;
mod routes;
mod run_page;
mod same_origin;
mod tally;
mod view;

pub(crate) use book::{JobBook, MOST_SQL};
pub(crate) use graph::{OperatorsOf, job};
pub(crate) use history::History;
pub(crate) use metrics::scheduler_metrics;
pub(crate) use redacted_answers::redacted_answers;
pub(crate) use routes::{Console, console_routes, history_routes};
pub(crate) use same_origin::{FOREIGN_PAGE, KnownHosts, same_origin, unknown};
pub(crate) use view::{ClusterView, executor};

pub use forward::{ForwardOptions, forward_console};
pub use history::HistoryOptions;
pub use run_page::RunPage;

/// What the pages of a scheduler may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsoleAccess {
    /// They show jobs, and cancel them.
    Full,
    /// They show jobs.
    ReadOnly,
    /// There are none.
    Off,
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
