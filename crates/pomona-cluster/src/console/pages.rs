//! The addresses of the pages, and who knows what they say.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pomona_console::{
    Cluster, Content, Frame, Language, POLICY, SCRIPT, STYLE, Settings, View, language_of,
    message_page,
};

use super::feeds::Feeds;

/// Who knows what the pages say: a scheduler, or a run.
#[async_trait]
pub(crate) trait Source: Send + Sync + 'static {
    /// The process, now.
    fn cluster(&self) -> Cluster;

    /// What a page says; `None` where there is no such thing.
    async fn content(&self, view: &View) -> Option<Content>;
}

/// The pages of a process.
pub(crate) struct Pages {
    source: Arc<dyn Source>,
    feeds: Arc<Feeds>,
    settings: Settings,
}

impl Pages {
    pub(crate) fn new(source: Arc<dyn Source>, settings: Settings) -> Self {
        Self {
            feeds: Arc::new(Feeds::new(Arc::clone(&source), settings)),
            source,
            settings,
        }
    }

    /// Whether anybody follows a page.
    pub(crate) fn has_readers(&self) -> bool {
        self.feeds.has_readers()
    }

    /// A document of one page, which `make` writes.
    pub(super) fn document(
        &self,
        language: Language,
        make: impl FnOnce(&Frame<'_>) -> String,
    ) -> Response {
        let cluster = self.source.cluster();
        html(make(&Frame {
            cluster: &cluster,
            language,
            settings: self.settings,
        }))
    }

    /// A page with a message, or that of something unknown.
    pub(super) fn message(
        &self,
        status: StatusCode,
        message: Option<&str>,
        language: Language,
    ) -> Response {
        let document = self.document(language, |frame| message_page(message, frame));
        (status, document).into_response()
    }
}

/// The routes of the pages at these paths, and of their events, style and script.
pub(crate) fn page_routes(pages: Arc<Pages>, paths: &[&str]) -> Router {
    let routes = paths
        .iter()
        .fold(Router::new(), |routes, path| routes.route(path, get(page)));
    routes
        .route("/live/", get(events))
        .route("/live/{*page}", get(events))
        .route("/console.css", get(|| async { asset("text/css", STYLE) }))
        .route(
            "/console.js",
            get(|| async { asset("text/javascript", SCRIPT) }),
        )
        .with_state(pages)
}

fn html(document: String) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, document).into_response()
}

/// A file of the program. Its address has the version, so that a browser may keep it.
fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "max-age=3600")];
    (headers, text).into_response()
}

pub(super) fn language(query: &str, headers: &HeaderMap) -> Language {
    let accepted = headers.get(ACCEPT_LANGUAGE);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    language_of(query, accepted.unwrap_or_default())
}

async fn page(State(pages): State<Arc<Pages>>, uri: Uri, headers: HeaderMap) -> Response {
    let query = uri.query().unwrap_or_default();
    let language = language(query, &headers);
    let found = match View::parse(uri.path(), query) {
        Some(view) => pages
            .feeds
            .page(&view, language)
            .await
            .map(|page| (view, page)),
        None => None,
    };
    match found {
        Some((view, page)) => pages.document(language, |frame| page.document(&view, frame)),
        None => pages.message(StatusCode::NOT_FOUND, None, language),
    }
}

async fn events(State(pages): State<Arc<Pages>>, uri: Uri, headers: HeaderMap) -> Response {
    let query = uri.query().unwrap_or_default();
    let path = uri.path().strip_prefix("/live").unwrap_or_default();
    let Some(view) = View::parse(path, query) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match pages.feeds.follow(view, language(query, &headers)) {
        Some(events) => {
            let mut response = Sse::new(events)
                .keep_alive(KeepAlive::default())
                .into_response();
            let headers = response.headers_mut();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "too many pages are open").into_response(),
    }
}
