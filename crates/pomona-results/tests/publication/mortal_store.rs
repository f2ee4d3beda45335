//! [`MortalStore`]: a store whose process dies after so many writes.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RenameOptions, Result,
};

/// Passes everything on to another store, until no write is left.
#[derive(Debug)]
pub(crate) struct MortalStore {
    inner: Arc<dyn ObjectStore>,
    left: Arc<AtomicI64>,
}

impl MortalStore {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self {
            inner,
            left: Arc::new(AtomicI64::new(i64::MAX)),
        }
    }

    /// From now on so many writes succeed.
    pub(crate) fn live(&self, writes: i64) {
        self.left.store(writes, Ordering::Relaxed);
    }

    fn write(left: &AtomicI64) -> Result<()> {
        match left.fetch_sub(1, Ordering::Relaxed) {
            1.. => Ok(()),
            // Not one that is tried again.
            _ => Err(Error::NotSupported {
                source: "the process is dead".into(),
            }),
        }
    }
}

impl Display for MortalStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "MortalStore({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for MortalStore {
    async fn put_opts(
        &self,
        to: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        Self::write(&self.left)?;
        self.inner.put_opts(to, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Self::write(&self.left)?;
        self.inner.put_multipart_opts(to, options).await
    }

    async fn get_opts(&self, from: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(from, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (inner, left) = (Arc::clone(&self.inner), Arc::clone(&self.left));
        paths
            .then(move |path| {
                let (inner, left) = (Arc::clone(&inner), Arc::clone(&left));
                async move {
                    let path = path?;
                    Self::write(&left)?;
                    inner.delete(&path).await?;
                    Ok(path)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        Self::write(&self.left)?;
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        Self::write(&self.left)?;
        self.inner.rename_opts(from, to, options).await
    }
}
