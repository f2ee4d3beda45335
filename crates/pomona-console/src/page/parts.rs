//! What several pages are made of.

use maud::{Markup, html};

use super::Frame;
use crate::model::JobState;
use crate::order::{Column, Order};
use crate::view::{List, View};

/// Rows of a list on one page.
pub(super) const ROWS: usize = 50;

/// The part of a list that a page shows, and the number of pages.
pub(super) fn part<T>(rows: &[T], page: usize) -> (&[T], usize) {
    let pages = rows.len().div_ceil(ROWS).max(1);
    let start = ROWS.saturating_mul(page - 1).min(rows.len());
    (&rows[start..rows.len().min(start + ROWS)], pages)
}

/// Links to the other parts of a list.
pub(super) fn pager(frame: &Frame<'_>, pages: usize, view: &View) -> Markup {
    let (words, list) = (frame.words(), view.list());
    let page = list.page;
    if pages < 2 {
        return html! {};
    }
    let link = |page: usize, text: &str, rel: &str| {
        let other = view.with(List { page, ..list });
        html! { a href=(frame.address(&other)) rel=(rel) { (text) } }
    };
    html! {
        nav.pager aria-label=(words.pages) {
            @if page > 1 { (link(page - 1, words.previous, "prev")) }
            span { ((words.page_of)(&frame.count(page as u64), &frame.count(pages as u64))) }
            @if page < pages { (link(page + 1, words.next, "next")) }
        }
    }
}

/// The headings of a list: each is a link that sorts it.
#[derive(Clone, Copy)]
pub(super) struct Headings<'a> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) view: &'a View,
}

impl Headings<'_> {
    /// The heading of words.
    pub(super) fn words(&self, column: Column, text: &str) -> Markup {
        self.heading(column, None, text)
    }

    /// The heading of numbers.
    pub(super) fn numbers(&self, column: Column, text: &str) -> Markup {
        self.heading(column, Some("number"), text)
    }

    fn heading(&self, column: Column, class: Option<&str>, text: &str) -> Markup {
        let now = self.view.list().order;
        let order = Some(Order::after(now, column));
        let sorted = self.view.with(List { page: 1, order });
        let direction = now.filter(|order| order.column == column);
        let direction = direction.map(|order| match order.descending {
            true => "descending",
            false => "ascending",
        });
        html! {
            th class=[class] scope="col" aria-sort=[direction] {
                a href=(self.frame.address(&sorted)) { (text) }
            }
        }
    }
}

/// A value that may be missing.
pub(super) fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| DASH.to_string())
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

/// What stands for a value that is missing.
pub(super) const DASH: &str = "–";

/// A cell of a table that a phone shows with its heading.
pub(super) fn cell(heading: &str, class: &str, content: Markup) -> Markup {
    html! { td.(class) data-label=(heading) { (content) } }
}

/// A cell with a number. A phone leaves out those that are missing.
pub(super) fn number(heading: &str, text: impl AsRef<str>) -> Markup {
    let text = text.as_ref();
    let class = if text == DASH {
        "number none"
    } else {
        "number"
    };
    cell(heading, class, html! { (text) })
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

/// A section whose heading the page has already: those who cannot see it hear it.
pub(super) fn listed(id: &str, heading: &str, content: Markup) -> Markup {
    html! {
        section aria-labelledby={ (id) "-heading" } {
            h2.heard id={ (id) "-heading" } { (heading) }
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
