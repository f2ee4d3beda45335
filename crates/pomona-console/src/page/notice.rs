//! Pages without regions: a question, and what went wrong.

use maud::html;

use super::{Frame, Place, document};
use crate::model::JobRow;
use crate::redact::redacted;
use crate::view::View;

/// The page that asks whether to cancel a job. `token` shows the server that the answer comes from it.
pub fn cancel_page(job: &JobRow, token: &str, frame: &Frame<'_>) -> String {
    let words = frame.words();
    let view = View::of_job(&job.id);
    let title = (words.cancel_question)(&job.id);
    let content = html! {
        @if !job.name.is_empty() { p.headline { bdi.name { (redacted(&job.name)) } } }
        p { (words.cancel_text) }
        form method="post" action={ "/job/" (job.id) "/cancel?lang=" (frame.language) } {
            input type="hidden" name="token" value=(token);
            button.danger type="submit" { (words.cancel_yes) }
            " "
            a.button href=(frame.address(&view)) { (words.cancel_no) }
        }
    };
    let place = Place {
        title: &title,
        view: None,
        live: None,
    };
    document(frame, &place, &content)
}

/// A page with one sentence, or that of something unknown where there is none.
pub fn message_page(message: Option<&str>, frame: &Frame<'_>) -> String {
    let words = frame.words();
    let title = match message {
        Some(_) => words.error,
        None => words.not_found,
    };
    let content = html! {
        p { (message.map_or(words.not_found_text.to_string(), redacted)) }
        p { a href=(frame.address(&View::of_jobs())) { (words.back) } }
    };
    let place = Place {
        title,
        view: None,
        live: None,
    };
    document(frame, &place, &content)
}
