//! The numbers that one looks at first.

use crate::{Language, Report};

/// A number with its name and what stands below it.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) detail: Option<String>,
    pub(super) is_alarm: bool,
}

pub(super) fn tiles(report: &Report, language: Language) -> Vec<Tile> {
    let words = language.phrases();
    let counts = &report.counts;
    let share = |part: u64| {
        let share = part as f64 / counts.images.max(1) as f64;
        let decimals = if part == counts.images || part == 0 {
            0
        } else {
            2
        };
        Some((words.of_images)(&language.percent(share, decimals)))
    };
    let tile = |name, value, detail| Tile {
        name,
        value,
        detail,
        is_alarm: false,
    };
    let seconds: f64 = report.phases.iter().map(|phase| phase.seconds).sum();
    let kept = report.variance.kept;
    let kept_share: f64 = report.variance.ratios.iter().take(kept).sum();
    let mut tiles = vec![
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
            language.count(kept as u64),
            Some((words.of_dimensions)(
                &language.count(report.variance.ratios.len() as u64),
            )),
        ),
        tile(words.variance_kept, language.percent(kept_share, 1), None),
        tile(words.total_time, language.duration(seconds), None),
    ];
    if seconds > 0.0 && counts.computed > 0 {
        let rate = language.significant(counts.computed as f64 / seconds);
        tiles.push(tile(words.images_per_second, rate, None));
    }
    tiles
}
