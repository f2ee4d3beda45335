//! Answers of Ballista's REST API without the secrets in plans, errors and settings.
//!
//! Its answers have plans as they are computed, literals among them, such as URLs that are signed. Whoever reads jobs need
//! not be the one who sent them.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pomona_console::{redacted, redacted_value};
use serde_json::Value;

/// Hides secrets in the answer to a request: in all texts of JSON, and in any other text.
pub(crate) async fn redacted_answers(request: Request, next: Next) -> Response {
    let (mut parts, body) = next.run(request).await.into_parts();
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
    };
    let body = match (
        serde_json::from_slice::<Value>(&bytes),
        std::str::from_utf8(&bytes),
    ) {
        (Ok(mut value), _) => {
            hide("", &mut value);
            Body::from(value.to_string())
        }
        (Err(_), Ok(text)) => Body::from(redacted(text)),
        (Err(_), Err(_)) => Body::from(bytes),
    };
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, body)
}

/// Hides secrets in a value that has a name.
fn hide(name: &str, value: &mut Value) {
    match value {
        Value::String(text) => *text = redacted_value(name, text),
        Value::Array(values) => values.iter_mut().for_each(|value| hide(name, value)),
        Value::Object(fields) => fields
            .iter_mut()
            .for_each(|(name, value)| hide(name, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_and_settings_lose_their_secrets() {
        let mut answer = json!({
            "plan": "FilterExec: a@0 != https://h/?X-Amz-Signature=X1",
            "tasks": [{"error": "token=X1", "rows": 3}, null],
            "config": {"s3.session_token": "X1", "batch_size": "256"},
        });
        hide("", &mut answer);
        let expected = json!({
            "plan": "FilterExec: a@0 != https://h/?X-Amz-Signature=***",
            "tasks": [{"error": "token=***", "rows": 3}, null],
            "config": {"s3.session_token": "***", "batch_size": "256"},
        });
        assert_eq!(answer, expected);
    }
}
