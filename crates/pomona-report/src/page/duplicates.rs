//! Images that are almost alike, two by two.

use maud::{Markup, html};

use super::image::image;
use super::titled;
use crate::{Language, Pair, Report};

pub(super) fn section(report: &Report, language: Language) -> Markup {
    let words = language.phrases();
    let duplicates = &report.duplicates;
    let total = language.count(duplicates.total);
    let n = duplicates.compared;
    let compared = language.count(n);
    let count = language.count(n * n.saturating_sub(1) / 2);
    let groups = [
        (words.most_alike, "most-alike", &duplicates.pairs),
        (
            words.across_labels,
            "across-labels",
            &duplicates.across_labels,
        ),
    ];
    let content = html! {
        p {
            ((words.duplicates_text)(&language.decimal(duplicates.threshold, 2)))
            " "
            @if n == duplicates.total {
                ((words.compared_all)(&total, &count))
            } @else {
                ((words.compared_sample)(&compared, &total, &count))
            }
            @if !duplicates.exact { " " (words.not_exact) }
        }
        @if groups.iter().all(|(_, _, pairs)| pairs.is_empty()) {
            p { (words.no_duplicates) }
        }
        @for (name, id, pairs) in groups {
            @if !pairs.is_empty() {
                h3 id=(id) { (name) }
                ul.cards.pairs aria-labelledby=(id) {
                    @for pair in pairs { (card(pair, report, language)) }
                }
            }
        }
    };
    titled("duplicates", words.duplicates, content)
}

fn card(pair: &Pair, report: &Report, language: Language) -> Markup {
    let words = language.phrases();
    html! {
        li.card.pair {
            @for number in [pair.first, pair.second] { (image(&report.images[number], words)) }
            p.measure { strong { ((words.cosine)(&language.decimal(pair.cosine, 4))) } }
        }
    }
}
