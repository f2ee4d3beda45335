//! The images without features, by their reasons.

use maud::{Markup, html};

use super::titled;
use crate::{Language, Reason, Report};

pub(super) fn section(report: &Report, language: Language) -> Markup {
    let words = language.phrases();
    let counts = &report.counts;
    let images = language.count(counts.images);
    let share = language.part(counts.errors, counts.images);
    let listed = report.errors.reasons.len() as u64;
    let left = report.errors.total_reasons.saturating_sub(listed);
    let content = html! {
        @if counts.errors == 0 {
            p { ((words.no_errors)(&images)) }
        } @else {
            p {
                ((words.errors_text)(counts.errors, &language.count(counts.errors), &images, &share))
                " " code { "errors/" } "."
            }
            table.reasons {
                thead {
                    tr {
                        th scope="col" { (words.reason) }
                        th.number scope="col" { (words.images) }
                    }
                }
                tbody {
                    @for reason in &report.errors.reasons { (row(reason, language)) }
                }
            }
            @if left > 0 { p.small { ((words.other_reasons)(left, &language.count(left))) } }
        }
    };
    titled("errors", words.errors, content)
}

fn row(reason: &Reason, language: Language) -> Markup {
    let words = language.phrases();
    let left = reason.images.saturating_sub(reason.paths.len() as u64);
    html! {
        tr {
            td {
                // The engine's own words, which are English.
                bdi.reason lang="en" { (reason.reason) }
                ul.paths {
                    @for path in &reason.paths { li { bdi { (path) } } }
                    @if left > 0 { li.others { ((words.and_others)(&language.count(left))) } }
                }
            }
            td.number { (language.count(reason.images)) }
        }
    }
}
