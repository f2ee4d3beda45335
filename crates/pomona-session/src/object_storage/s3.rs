//! [`S3Store`]: one bucket, reached with the settings that the AWS CLI uses.

use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::future::{FutureExt, TryFutureExt};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UploadPart,
};
use pomona_images::{Request, StoreRefusal};
use tokio::sync::OnceCell;

use super::s3_connection::{Connection, connect, refused};
use super::s3_keys::{KeyLister, Page, PageRequest};
use super::s3_traffic::Attempts;

/// A bucket whose client is made at the first request.
///
/// A store is asked for by synchronous code, but its region and credentials may have to be asked
/// of the instance. Settings, in this order: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`,
/// `AWS_PROFILE` and the files below `~/.aws`, web identity, container and instance roles;
/// `AWS_REGION` or `AWS_DEFAULT_REGION`, then profile or instance, then the bucket itself;
/// `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, where `http://` is taken at its word.
#[derive(Debug, Clone)]
pub(super) struct S3Store {
    bucket: Arc<str>,
    connection: Arc<OnceCell<Connection>>,
    /// When the last attempt at a connection failed, and why.
    failed: Arc<Mutex<Option<(Instant, StoreRefusal)>>>,
    outage: Arc<Outage>,
}

/// How long a request may take before a warning.
const SILENCE: Duration = Duration::from_secs(10);

/// The time of the last warning that the bucket does not answer; one for all requests in flight.
#[derive(Debug, Default)]
struct Outage(Mutex<Option<Instant>>);

impl Outage {
    const INTERVAL: Duration = Duration::from_secs(30);

    /// Whether a warning is due; if so, notes its time.
    fn begins(&self) -> bool {
        let mut warned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = warned.is_none_or(|warned| warned.elapsed() > Self::INTERVAL);
        if is_new {
            *warned = Some(Instant::now());
        }
        is_new
    }
}

impl S3Store {
    pub(super) fn new(bucket: &str) -> Self {
        Self {
            bucket: Arc::from(bucket),
            connection: Arc::default(),
            failed: Arc::default(),
            outage: Arc::default(),
        }
    }

    async fn connection(&self) -> Result<&Connection> {
        let begin = Instant::now();
        let failed = || self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let connect = || async {
            // Who waited while another attempt failed would find the same.
            if let Some((at, refusal)) = &*failed()
                && *at > begin
            {
                return Err(refused(refusal.clone()));
            }
            let made = connect(&self.bucket).await;
            if let Err(error) = &made
                && let Some(refusal) = StoreRefusal::find(error)
            {
                *failed() = Some((Instant::now(), refusal.clone()));
            }
            made
        };
        self.connection.get_or_try_init(connect).await
    }

    async fn client(&self) -> Result<&AmazonS3> {
        Ok(&self.connection().await?.client)
    }

    /// Waits for the answer to a request, which object_store repeats by itself, and says so where
    /// that takes long. An answer that is about the bucket or the credentials is a [`StoreRefusal`].
    async fn answered<T>(
        &self,
        kind: Request,
        request: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let answer = self.waited_for(request).await;
        answer.map_err(|error| explained(error, &self.bucket, kind))
    }

    async fn waited_for<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        let mut request = std::pin::pin!(request);
        tokio::select! {
            answer = &mut request => return answer,
            () = tokio::time::sleep(SILENCE) => {}
        }
        if self.outage.begins() {
            log::warn!(
                "s3://{} has not answered for {} s: still trying (AWS_MAX_ATTEMPTS limits that)",
                self.bucket,
                SILENCE.as_secs()
            );
        }
        request.await
    }
}

