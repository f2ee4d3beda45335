//! Why files cannot be written: the reason that DataFusion's writers drop, with the place.

mod exec;
mod store;

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::ObjectStore;
use url::Url;

use crate::SessionError;
pub(crate) use exec::ExplainWrites;
pub use exec::explain_writes;
use store::WatchedStore;

/// The first failure of a write, as long as a query runs.
///
/// Where a file cannot be finished, DataFusion's writers of CSV and JSON report a fault of their own
/// in place of the store's error.
#[derive(Debug, Clone, Default)]
pub struct Writes(Arc<Mutex<Option<SessionError>>>);

impl Writes {
    /// A task whose writes are watched.
    pub fn watched(context: &TaskContext) -> (Arc<TaskContext>, Self) {
        let writes = Self::default();
        let runtime = context.runtime_env();
        let stores = WatchedStores {
            inner: Arc::clone(&runtime.object_store_registry),
            writes: writes.clone(),
        };
        let runtime = RuntimeEnv {
            object_store_registry: Arc::new(stores),
            ..runtime.as_ref().clone()
        };
        let context = TaskContext::new(
            context.task_id(),
            context.session_id(),
            context.session_config().clone(),
            context.scalar_functions().clone(),
            context.higher_order_functions().clone(),
            context.aggregate_functions().clone(),
            context.window_functions().clone(),
            Arc::new(runtime),
        );
        (Arc::new(context), writes)
    }

    /// The failure of the write, if one failed, in place of an error.
    pub fn explain(&self, error: DataFusionError) -> DataFusionError {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.take().map_or(error, DataFusionError::from)
    }

    fn failed(&self, error: SessionError) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(error);
    }
}

/// Stores that note which write failed.
#[derive(Debug)]
struct WatchedStores {
    inner: Arc<dyn ObjectStoreRegistry>,
    writes: Writes,
}

impl ObjectStoreRegistry for WatchedStores {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.inner.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.inner.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let store = self.inner.get_store(url)?;
        Ok(Arc::new(WatchedStore::new(store, url, self.writes.clone())))
    }
}
