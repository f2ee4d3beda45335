//! Sessions that sort within a bounded memory, and on a disk beyond it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::config::SpillCompression;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryLimit, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use pomona_images::ListWhilePlanning;

use crate::session_state;

/// The memory of a sort by [`sorting_context`], in bytes: of rows of 150 bytes it sorts 200,000 at
/// once, and merges 100 such parts.
pub const SORT_MEMORY: usize = 64 << 20;

/// Rows of a batch there. A merge holds two batches of each part.
const SORT_ROWS: usize = 2048;

/// What the sorts of a statement may hold in [`spilling_context`], in bytes, and what is added for
/// each partition: a sort keeps 10 MiB of it to merge what it has spilled.
const STATEMENT_MEMORY: usize = 128 << 20;
const PARTITION_MEMORY: usize = 32 << 20;

/// Number of the largest consumers that an out-of-memory error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(3).expect("3 is not 0");

/// A session to sort rows by the path of their image: in this process, whatever engine the given
/// session has, on one thread, in a memory of [`SORT_MEMORY`] of its own. It has the object stores
/// and the functions of the given session, and no table.
///
/// # Errors
/// When a function cannot be registered.
pub fn sorting_context(ctx: &SessionContext) -> Result<SessionContext> {
    let runtime = runtime_within(&ctx.runtime_env(), SORT_MEMORY)?;
    // Extensions of the configuration, such as those of a cluster, stay behind.
    let options = ctx.state().config_options().as_ref().clone();
    let mut config = SessionConfig::from(options)
        .with_create_default_catalog_and_schema(true)
        .with_target_partitions(1)
        .with_batch_size(SORT_ROWS);
    config.options_mut().execution.spill_compression = SpillCompression::Lz4Frame;
    Ok(SessionContext::new_with_state(session_state(
        config, runtime,
    )?))
}

/// The memory of the sorts of a statement by [`spilling_context`], in bytes.
pub fn sort_memory(partitions: usize) -> usize {
    STATEMENT_MEMORY + partitions * PARTITION_MEMORY
}

/// The same session, whose sorts spill although no memory limit was asked for; it has the tables of
/// the given one. Where there is a limit, or executors with limits of their own do the work, it is
/// the given session.
///
/// # Errors
/// When the runtime cannot be made.
pub fn spilling_context(ctx: &SessionContext) -> Result<SessionContext> {
    let runtime = ctx.runtime_env();
    let state = ctx.state();
    let is_remote = state
        .config()
        .get_extension::<ListWhilePlanning>()
        .is_some();
    let has_limit = matches!(runtime.memory_pool.memory_limit(), MemoryLimit::Finite(_));
    if is_remote || has_limit {
        return Ok(ctx.clone());
    }
    let bytes = sort_memory(state.config().target_partitions());
    let state = SessionStateBuilder::new_from_existing(state)
        .with_runtime_env(runtime_within(&runtime, bytes)?)
        .build();
    Ok(SessionContext::new_with_state(state))
}

/// A runtime with the stores, caches and disks of another, and a memory of its own.
fn runtime_within(runtime: &RuntimeEnv, bytes: usize) -> Result<Arc<RuntimeEnv>> {
    let pool = TrackConsumersPool::new(FairSpillPool::new(bytes), NAMED_CONSUMERS);
    RuntimeEnvBuilder::from_runtime_env(runtime)
        .with_memory_pool(Arc::new(pool))
        .build_arc()
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    use futures::StreamExt;

    use super::*;
    use crate::{RuntimeOptions, configure, session_context};

    /// 400,000 rows of 300 bytes are more than either may hold.
    const ROWS: &str = "SELECT (value * 7919) % 400000 AS n, repeat('x', 300) AS filler
                        FROM generate_series(0, 399999)";

    #[tokio::test]
    async fn what_does_not_fit_is_sorted_on_a_disk() {
        let ctx = session_context(RuntimeOptions::default()).unwrap();
        let partitions = "datafusion.execution.target_partitions";
        configure(&ctx, |options| options.set(partitions, "2")).unwrap();
        ctx.sql(&format!("CREATE VIEW numbered AS {ROWS}"))
            .await
            .unwrap();
        let sorting = sorting_context(&ctx).unwrap();
        let view = ctx.table_provider("numbered").await.unwrap();
        sorting.register_table("numbered", view).unwrap();
        for ctx in [sorting, spilling_context(&ctx).unwrap()] {
            let frame = ctx.sql("SELECT n, filler FROM numbered ORDER BY n").await;
            let mut rows = frame.unwrap().execute_stream().await.unwrap();
            let (mut next, mut spilled) = (0, 0);
            while let Some(batch) = rows.next().await {
                let batch = batch.unwrap();
                spilled = spilled.max(ctx.runtime_env().disk_manager.used_disk_space());
                let numbers = batch.column(0).as_primitive::<Int64Type>().values();
                for &n in numbers.iter() {
                    assert_eq!(n, next);
                    next += 1;
                }
            }
            assert_eq!(next, 400_000);
            assert!(spilled > 0);
        }
    }

    #[tokio::test]
    async fn a_limit_that_was_asked_for_stays() {
        let options = RuntimeOptions {
            memory_limit: Some(7 << 20),
            ..RuntimeOptions::default()
        };
        let ctx = session_context(options).unwrap();
        let same = spilling_context(&ctx).unwrap();
        assert!(Arc::ptr_eq(&ctx.runtime_env(), &same.runtime_env()));
    }
}
