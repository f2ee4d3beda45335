//! How long each phase took.

use crate::charts::Bar;
use crate::{Language, Report};

pub(super) struct Section {
    pub(super) rows: Vec<Row>,
    pub(super) total: String,
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) description: Option<&'static str>,
    pub(super) time: String,
    pub(super) share: String,
    pub(super) rate: String,
    pub(super) bar: Bar,
}

impl Section {
    pub(super) fn new(report: &Report, language: Language) -> Self {
        let words = language.phrases();
        let total: f64 = report.phases.iter().map(|phase| phase.seconds).sum();
        let longest = report
            .phases
            .iter()
            .map(|phase| phase.seconds)
            .fold(0.0, f64::max);
        let row = |phase: &crate::Phase| Row {
            name: phase.name.clone(),
            description: (words.describe_phase)(&phase.name),
            time: language.duration(phase.seconds),
            share: language.percent(phase.seconds / total.max(f64::MIN_POSITIVE), 0),
            rate: match phase.images as f64 / phase.seconds {
                rate if rate.is_finite() => language.decimal(rate, 0),
                _ => "–".to_string(),
            },
            bar: Bar::new(phase.seconds, 0.0, longest),
        };
        Self {
            rows: report.phases.iter().map(row).collect(),
            total: language.duration(total),
        }
    }
}
