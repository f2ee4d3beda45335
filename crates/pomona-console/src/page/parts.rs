//! What several pages are made of.

use maud::{Markup, html};

use super::Frame;
use crate::model::JobState;
use crate::view::View;

/// Rows of a list on one page.
pub(super) const ROWS: usize = 50;

/// The part of a list that a page shows, and the number of pages.
pub(super) fn part<T>(rows: &[T], page: usize) -> (&[T], usize) {
    let pages = rows.len().div_ceil(ROWS).max(1);
    let start = ROWS.saturating_mul(page - 1).min(rows.len());
    (&rows[start..rows.len().min(start + ROWS)], pages)
}

/// Links to the other parts of a list.
pub(super) fn pager(
    frame: &Frame<'_>,
    pages: usize,
    view: &View,
    at: fn(&View, usize) -> View,
) -> Markup {
    let (words, page) = (frame.words(), view.page());
    if pages < 2 {
        return html! {};
    }
    let link = |page: usize, text: &str, rel: &str| {
        html! { a href=(frame.address(&at(view, page))) rel=(rel) { (text) } }
    };
    html! {
        nav.pager aria-label=(words.pages) {
            @if page > 1 { (link(page - 1, words.previous, "prev")) }
            span { ((words.page_of)(&frame.count(page as u64), &frame.count(pages as u64))) }
            @if page < pages { (link(page + 1, words.next, "next")) }
        }
    }
}

/// A value that may be missing.
pub(super) fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "–".to_string())
}

/// A word in the colour of its state.
pub(super) fn badge(class: &str, word: &str) -> Markup {
    html! { span.state.(class) { (word) } }
}

/// The class of a job's state.
pub(super) fn job_class(state: JobState) -> &'static str {
    match state {
        JobState::Running => "running",
        JobState::Queued => "waiting",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
        JobState::Completed => "completed",
    }
}

/// A cell of a table that a phone shows as a line with its heading.
pub(super) fn cell(heading: &str, class: &str, content: Markup) -> Markup {
    html! { td.(class) data-label=(heading) { (content) } }
}

/// A cell with a number.
pub(super) fn number(heading: &str, text: impl AsRef<str>) -> Markup {
    cell(heading, "number", html! { (text.as_ref()) })
}

/// A section with its heading, which names it.
pub(super) fn titled(id: &str, heading: &str, content: Markup) -> Markup {
    html! {
        section aria-labelledby={ (id) "-heading" } {
            h2 id={ (id) "-heading" } { (heading) }
            (content)
        }
    }
}

/// One number with what it is.
pub(super) fn tile(name: &str, value: &str, detail: Option<String>) -> Markup {
    html! {
        div.tile {
            dt { (name) }
            dd {
                span.value { (value) }
                @if let Some(detail) = detail { span.detail { (detail) } }
            }
        }
    }
}

/// A bar of progress, with its words.
pub(super) fn bar(share: f64, name: &str, text: &str) -> Markup {
    html! {
        progress max="1" value={ (format!("{share:.4}")) } aria-label=(name) { (text) }
        span.detail { (text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_divided() {
        let rows: Vec<usize> = (0..101).collect();
        assert_eq!(part(&rows, 1).0.len(), ROWS);
        assert_eq!(part(&rows, 3), (&rows[100..], 3));
        assert!(part(&rows, 4).0.is_empty());
        assert!(part(&rows, usize::MAX).0.is_empty());
        assert_eq!(part(&rows[..0], 1), (&rows[..0], 1));
    }
}
