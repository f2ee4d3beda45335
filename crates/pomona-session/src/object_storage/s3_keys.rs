//! [`KeyLister`]: lists the keys of a bucket, also those that are no paths of `object_store`.
//!
//! S3 keys are any text: `a//b.jpg`, `./c.jpg`, `/d.jpg`, a name with a line break. The listing of
//! `object_store` fails as a whole page at the first that is no [`Path`], and reads `/d.jpg` as
//! another object, `d.jpg`. This one names such keys one by one, and asks for keys in percent
//! encoding, because XML 1.0 has no way to write a control character.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use object_store::aws::{AmazonS3, AwsAuthorizer};
use object_store::client::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody};
use object_store::path::{self, Path};
use object_store::{ObjectMeta, Result, RetryConfig};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use url::Url;

use super::s3_traffic::Attempts;

/// The listing of one bucket by ListObjectsV2.
#[derive(Debug, Clone)]
pub(super) struct KeyLister {
    pub(super) client: AmazonS3,
    pub(super) http: HttpClient,
    /// The bucket's URL, with its name in the host or the path.
    pub(super) bucket: Url,
    pub(super) region: String,
    pub(super) is_unsigned: bool,
    pub(super) requester_pays: bool,
    pub(super) retry: RetryConfig,
}

/// What a page of at most a thousand keys is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct PageRequest {
    /// What keys begin with.
    pub(super) prefix: String,
    /// Whether keys are listed up to their next slash.
    pub(super) is_delimited: bool,
    /// The key after which the listing starts.
    pub(super) start_after: Option<String>,
    /// Where the page before ended.
    pub(super) token: Option<String>,
}

/// A page of a listing. What cannot be a [`Path`] is an error
/// [`InvalidPath`](object_store::Error::InvalidPath) in its place, with the key.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) objects: Vec<Result<ObjectMeta>>,
    pub(super) folders: Vec<Result<Path>>,
    pub(super) token: Option<String>,
}

