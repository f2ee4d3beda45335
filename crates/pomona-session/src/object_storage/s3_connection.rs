//! [`connect`]: how a bucket is reached, from the settings that the AWS CLI uses.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, resolve_bucket_region};
use object_store::client::{HttpClient, HttpConnector, SpawnedReqwestConnector};
use object_store::{ClientOptions, Result};
use pomona_images::{StoreRefusal, io_runtime, slow_answers};
use url::Url;

use super::credentials::{SdkCredentials, sdk_config};
use super::s3_keys::KeyLister;
use super::s3_traffic::CountedClient;
use super::settings::{S3Settings, is_yes};

/// What the first request makes.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: AmazonS3,
    /// Lists the bucket; a directory bucket, whose requests are signed otherwise, has none and is
    /// listed by the client.
    pub(super) keys: Option<KeyLister>,
}

/// Keeps the HTTP client that it makes last, which is the one for the bucket: requests that the
/// bucket's client cannot make go the same way. Those that it makes before are for credentials.
#[derive(Debug)]
struct KeptConnector {
    connector: SpawnedReqwestConnector,
    kept: Arc<Mutex<Option<CountedClient>>>,
    /// How often the bucket asked for fewer requests.
    slow: Arc<AtomicU64>,
}

impl HttpConnector for KeptConnector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let client = self.connector.connect(options)?;
        let client = CountedClient::new(client, Arc::clone(&self.slow));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(client.clone());
        Ok(HttpClient::new(client))
    }
}

/// Makes the clients of a bucket.
pub(super) async fn connect(bucket: &str) -> Result<Connection> {
    let settings = S3Settings::from_env()?;
    let kept = Arc::default();
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(settings.retry.clone())
        .with_http_connector(KeptConnector {
            connector: SpawnedReqwestConnector::new(io_runtime().clone()),
            kept: Arc::clone(&kept),
            slow: slow_answers(bucket),
        });
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
        let found = resolve_bucket_region(bucket, &ClientOptions::new()).await;
        let found = found.map_err(|error| refused(StoreRefusal::no_region(&error, bucket)));
        builder = builder.with_region(found?);
    }
    let bucket_url = bucket_url(bucket, &builder);
    let region = set(&builder, AmazonS3ConfigKey::Region);
    let client = builder.build();
    let client = client.map_err(|error| refused(StoreRefusal::no_client(&error, bucket)))?;
    let http = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(http) = &http {
        http.count();
    }
    let keys = http.zip(bucket_url).map(|(http, bucket)| KeyLister {
        client: client.clone(),
        http: HttpClient::new(http),
        bucket,
        // What object_store signs for where nothing names a region.
        region: region.unwrap_or_else(|| "us-east-1".to_owned()),
        is_unsigned: settings.is_unsigned,
        requester_pays: settings.requester_pays,
        retry: settings.retry,
    });
    Ok(Connection { client, keys })
}

/// Of the kind that may pass: the network may be back for another attempt.
pub(super) fn refused(refusal: StoreRefusal) -> object_store::Error {
    object_store::Error::Generic {
        store: "S3",
        source: Box::new(refusal),
    }
}

/// Where the bucket's requests go, by the rules of `AmazonS3Builder::build`, which does not expose it;
/// none for a directory bucket.
fn bucket_url(bucket: &str, builder: &AmazonS3Builder) -> Option<Url> {
    let set = |key| builder.get_config_value(&key);
    let is = |key| set(key).is_some_and(|value| is_yes(&value));
    if is(AmazonS3ConfigKey::S3Express) || bucket.ends_with("--x-s3") {
        return None;
    }
    let endpoint = set(AmazonS3ConfigKey::S3Endpoint).or_else(|| set(AmazonS3ConfigKey::Endpoint));
    let is_in_host = is(AmazonS3ConfigKey::VirtualHostedStyleRequest);
    let region = set(AmazonS3ConfigKey::Region).unwrap_or_else(|| "us-east-1".to_owned());
    let url = match (endpoint, is_in_host) {
        (Some(endpoint), true) => endpoint,
        (Some(endpoint), false) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
        (None, true) => format!("https://{bucket}.s3.{region}.amazonaws.com"),
        (None, false) => format!("https://s3.{region}.amazonaws.com/{bucket}"),
    };
    Url::parse(&url).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use object_store::client::{HttpRequest, HttpRequestBody};
    use object_store::path::Path;
    use object_store::signer::Signer;

    use super::*;

    #[test]
    fn requests_go_where_object_store_sends_them() {
        let plain = AmazonS3Builder::new().with_region("eu-west-3");
        let there = |builder: &AmazonS3Builder| {
            let url = bucket_url("photos", builder)?;
            // signed_url shows where object_store's own requests go.
            let keys = builder
                .clone()
                .with_bucket_name("photos")
                .with_access_key_id("key")
                .with_secret_access_key("secret");
            let signed = futures::executor::block_on(Signer::signed_url(
                &keys.build().unwrap(),
                HttpRequest::new(HttpRequestBody::empty()).method().clone(),
                &Path::from("k"),
                Duration::from_secs(1),
            ));
            let mut theirs = signed.unwrap();
            theirs.set_query(None);
            assert_eq!(
                theirs.as_str(),
                format!("{}/k", url.as_str().trim_end_matches('/'))
            );
            Some(url.to_string())
        };
        assert_eq!(
            there(&plain).as_deref(),
            Some("https://s3.eu-west-3.amazonaws.com/photos")
        );
        let hosted = plain.clone().with_virtual_hosted_style_request(true);
        assert!(there(&hosted).is_some());
        let local = plain.clone().with_endpoint("http://127.0.0.1:9000/");
        assert!(there(&local).is_some());
        let hosted = hosted.with_endpoint("http://photos.localhost:9000");
        assert!(there(&hosted).is_some());
        let directory = plain.with_s3_express(true);
        assert_eq!(bucket_url("photos--use1-az4--x-s3", &directory), None);
    }
}
