//! The summary: the main numbers of the run.

use maud::{Markup, html};

use super::titled;
use crate::{Language, Report};

/// A number with its name and what stands below it.
struct Tile {
    name: &'static str,
    value: String,
    detail: Option<String>,
    is_alarm: bool,
}

pub(super) fn section(report: &Report, language: Language) -> Markup {
    let content = html! {
        dl.tiles {
            @for tile in tiles(report, language) {
                div.tile.alarm[tile.is_alarm] {
                    dt { (tile.name) }
                    dd {
                        span.value { (tile.value) }
                        @if let Some(detail) = tile.detail { span.detail { (detail) } }
                    }
                }
            }
        }
    };
    titled("summary", language.phrases().summary, content)
}

fn tiles(report: &Report, language: Language) -> Vec<Tile> {
    let words = language.phrases();
    let counts = &report.counts;
    let share = |part| Some((words.of_images)(&language.part(part, counts.images)));
    let tile = |name, value, detail| Tile {
        name,
        value,
        detail,
        is_alarm: false,
    };
    let seconds: f64 = report.phases.iter().map(|phase| phase.seconds).sum();
    let variance = &report.variance;
    let kept_share: f64 = variance.ratios.iter().take(variance.kept).sum();
    let dimensions = language.count(variance.ratios.len() as u64);
    let rate = counts.computed as f64 / seconds;
    vec![
        tile(
            words.images,
            language.count(counts.images),
            (counts.reused > 0).then(|| {
                let (computed, reused) = (counts.computed, counts.reused);
                (words.computed_and_reused)(&language.count(computed), &language.count(reused))
            }),
        ),
        tile(
            words.with_features,
            language.count(counts.features),
            share(counts.features),
        ),
        Tile {
            is_alarm: counts.errors > 0,
            ..tile(
                words.without_features,
                language.count(counts.errors),
                share(counts.errors),
            )
        },
        tile(
            words.labels,
            language.count(report.classes.len() as u64),
            None,
        ),
        tile(words.bytes_read, language.bytes(counts.bytes), None),
        tile(
            words.components_kept,
            language.count(variance.kept as u64),
            Some((words.of_dimensions)(&dimensions)),
        ),
        tile(words.variance_kept, language.percent(kept_share, 1), None),
        tile(
            words.total_time,
            language.duration(seconds),
            (counts.computed > 0 && rate.is_finite())
                .then(|| (words.images_per_second)(&language.significant(rate))),
        ),
    ]
}
