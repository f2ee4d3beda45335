//! The map of the pictures, its legend, and what the script is given for it.

use crate::charts::{Legend, ScatterPlot};
use crate::palette::{COLORS, SHAPES};
use crate::{Language, Report, points};

pub(super) struct Section {
    pub(super) text: String,
    /// None where there are no points.
    pub(super) plot: Option<Plot>,
}

pub(super) struct Plot {
    pub(super) chart: ScatterPlot,
    pub(super) legend: Vec<Legend>,
    /// Whether labels share marks.
    pub(super) repeats: bool,
    pub(super) thumbnails: Option<String>,
    /// Safe inside a `script` element.
    pub(super) json: String,
}

impl Section {
    pub(super) fn new(report: &Report, language: Language) -> Self {
        let words = language.phrases();
        let shown = report.scatter.points.len() as u64;
        if shown == 0 {
            return Self {
                text: words.no_points.to_string(),
                plot: None,
            };
        }
        let (chart, legend) = ScatterPlot::new(report, language);
        let labels = legend.iter().map(|entry| entry.label.as_str()).collect();
        let json = points::json(report, chart.drawn(), labels);
        let total = language.count(report.scatter.total);
        let made = report.thumbnails.made;
        let wanted = report.thumbnails.wanted;
        Self {
            text: match shown == report.scatter.total {
                true => (words.scatter_all)(&total),
                false => (words.scatter_sample)(&language.count(shown), &total),
            },
            plot: Some(Plot {
                repeats: legend.len() > COLORS.len() * SHAPES.len(),
                thumbnails: (made < wanted).then(|| {
                    (words.thumbnails_missing)(&language.count(made), &language.count(wanted))
                }),
                chart,
                legend,
                json,
            }),
        }
    }
}
