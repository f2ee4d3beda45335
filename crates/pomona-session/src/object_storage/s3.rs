//! [`S3Store`]: one bucket, reached with the settings that the AWS CLI uses.

use std::fmt::{self, Display, Formatter};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, resolve_bucket_region};
use object_store::client::SpawnedReqwestConnector;
use object_store::path::Path;
use object_store::{
    ClientOptions, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};
use tokio::sync::OnceCell;

use super::credentials::{SdkCredentials, sdk_config};
use super::settings::S3Settings;
use pomona_images::io_runtime;

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
    client: Arc<OnceCell<AmazonS3>>,
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
            client: Arc::default(),
            outage: Arc::default(),
        }
    }

    async fn client(&self) -> Result<&AmazonS3> {
        self.client.get_or_try_init(|| connect(&self.bucket)).await
    }

    /// Waits for the answer to a request, which object_store repeats by itself, and says so where
    /// that takes long.
    async fn answered<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
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
        options: PutOptions,
    ) -> Result<PutResult> {
        self.answered(self.client().await?.put_opts(to, payload, options))
            .await
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.answered(self.client().await?.put_multipart_opts(to, options))
            .await
    }

    async fn get_opts(&self, from: &Path, options: GetOptions) -> Result<GetResult> {
        self.answered(self.client().await?.get_opts(from, options))
            .await
    }

    async fn get_ranges(&self, from: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.answered(self.client().await?.get_ranges(from, ranges))
            .await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.deferred(|client| client.delete_stream(paths))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.cloned();
        self.deferred(move |client| client.list(prefix.as_ref()))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let (prefix, offset) = (prefix.cloned(), offset.clone());
        self.deferred(move |client| client.list_with_offset(prefix.as_ref(), &offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.answered(self.client().await?.list_with_delimiter(prefix))
            .await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.answered(self.client().await?.copy_opts(from, to, options))
            .await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.answered(self.client().await?.rename_opts(from, to, options))
            .await
    }
}

impl S3Store {
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

async fn connect(bucket: &str) -> Result<AmazonS3> {
    let settings = S3Settings::from_env()?;
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(settings.retry)
        .with_http_connector(SpawnedReqwestConnector::new(io_runtime().clone()));
    let set = |builder: &AmazonS3Builder, key| builder.get_config_value(&key);
    // object_store takes true and false alone for them.
    builder = builder
        .with_skip_signature(settings.is_unsigned)
        .with_request_payer(settings.requester_pays);
    let has_endpoint = settings.endpoint.is_some();
    if settings
        .endpoint
        .is_some_and(|endpoint| endpoint.scheme() == "http")
    {
        builder = builder.with_allow_http(true);
    }

    let has_keys = set(&builder, AmazonS3ConfigKey::AccessKeyId).is_some();
    let has_region = set(&builder, AmazonS3ConfigKey::Region).is_some();
    let needs_keys = !has_keys && !settings.is_unsigned;
    if needs_keys || (!has_region && !has_endpoint) {
        let config = sdk_config().await;
        if needs_keys && let Some(credentials) = SdkCredentials::new(bucket, &config) {
            builder = builder.with_credentials(credentials);
        }
        if !has_region && let Some(region) = config.region() {
            builder = builder.with_region(region.as_ref());
        }
    }
    // A server that is named by its endpoint takes any region; AWS takes only the bucket's own.
    if set(&builder, AmazonS3ConfigKey::Region).is_none() && !has_endpoint {
        builder = builder.with_region(resolve_bucket_region(bucket, &ClientOptions::new()).await?);
    }
    builder.build()
}
