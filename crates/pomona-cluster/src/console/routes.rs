//! The addresses that cancel a job, and those of jobs that are kept.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ballista_core::JobId;
use pomona_console::{JobRow, Language, Settings, View, cancel_page};
use serde::Serialize;
use url::form_urlencoded;
use uuid::Uuid;

use super::pages::{Pages, language, page_routes};
use super::{ClusterView, ConsoleAccess};

/// The paths of a scheduler's pages.
const PATHS: [&str; 5] = [
    "/",
    "/jobs",
    "/executors",
    "/job/{id}",
    "/job/{id}/stage/{stage}",
];

/// The pages of a scheduler.
pub(crate) struct Console {
    source: Arc<ClusterView>,
    pages: Arc<Pages>,
    /// Whether no job is cancelled here.
    read_only: bool,
    /// What a form has to send: it shows that a page of ours was read.
    token: String,
}

impl Console {
    pub(crate) fn new(source: Arc<ClusterView>, access: ConsoleAccess) -> Self {
        let read_only = access != ConsoleAccess::Full;
        let settings = Settings {
            read_only,
            ..Settings::default()
        };
        Self {
            pages: Arc::new(Pages::new(Arc::clone(&source) as _, settings)),
            source,
            read_only,
            token: Uuid::new_v4().simple().to_string(),
        }
    }
}

/// The jobs that are kept, as JSON: what `pomona jobs` reads besides Ballista's.
pub(crate) fn history_routes(source: Arc<ClusterView>) -> Router {
    Router::new()
        .route("/api/history", get(kept_jobs))
        .route("/api/history/{id}", get(kept_job))
        .with_state(source)
}

async fn kept_jobs(State(source): State<Arc<ClusterView>>) -> Response {
    let kept = source.history();
    let rows: Vec<&JobRow> = kept.iter().map(|row| &**row).collect();
    json(&rows)
}

async fn kept_job(State(source): State<Arc<ClusterView>>, Path(id): Path<String>) -> Response {
    match source.kept(&id).await {
        Some(job) => json(&job),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The routes of the pages, of their events, and of a job's cancellation.
pub(crate) fn console_routes(console: Console) -> Router {
    let pages = page_routes(Arc::clone(&console.pages), &PATHS);
    if console.read_only {
        return pages;
    }
    let cancel = Router::new().route("/job/{id}/cancel", get(ask_to_cancel).post(cancel));
    pages.merge(cancel.with_state(Arc::new(console)))
}

/// The job that is to be cancelled; where it has ended or is unknown, the answer instead.
async fn running(
    console: &Console,
    id: &str,
    language: Language,
) -> Result<Arc<JobRow>, Box<Response>> {
    match console.source.row(id).await {
        Some(row) if row.state.has_ended() => Err(Box::new(to_job(id, language))),
        Some(row) => Ok(row),
        None => Err(Box::new(console.pages.message(
            StatusCode::NOT_FOUND,
            None,
            language,
        ))),
    }
}

/// Back to the job's page. Identifiers that are known need no escape.
fn to_job(id: &str, language: Language) -> Response {
    let view = View::of_job(id);
    let location = [(LOCATION, view.address(language))];
    (StatusCode::SEE_OTHER, location).into_response()
}

async fn ask_to_cancel(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let language = language(&query.unwrap_or_default(), &headers);
    match running(&console, &id, language).await {
        Ok(row) => {
            let token = &console.token;
            console
                .pages
                .document(language, |frame| cancel_page(&row, token, frame))
        }
        Err(answer) => *answer,
    }
}

async fn cancel(
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: String,
) -> Response {
    let language = language(&query.unwrap_or_default(), &headers);
    let token = form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "token");
    if !token.is_some_and(|(_, token)| is_same(&token, &console.token)) {
        let reason = "the form is not of this scheduler: open the job's page again";
        return console
            .pages
            .message(StatusCode::FORBIDDEN, Some(reason), language);
    }
    if let Err(answer) = running(&console, &id, language).await {
        return *answer;
    }
    log::info!("job {id} is cancelled from its page");
    let job = JobId::from(id.as_str());
    match console.source.server().cancel_job(job).await {
        Ok(()) => to_job(&id, language),
        Err(error) => {
            let reason = error.to_string();
            console
                .pages
                .message(StatusCode::INTERNAL_SERVER_ERROR, Some(&reason), language)
        }
    }
}

/// Whether two texts are the same, found in a time that does not say where they differ.
fn is_same(a: &str, b: &str) -> bool {
    let pairs = a.bytes().zip(b.bytes());
    let differences = pairs.fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_same_or_not() {
        assert!(is_same("abc", "abc") && is_same("", ""));
        for other in ["", "ab", "abd", "abcd"] {
            assert!(!is_same("abc", other), "{other}");
        }
    }
}
