//! Rules that rewrite what assumes a single process, one a file.
//!
//! Each says what goes wrong without it, where that is known upstream, and which test shows when it
//! can go. `EXPLAIN VERBOSE` shows them by name beside DataFusion's own.

mod keep_memory_limit;
mod keep_series_columns;
mod keep_window_direction;
mod single_task_outer_join;
mod sort_after_shuffle;

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;

use keep_memory_limit::KeepMemoryLimit;
use keep_series_columns::KeepSeriesColumns;
use keep_window_direction::KeepWindowDirection;
use pomona_session::physical_rules;
use single_task_outer_join::SingleTaskOuterJoin;
use sort_after_shuffle::SortAfterShuffle;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules of a cluster's session, in the order in which they run.
///
/// A rule about what DataFusion's rules rely upon goes before them; one about what they bring about,
/// or about what the way to an executor loses, after them.
pub(crate) fn cluster_rules() -> Vec<Rule> {
    let mut rules: Vec<Rule> = vec![Arc::new(KeepWindowDirection)];
    rules.extend(physical_rules());
    rules.push(Arc::new(KeepSeriesColumns));
    rules.push(Arc::new(KeepMemoryLimit));
    rules.push(Arc::new(SortAfterShuffle));
    rules.push(Arc::new(SingleTaskOuterJoin));
    rules
}
