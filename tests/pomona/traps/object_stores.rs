//! Ballista's registry of object stores makes a client a call, and panics where one is registered.

use std::sync::Arc;

use anyhow::Result;
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use pomona_session::ObjectStores;
use url::Url;

#[test]
fn ours_keeps_the_clients_that_it_has() -> Result<()> {
    let stores = ObjectStores::default();
    let bucket = Url::parse("s3://bucket")?;
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    assert!(
        stores
            .register_store(&bucket, Arc::clone(&memory))
            .is_none()
    );
    for path in ["s3://bucket/a", "s3://bucket/b/c"] {
        let found = stores.get_store(&Url::parse(path)?)?;
        assert!(Arc::ptr_eq(&found, &memory));
    }
    Ok(())
}
