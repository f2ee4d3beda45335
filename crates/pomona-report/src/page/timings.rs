//! The time of each phase.

use maud::{Markup, html};

use super::titled;
use crate::charts::Bar;
use crate::{Language, Phase, Report};

pub(super) fn section(report: &Report, language: Language) -> Markup {
    let words = language.phrases();
    let seconds = || report.phases.iter().map(|phase| phase.seconds);
    let (total, longest) = (seconds().sum::<f64>(), seconds().fold(0.0, f64::max));
    let content = html! {
        p { (words.timings_text) }
        table.bars.timings {
            thead {
                tr {
                    th scope="col" { (words.phase) }
                    th.number scope="col" { (words.time) }
                    th.number scope="col" { (words.share) }
                    th.number.wide-only scope="col" { (words.rate) }
                    td.drawn {}
                }
            }
            tbody {
                @for phase in &report.phases { (row(phase, total, longest, language)) }
            }
            tfoot {
                tr {
                    th scope="row" { (words.total) }
                    td.number { (language.duration(total)) }
                    td {}
                    td.wide-only {}
                    td.drawn {}
                }
            }
        }
    };
    titled("timings", words.timings, content)
}

fn row(phase: &Phase, total: f64, longest: f64, language: Language) -> Markup {
    let share = phase.seconds / total.max(f64::MIN_POSITIVE);
    html! {
        tr {
            th scope="row" {
                code { (phase.name) }
                @if let Some(description) = (language.phrases().describe_phase)(&phase.name) {
                    span.detail { (description) }
                }
            }
            td.number { (language.duration(phase.seconds)) }
            td.number { (language.percent(share, 0)) }
            td.number.wide-only { (language.decimal(phase.images as f64 / phase.seconds, 0)) }
            td.drawn { (Bar::new(phase.seconds, 0.0, longest)) }
        }
    }
}
