//! The images that the kept components describe worst.

use maud::{Markup, html};

use super::image::image;
use super::titled;
use crate::{Language, Report};

pub(super) fn section(report: &Report, language: Language) -> Markup {
    let words = language.phrases();
    let outliers = &report.outliers;
    let total = language.count(outliers.total);
    let median = language.significant(outliers.median);
    let content = html! {
        @if outliers.worst.is_empty() {
            p { (words.no_outliers) }
        } @else {
            p { ((words.outliers_text)(&total, &median)) }
            ul.cards {
                @for outlier in &outliers.worst {
                    li.card {
                        (image(&report.images[outlier.image], words))
                        p.measure {
                            strong { ((words.outlier_error)(&language.significant(outlier.error))) }
                        }
                        p.small { ((words.outlier_share)(&language.percent(outlier.share, 0))) }
                    }
                }
            }
        }
    };
    titled("outliers", words.outliers, content)
}
