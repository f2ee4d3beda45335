//! [`WatchedStore`]: a store that notes why a write failed, and refuses places that no file can be in.

use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::FutureExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UploadPart,
};
use pomona_images::store_answer;
use url::Url;

use super::Writes;
use crate::SessionError;

#[derive(Debug)]
pub(super) struct WatchedStore {
    inner: Arc<dyn ObjectStore>,
    /// Scheme and bucket with a slash at the end; only a slash for files of this machine.
    root: String,
    writes: Writes,
}

impl WatchedStore {
    pub(super) fn new(inner: Arc<dyn ObjectStore>, url: &Url, writes: Writes) -> Self {
        let root = match url.scheme() {
            "file" => "/".to_owned(),
            scheme => format!("{scheme}://{}/", url.host_str().unwrap_or_default()),
        };
        Self {
            inner,
            root,
            writes,
        }
    }

    fn place(&self, to: &Path) -> Place {
        Place {
            name: format!("{}{to}", self.root),
            writes: self.writes.clone(),
        }
    }

    /// Fails where a file cannot be made. object_store makes the folder, tries again, and where the
    /// file is still not there (below `/proc`) does so for ever.
    async fn check(&self, place: &Place) -> Result<()> {
        if self.root != "/" {
            return Ok(());
        }
        let file = PathBuf::from(&place.name);
        let checked = tokio::task::spawn_blocking(move || make_beside(&file)).await?;
        checked.map_err(|source| {
            place.failed(Error::Generic {
                store: "LocalFileSystem",
                source: Box::new(source),
            })
        })
    }
}

/// Makes a file in the folder of another one, and removes it.
fn make_beside(file: &FilePath) -> io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder)?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let trial = folder.join(format!(".pomona-{}-{number}", process::id()));
    File::create_new(&trial)?;
    fs::remove_file(&trial)
}

/// Where something is written.
#[derive(Debug, Clone)]
struct Place {
    name: String,
    writes: Writes,
}

impl Place {
    /// Notes that the write failed.
    fn failed(&self, error: Error) -> Error {
        self.writes.failed(SessionError::Write {
            place: self.name.clone(),
            reason: reason(&error),
        });
        error
    }
}

/// What a store, or the system below it, says.
fn reason(error: &Error) -> String {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    loop {
        if let Some(system) = cause.downcast_ref::<io::Error>()
            && system.raw_os_error().is_some()
        {
            return match system.kind() {
                io::ErrorKind::StorageFull => {
                    format!("the disk is full ({system}); make room, or write elsewhere")
                }
                io::ErrorKind::QuotaExceeded => {
                    format!(
                        "the quota of the disk is used up ({system}); make room, or write elsewhere"
                    )
                }
                io::ErrorKind::NotFound => {
                    format!("no file can be made there ({system}); write elsewhere")
                }
                _ => system.to_string(),
            };
        }
        match cause.source() {
            Some(source) => cause = source,
            None => break,
        }
    }
    store_answer(error).unwrap_or_else(|| error.to_string())
}

impl Display for WatchedStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.inner, f)
    }
}

#[async_trait]
impl ObjectStore for WatchedStore {
    async fn put_opts(
        &self,
        to: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let place = self.place(to);
        self.check(&place).await?;
        let put = self.inner.put_opts(to, payload, options).await;
        put.map_err(|error| place.failed(error))
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let place = self.place(to);
        self.check(&place).await?;
        match self.inner.put_multipart_opts(to, options).await {
            Ok(inner) => Ok(Box::new(WatchedUpload { inner, place })),
            Err(error) => Err(place.failed(error)),
        }
    }

    async fn get_opts(&self, from: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(from, options).await
    }

    async fn get_ranges(&self, from: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(from, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct WatchedUpload {
    inner: Box<dyn MultipartUpload>,
    place: Place,
}

#[async_trait]
impl MultipartUpload for WatchedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, place) = (self.inner.put_part(data), self.place.clone());
        part.map(move |put| put.map_err(|error| place.failed(error)))
            .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let completed = self.inner.complete().await;
        completed.map_err(|error| self.place.failed(error))
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
