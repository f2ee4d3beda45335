//! A file on a web server.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use url::Url;

use crate::LoadError;
use crate::progress::FetchReporter;

/// The size above which nothing is taken for weights: a MobileNetV2 of width 4 in f64 has less.
pub const MOST_BYTES: u64 = 1 << 30;

/// How long a server may take to accept, and how long it may be silent.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Fetches a whole file. Redirects are followed, and proxies are those of the environment.
pub(crate) async fn fetch(url: &Url) -> Result<Bytes, LoadError> {
    let refuse = |reason: String| LoadError::Http {
        url: url.to_string(),
        reason,
    };
    let failed = |error: reqwest::Error| refuse(causes(&error.without_url()));
    let client = reqwest::Client::builder()
        .connect_timeout(PATIENCE)
        .read_timeout(PATIENCE)
        .user_agent(concat!("pomona/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(failed)?;
    let mut response = client.get(url.clone()).send().await.map_err(failed)?;
    if !response.status().is_success() {
        return Err(refuse(format!("the server says {}", response.status())));
    }
    let total = response.content_length();
    let too_large = || LoadError::TooLarge {
        what: url.to_string(),
        most: MOST_BYTES,
    };
    if total.is_some_and(|total| total > MOST_BYTES) {
        return Err(too_large());
    }
    let mut reporter = FetchReporter::new(url.as_str(), total);
    let mut bytes = BytesMut::with_capacity(total.unwrap_or_default() as usize);
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > MOST_BYTES {
            return Err(too_large());
        }
        reporter.reach(bytes.len() as u64);
    }
    Ok(bytes.freeze())
}

/// An error with what caused it: the outermost words of an HTTP client say nothing.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}
