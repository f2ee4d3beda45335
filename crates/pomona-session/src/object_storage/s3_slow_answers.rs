//! [`SlowAnswers`]: counts the answers with which a bucket asks for fewer requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};

/// Too Many Requests, and Service Unavailable, which S3 answers with the code `SlowDown`.
const SLOW: [u16; 2] = [429, 503];

/// Passes requests on and counts such answers, which object_store hears alone: it waits a little and
/// sends the request again.
#[derive(Debug)]
pub(super) struct SlowAnswers {
    pub(super) client: HttpClient,
    pub(super) count: Arc<AtomicU64>,
}

#[async_trait]
impl HttpService for SlowAnswers {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.client.execute(request).await?;
        if SLOW.contains(&answer.status().as_u16()) {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        Ok(answer)
    }
}