impl Display for S3Store {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "S3({})", self.bucket)
    }
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put_opts(
        &self,
        to: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        options.extensions.insert(Attempts::default());
        self.answered(
            Request::Write,
            self.client().await?.put_opts(to, payload, options),
        )
        .await
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let open = self.client().await?.put_multipart_opts(to, options);
        let inner = self.answered(Request::Write, open).await?;
        let bucket = Arc::clone(&self.bucket);
        Ok(Box::new(S3Upload { inner, bucket }))
    }

    /// `get_ranges` is the trait's own, which comes here for each request.
    async fn get_opts(&self, from: &Path, mut options: GetOptions) -> Result<GetResult> {
        options.extensions.insert(Attempts::default());
        self.answered(Request::Read, self.client().await?.get_opts(from, options))
            .await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let bucket = Arc::clone(&self.bucket);
        self.deferred(|client| client.delete_stream(paths))
            .map_err(move |error| explained(error, &bucket, Request::Write))
            .boxed()
    }

    /// Keys that are no paths are errors `InvalidPath` in their places, and the stream goes on
    /// behind them.
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.keys(prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.keys(prefix, Some(offset))
    }

    /// # Errors
    /// `InvalidPath` with the first key that is no path, besides those of the requests.
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let Connection { client, keys } = self.connection().await?;
        let Some(keys) = keys else {
            return self
                .answered(Request::List, client.list_with_delimiter(prefix))
                .await;
        };
        let mut request = PageRequest {
            prefix: folder(prefix),
            is_delimited: true,
            ..PageRequest::default()
        };
        let mut listed = ListResult {
            common_prefixes: vec![],
            objects: vec![],
        };
        loop {
            let page = self.answered(Request::List, keys.page(&request)).await?;
            for folder in page.folders {
                listed.common_prefixes.push(folder?);
            }
            for object in page.objects {
                listed.objects.push(object?);
            }
            request.token = page.token;
            if request.token.is_none() {
                return Ok(listed);
            }
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.answered(
            Request::Write,
            self.client().await?.copy_opts(from, to, options),
        )
        .await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.answered(
            Request::Write,
            self.client().await?.rename_opts(from, to, options),
        )
        .await
    }
}

impl S3Store {
    /// The objects below a folder, a request a thousand of them, made when the thousand before
    /// is used up.
    fn keys(
        &self,
        prefix: Option<&Path>,
        offset: Option<&Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let first = PageRequest {
            prefix: folder(prefix),
            start_after: offset.map(ToString::to_string),
            ..PageRequest::default()
        };
        let (this, prefix, offset) = (self.clone(), prefix.cloned(), offset.cloned());
        stream::once(async move {
            let Connection { client, keys } = this.connection().await?;
            Ok::<_, object_store::Error>(match (keys, offset) {
                (Some(keys), _) => this.pages(keys.clone(), first),
                (None, Some(offset)) => client.list_with_offset(prefix.as_ref(), &offset),
                (None, None) => client.list(prefix.as_ref()),
            })
        })
        .try_flatten()
        .boxed()
    }

    fn pages(&self, keys: KeyLister, first: PageRequest) -> BoxStream<'static, Result<ObjectMeta>> {
        let this = self.clone();
        stream::try_unfold(Some(first), move |request| {
            let (this, keys) = (this.clone(), keys.clone());
            async move {
                let Some(mut request) = request else {
                    return Ok::<_, object_store::Error>(None);
                };
                let Page { objects, token, .. } =
                    this.answered(Request::List, keys.page(&request)).await?;
                request.token = token;
                let next = request.token.is_some().then_some(request);
                Ok(Some((stream::iter(objects), next)))
            }
        })
        .try_flatten()
        .boxed()
    }

    /// A stream of the client's, once there is a client.
    fn deferred<T: Send + 'static>(
        &self,
        open: impl FnOnce(&AmazonS3) -> BoxStream<'static, Result<T>> + Send + 'static,
    ) -> BoxStream<'static, Result<T>> {
        let this = self.clone();
        stream::once(async move { this.client().await.map(open) })
            .try_flatten()
            .boxed()
    }
}

/// An upload in parts, whose errors are explained as those of other requests are.
#[derive(Debug)]
struct S3Upload {
    inner: Box<dyn MultipartUpload>,
    bucket: Arc<str>,
}

#[async_trait]
impl MultipartUpload for S3Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, bucket) = (self.inner.put_part(data), Arc::clone(&self.bucket));
        part.map_err(move |error| explained(error, &bucket, Request::Write))
            .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let completed = self.inner.complete().await;
        completed.map_err(|error| explained(error, &self.bucket, Request::Write))
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}

/// The error with a [`StoreRefusal`] as its cause, where the bucket or the credentials are at fault; of
/// the same kind, since the kind decides what is tried again.
fn explained(error: Error, bucket: &str, request: Request) -> Error {
    let Some(refusal) = StoreRefusal::of(&error, bucket, request) else {
        return error;
    };
    log::debug!("{error}");
    let source = Box::new(refusal);
    match error {
        Error::NotFound { path, .. } => Error::NotFound { path, source },
        Error::PermissionDenied { path, .. } => Error::PermissionDenied { path, source },
        Error::Unauthenticated { path, .. } => Error::Unauthenticated { path, source },
        Error::Generic { store, .. } => Error::Generic { store, source },
        other => other,
    }
}

/// The prefix of everything below a folder.
fn folder(path: Option<&Path>) -> String {
    match path {
        Some(path) if !path.as_ref().is_empty() => format!("{path}/"),
        _ => String::new(),
    }
}
