//! The map of the images, its legend, and the data for its script.

use maud::{Markup, PreEscaped, html};

use super::titled;
use crate::charts::{Legend, ScatterPlot};
use crate::palette::{COLORS, SHAPES};
use crate::{Language, Report, points};

pub(super) fn section(report: &Report, language: Language) -> Markup {
    let words = language.phrases();
    let content = match report.scatter.points.is_empty() {
        true => html! { p { (words.no_points) } },
        false => map(report, language),
    };
    titled("map-of-images", words.scatter, content)
}

fn map(report: &Report, language: Language) -> Markup {
    let words = language.phrases();
    let shown = report.scatter.points.len() as u64;
    let total = language.count(report.scatter.total);
    let (made, wanted) = (report.thumbnails.made, report.thumbnails.wanted);
    let (plot, entries) = ScatterPlot::new(report, language);
    let labels = entries.iter().map(|entry| entry.label.as_str()).collect();
    let json = points::json(report, plot.drawn(), labels);
    html! {
        p {
            @if shown == report.scatter.total {
                ((words.scatter_all)(&total))
            } @else {
                ((words.scatter_sample)(&language.count(shown), &total))
            }
            @if made < wanted {
                " " ((words.thumbnails_missing)(&language.count(made), &language.count(wanted)))
            }
        }
        p.hint hidden { (words.scatter_hint) }
        div.map {
            figure { (plot) }
            (legend(&entries, language))
        }
        div.tip id="tip" role="status" hidden {
            img alt="" id="tip-image";
            p { bdi id="tip-label" {} }
            p.path { bdi id="tip-path" {} }
        }
        script type="application/json" id="points" { (PreEscaped(json)) }
    }
}

fn legend(entries: &[Legend], language: Language) -> Markup {
    let words = language.phrases();
    html! {
        div.legend-box {
            h3 id="legend-heading" { (words.legend) }
            @if entries.len() > COLORS.len() * SHAPES.len() {
                p.small { (words.marks_repeat) }
            }
            p.legend-tools hidden {
                input type="search" id="legend-filter" aria-label=(words.legend_filter) placeholder=(words.legend_filter) autocomplete="off";
                button type="button" id="legend-clear" disabled { (words.legend_clear) }
            }
            ul.legend id="legend" aria-labelledby="legend-heading" tabindex="0" {
                @for entry in entries {
                    li {
                        svg.mark viewBox="-6 -6 12 12" aria-hidden="true" focusable="false" {
                            path fill=(entry.color) d=(entry.shape) {}
                        }
                        bdi { (entry.label) }
                        span.count { (entry.images) }
                    }
                }
            }
        }
    }
}
