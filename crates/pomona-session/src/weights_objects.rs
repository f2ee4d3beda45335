//! Access to weights in object stores (`s3://`).

use std::error::Error;
use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::future::{BoxFuture, FutureExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pomona_functions::Objects;
use pomona_images::{Location, io_runtime};
use pomona_weights::{MOST_BYTES, ObjectReader, ReadObject};

use crate::plain_message;

/// Access to the object stores of a runtime, for functions that load weights.
pub fn weights_objects(runtime: &RuntimeEnv) -> Objects {
    let stores = Arc::clone(&runtime.object_store_registry);
    Objects::new(Arc::new(StoredObjects { stores }))
}

#[derive(Debug)]
struct StoredObjects {
    stores: Arc<dyn ObjectStoreRegistry>,
}

impl ObjectReader for StoredObjects {
    fn read(&self, name: &str) -> BoxFuture<'static, ReadObject> {
        let found = self.find(name);
        async move {
            let (store, path) = found?;
            // The store's connections belong to the runtime that reads all storage.
            io_runtime().spawn(read(store, path)).await?
        }
        .boxed()
    }
}

impl StoredObjects {
    /// The object's store and its path there, by the rules for every other location.
    fn find(
        &self,
        name: &str,
    ) -> Result<(Arc<dyn ObjectStore>, Path), Box<dyn Error + Send + Sync>> {
        let location = Location::parse(name)?;
        let store = self.stores.get_store(&location.url());
        let store = store.map_err(|error| plain_message(&error))?;
        Ok((store, location.object_path()))
    }
}

async fn read(store: Arc<dyn ObjectStore>, path: Path) -> ReadObject {
    let object = store.get(&path).await?;
    if object.meta.size > MOST_BYTES {
        let size = object.meta.size;
        return Err(format!("it has {size} bytes, and weights have at most {MOST_BYTES}").into());
    }
    Ok(object.bytes().await?)
}
