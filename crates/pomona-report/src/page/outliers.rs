//! The pictures that the kept components describe worst.

use super::Shown;
use crate::{Language, Report};

pub(super) struct Section<'a> {
    pub(super) text: String,
    pub(super) worst: Vec<Card<'a>>,
}

pub(super) struct Card<'a> {
    pub(super) picture: Shown<'a>,
    pub(super) error: String,
    pub(super) share: String,
}

impl<'a> Section<'a> {
    pub(super) fn new(report: &'a Report, language: Language) -> Self {
        let words = language.phrases();
        let outliers = &report.outliers;
        let total = language.count(outliers.total);
        let card = |outlier: &crate::Outlier| Card {
            picture: Shown::new(&report.pictures[outlier.picture], words),
            error: (words.outlier_error)(&language.significant(outlier.error)),
            share: (words.outlier_share)(&language.percent(outlier.share, 0)),
        };
        Self {
            text: match outliers.worst.is_empty() {
                true => words.no_outliers.to_string(),
                false => (words.outliers_text)(&total, &language.significant(outliers.median)),
            },
            worst: outliers.worst.iter().map(card).collect(),
        }
    }
}
