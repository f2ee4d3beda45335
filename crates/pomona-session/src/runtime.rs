//! The runtime environment: object stores and the memory limit.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

use crate::ObjectStores;

/// Number of the largest consumers that an out-of-memory error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(3).expect("3 is not 0");

/// The runtime options of a role.
#[derive(Debug, Default)]
pub struct RuntimeOptions {
    /// Memory limit of queries in bytes; unlimited if `None`.
    pub memory_limit: Option<usize>,
    /// The object stores by URL.
    pub object_stores: ObjectStores,
}

/// The runtime environment of a process.
///
/// # Errors
/// When the folder for spilled data cannot be made.
pub fn runtime_env(options: RuntimeOptions) -> Result<Arc<RuntimeEnv>> {
    let mut builder =
        RuntimeEnvBuilder::new().with_object_store_registry(Arc::new(options.object_stores));
    if let Some(limit) = options.memory_limit {
        let pool = TrackConsumersPool::new(FairSpillPool::new(limit), NAMED_CONSUMERS);
        builder = builder.with_memory_pool(Arc::new(pool));
    }
    builder.build_arc()
}
