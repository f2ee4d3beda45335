//! The pictures without features, by their reasons.

use crate::{Language, Report};

pub(super) struct Section<'a> {
    pub(super) text: String,
    pub(super) reasons: Vec<Row<'a>>,
    /// What stands below the reasons where some are left out.
    pub(super) others: Option<String>,
}

pub(super) struct Row<'a> {
    pub(super) reason: &'a str,
    pub(super) images: String,
    pub(super) paths: &'a [String],
    pub(super) others: Option<String>,
}

impl<'a> Section<'a> {
    pub(super) fn new(report: &'a Report, language: Language) -> Self {
        let words = language.phrases();
        let counts = &report.counts;
        let images = language.count(counts.images);
        let share = counts.errors as f64 / counts.images.max(1) as f64;
        let listed = report.errors.reasons.len() as u64;
        let left = report.errors.total_reasons.saturating_sub(listed);
        let rows = report.errors.reasons.iter().map(|reason| {
            let left = reason.images.saturating_sub(reason.paths.len() as u64);
            Row {
                reason: &reason.reason,
                images: language.count(reason.images),
                paths: &reason.paths,
                others: (left > 0).then(|| (words.and_others)(&language.count(left))),
            }
        });
        Self {
            text: match counts.errors {
                0 => (words.no_errors)(&images),
                errors => {
                    let errors = language.count(errors);
                    (words.errors_text)(&errors, &images, &language.percent(share, 2))
                }
            },
            reasons: rows.collect(),
            others: (left > 0).then(|| (words.other_reasons)(&language.count(left))),
        }
    }
}
