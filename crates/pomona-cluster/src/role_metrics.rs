//! `/metrics` as both roles serve it: in the format that is asked for, with the requests that the process sent to S3.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use pomona_console::{Exposition, Format, Kind};
use pomona_session::{S3Traffic, s3_traffic};

/// An empty text in the format that a request accepts.
pub(crate) fn exposition(headers: &HeaderMap) -> (Format, Exposition) {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accepted.unwrap_or_default());
    (format, Exposition::new(format))
}

/// The answer with a finished text.
pub(crate) fn answer(format: Format, text: String) -> Response {
    ([(CONTENT_TYPE, format.content_type())], text).into_response()
}

/// Adds the requests that this process sent to S3.
pub(crate) fn add_s3(text: &mut Exposition) {
    let traffic = s3_traffic();
    add_s3_counts(text, "pomona_s3", Kind::Counter, &traffic);
    text.family(
        "pomona_s3_get_seconds",
        Kind::Histogram,
        "seconds",
        "Times from a GET to S3 to the begin of its answer; each attempt counts.",
    );
    text.histogram(&[], &traffic.gets_by_seconds, traffic.get_seconds);
}

/// Adds the counts of requests to S3 as families whose names begin with `prefix`.
pub fn add_s3_counts(text: &mut Exposition, prefix: &str, kind: Kind, traffic: &S3Traffic) {
    for (name, help, label, counts) in [
        (
            "requests",
            "Requests to S3; each attempt counts.",
            "request",
            &traffic.requests,
        ),
        (
            "retries",
            "Attempts at a request to S3 after its first one; parts of uploads, copies and deletions are not among them.",
            "request",
            &traffic.retries,
        ),
        (
            "failures",
            "Attempts that failed in a way that may pass, and are made again within limits.",
            "reason",
            &traffic.failures,
        ),
    ] {
        text.family(&format!("{prefix}_{name}"), kind, "", help);
        for (value, count) in counts {
            text.sample(&[(label, value)], *count as f64);
        }
    }
}
