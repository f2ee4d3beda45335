//! The memory, the cancellation and the metrics of a query, as the functions of images find them.
//!
//! A scalar function is called with columns and options, and knows neither the memory pool of its
//! task, nor whether anybody still wants the rows, nor where to count what it does. All three are known
//! to operators. So [`DecodeApart`], a rule of the physical plan, puts a [`DecodeExec`] above each
//! operator whose expressions decode images or run a network; it runs that operator on a thread of its
//! own, and the functions find its [`Scope`] there:
//!
//! ```text
//! consumer ── polls ──> DecodeExec ── asks ──> thread { Scope { ProjectionExec { mobilenet_v2(…) } } }
//!    └── drops it: the interrupt is raised, and the decoder stops between two rows of the image
//! ```
//!
//! The pool is that of the task's own context. An option of the session that carried it would be lost
//! on the way to an executor, and a pool that is kept by the process would not be the one of the task:
//! Ballista makes a pool for each. And that a stream was dropped can be heard of from another thread
//! alone, while this one decodes.

mod apart;
mod exec;
mod memory;
mod rule;
mod turns;

use std::sync::Arc;

use datafusion::execution::TaskContext;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use pomona_mobilenet::preprocess::{DecodeMemory, Decoding, Interrupt};

pub use exec::DecodeExec;
pub use rule::DecodeApart;
pub use turns::Turns;

use crate::PomonaOptions;
use memory::PoolMemory;
use turns::{Place, Turn};

/// The metric of a [`DecodeExec`] that counts the networks which its functions loaded: one each in a
/// process, whatever the number of partitions.
const NETWORK_LOADS: &str = "network_loads";

tokio::task_local! {
    static SCOPE: Scope;
}

/// What the functions of one partition share.
#[derive(Debug, Clone)]
struct Scope {
    interrupt: Interrupt,
    /// `None` where the pool has no limit.
    memory: Option<Arc<dyn DecodeMemory>>,
    metrics: ExecutionPlanMetricsSet,
    partition: usize,
    /// `None` where tasks are no more than cores.
    place: Option<Place>,
}

impl Scope {
    fn new(context: &TaskContext, metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let memory = PoolMemory::of(context.memory_pool());
        let turns = context.session_config().get_extension::<Turns>();
        Self {
            place: turns.map(|turns| turns.place()),
            interrupt: Interrupt::new(),
            memory: memory.map(|memory| Arc::new(memory) as Arc<dyn DecodeMemory>),
            metrics: metrics.clone(),
            partition,
        }
    }
}

/// Waits for a core, where the scope has to, and keeps it until this is dropped.
pub(crate) fn turn() -> Option<Turn> {
    let scope = SCOPE.try_with(Scope::clone).ok()?;
    Some(scope.place?.turn(&scope.interrupt))
}

/// Counts a network that was loaded at the operator that it was loaded for, and logs it. A load while a
/// query is planned has no operator.
pub(crate) fn count_load(location: &str, sha256: &str) {
    log::info!("network loaded from {location}, sha256 {sha256}");
    // Outside the scope there is nothing to count for.
    let _ = SCOPE.try_with(|scope| {
        let loads = MetricBuilder::new(&scope.metrics).counter(NETWORK_LOADS, scope.partition);
        loads.add(1);
    });
}

/// How images are decoded: by the options, within the scope of the thread. There is none where a constant
/// is evaluated while a query is planned.
pub(crate) fn decoding(options: &PomonaOptions) -> Decoding {
    let scope = SCOPE.try_with(Scope::clone).ok();
    let (interrupt, memory) = scope.map(|scope| (scope.interrupt, scope.memory)).unzip();
    Decoding {
        limits: options.decode_limits(),
        options: options.decode_options(),
        interrupt,
        memory: memory.flatten(),
    }
}