/// Why a page cannot be had.
#[derive(Debug, thiserror::Error)]
enum ListError {
    #[error("{0}")]
    Http(#[from] HttpError),
    #[error("Server returned non-2xx status code: {status}: {body}")]
    Status { status: u16, body: String },
    #[error(
        "the bucket is in another region than {region} ({status}): set AWS_REGION to the bucket's"
    )]
    OtherRegion { region: String, status: u16 },
    #[error("the listing is not understood: {0}")]
    Xml(#[from] quick_xml::DeError),
    #[error("the listing is not understood: '{0}' is no time")]
    Time(String),
    #[error("the listing is not understood: a key is not UTF-8 ({0})")]
    Encoding(#[from] std::str::Utf8Error),
    #[error("the listing's address is not understood: {0}")]
    Address(String),
}

impl ListError {
    /// Whether the same request may be answered later.
    fn is_transient(&self) -> bool {
        match self {
            Self::Http(error) => {
                !matches!(error.kind(), HttpErrorKind::Decode | HttpErrorKind::Unknown)
            }
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            _ => false,
        }
    }
}

impl KeyLister {
    /// Asks for a page, again and again where the server fails, as long as the settings allow.
    pub(super) async fn page(&self, request: &PageRequest) -> Result<Page> {
        let begin = Instant::now();
        let mut pause = self.retry.backoff.init_backoff;
        let attempts = Attempts::default();
        for attempt in 0.. {
            let error = match self.ask(request, &attempts).await? {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            let is_over =
                attempt >= self.retry.max_retries || begin.elapsed() > self.retry.retry_timeout;
            if is_over || !error.is_transient() {
                return Err(self.refusal(request, error));
            }
            log::debug!("a page of {} is asked for again: {error}", self.bucket);
            tokio::time::sleep(pause).await;
            pause = next_pause(pause, &self.retry);
        }
        unreachable!("attempts are counted until they are over")
    }

    /// One attempt. The outer error is one of the credentials.
    async fn ask(
        &self,
        page: &PageRequest,
        attempts: &Attempts,
    ) -> Result<Result<Page, ListError>> {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        request.extensions_mut().insert(attempts.clone());
        match self.url(page).as_str().parse() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(_) => return Ok(Err(ListError::Address(self.bucket.to_string()))),
        }
        if !self.is_unsigned {
            let credential = self.client.credentials().get_credential().await?;
            AwsAuthorizer::new(&credential, "s3", &self.region)
                .with_request_payer(self.requester_pays)
                .authorize(&mut request, None);
        }
        Ok(self.send(request).await)
    }

    async fn send(&self, request: HttpRequest) -> Result<Page, ListError> {
        let response = self.http.execute(request).await?;
        let status = response.status();
        let body = response.into_body().bytes().await?;
        if status.is_redirection() {
            return Err(ListError::OtherRegion {
                region: self.region.clone(),
                status: status.as_u16(),
            });
        }
        if !status.is_success() {
            return Err(ListError::Status {
                status: status.as_u16(),
                body: String::from_utf8_lossy(&body).into_owned(),
            });
        }
        let listed: Listed = quick_xml::de::from_reader(&body[..])?;
        listed.page()
    }

    fn url(&self, page: &PageRequest) -> Url {
        let mut url = self.bucket.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("list-type", "2")
            .append_pair("encoding-type", "url");
        if !page.prefix.is_empty() {
            query.append_pair("prefix", &page.prefix);
        }
        if page.is_delimited {
            query.append_pair("delimiter", "/");
        }
        if let Some(key) = &page.start_after {
            query.append_pair("start-after", key);
        }
        if let Some(token) = &page.token {
            query.append_pair("continuation-token", token);
        }
        drop(query);
        url
    }

    /// The error as `object_store` sorts those of its own requests.
    fn refusal(&self, request: &PageRequest, error: ListError) -> object_store::Error {
        let path = request.prefix.clone();
        let status = match &error {
            ListError::Status { status, .. } => *status,
            _ => 0,
        };
        let source = Box::new(error);
        match status {
            401 => object_store::Error::Unauthenticated { path, source },
            403 => object_store::Error::PermissionDenied { path, source },
            404 => object_store::Error::NotFound { path, source },
            _ => object_store::Error::Generic {
                store: "S3",
                source,
            },
        }
    }
}

/// Doubles the pause, and shortens it by up to a half, so that clients do not come back together.
fn next_pause(pause: Duration, retry: &RetryConfig) -> Duration {
    let longest = pause
        .mul_f64(retry.backoff.base)
        .min(retry.backoff.max_backoff);
    let jitter = Utc::now().timestamp_subsec_nanos() % 1_000;
    longest.mul_f64(1.0 - f64::from(jitter) / 2_000.0)
}

/// The answer to ListObjectsV2.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    /// Absent where the server does not know the encoding, and writes keys as they are.
    encoding_type: Option<String>,
    #[serde(default)]
    contents: Vec<Contents>,
    #[serde(default)]
    common_prefixes: Vec<CommonPrefix>,
    next_continuation_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    size: u64,
    last_modified: String,
    #[serde(rename = "ETag")]
    e_tag: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CommonPrefix {
    prefix: String,
}

impl Listed {
    fn page(self) -> Result<Page, ListError> {
        let is_encoded = self.encoding_type.as_deref() == Some("url");
        let key = |text: String| match is_encoded {
            true => decoded(&text),
            false => Ok(text),
        };
        let mut objects = Vec::with_capacity(self.contents.len());
        for listed in self.contents {
            let key = key(listed.key)?;
            // Consoles write an empty object `x/` for a folder `x`.
            if key.ends_with('/') && listed.size == 0 {
                continue;
            }
            let modified = DateTime::parse_from_rfc3339(&listed.last_modified)
                .map_err(|_| ListError::Time(listed.last_modified))?;
            objects.push(literal(&key).map(|location| ObjectMeta {
                location,
                last_modified: modified.with_timezone(&Utc),
                size: listed.size,
                e_tag: listed.e_tag,
                version: None,
            }));
        }
        let folders = self.common_prefixes.into_iter().map(|common| {
            let prefix = key(common.prefix)?;
            let folder = prefix.strip_suffix('/').unwrap_or(&prefix);
            Ok(literal(folder).map_err(|_| no_path(&prefix)))
        });
        Ok(Page {
            folders: folders.collect::<Result<_, ListError>>()?,
            objects,
            token: self
                .next_continuation_token
                .filter(|token| !token.is_empty()),
        })
    }
}

/// The encoding of HTML forms, which S3 uses: a space is a plus sign.
fn decoded(text: &str) -> Result<String, ListError> {
    let spaced = text.replace('+', " ");
    Ok(percent_decode_str(&spaced).decode_utf8()?.into_owned())
}

/// The path that stands for this key and no other: `Path::parse` drops slashes at the ends.
fn literal(key: &str) -> Result<Path> {
    let path = Path::parse(key)?;
    match path.as_ref() == key {
        true => Ok(path),
        false => Err(no_path(key)),
    }
}

fn no_path(key: &str) -> object_store::Error {
    let path = key.to_owned();
    path::Error::EmptySegment { path }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(xml: &str) -> Page {
        quick_xml::de::from_str::<Listed>(xml)
            .unwrap()
            .page()
            .unwrap()
    }

    fn contents(keys: &[&str]) -> String {
        let entry = |key: &&str| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>\
                 <ETag>&quot;e&quot;</ETag><Size>7</Size></Contents>"
            )
        };
        keys.iter().map(entry).collect()
    }

    #[test]
    fn keys_are_decoded_and_odd_ones_are_named() {
        let keys = [
            "a+b/%C3%A9%2B%25.jpg",
            "a%0Db.jpg",
            "a//b.jpg",
            "/c.jpg",
            "d/",
        ];
        let page = page(&format!(
            "<ListBucketResult><EncodingType>url</EncodingType>{}\
             <CommonPrefixes><Prefix>x+y/</Prefix></CommonPrefixes>\
             <CommonPrefixes><Prefix>x/./</Prefix></CommonPrefixes>\
             <NextContinuationToken>t=</NextContinuationToken></ListBucketResult>",
            contents(&keys)
        ));
        let names: Vec<_> = page
            .objects
            .iter()
            .map(|object| object.as_ref().ok().map(|meta| meta.location.as_ref()))
            .collect();
        assert_eq!(names, [Some("a b/é+%.jpg"), None, None, None, None]);
        let first = page.objects[0].as_ref().unwrap();
        assert_eq!((first.size, first.e_tag.as_deref()), (7, Some("\"e\"")));
        assert_eq!(first.last_modified.timestamp_subsec_millis(), 678);
        for odd in &page.objects[1..] {
            let error = odd.as_ref().unwrap_err();
            assert!(matches!(error, object_store::Error::InvalidPath { .. }));
        }
        assert_eq!(page.folders[0].as_ref().unwrap().as_ref(), "x y");
        assert!(page.folders[1].is_err());
        assert_eq!(page.token.as_deref(), Some("t="));
    }

    #[test]
    fn a_server_without_the_encoding_is_read_as_it_writes() {
        let xml = format!(
            "<ListBucketResult>{}</ListBucketResult>",
            contents(&["a+%20.jpg"])
        );
        let page = page(&xml);
        let meta = page.objects[0].as_ref().unwrap();
        assert_eq!(meta.location.as_ref(), "a+%20.jpg");
        assert!(page.token.is_none() && page.folders.is_empty());
    }

    #[test]
    fn pauses_grow_to_their_bound() {
        let retry = RetryConfig::default();
        let mut pause = retry.backoff.init_backoff;
        for _ in 0..50 {
            pause = next_pause(pause, &retry);
            assert!(pause <= retry.backoff.max_backoff);
        }
        assert!(pause >= retry.backoff.max_backoff / 2);
    }
}
