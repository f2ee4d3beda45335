//! The spectrum: two charts, and the components that the usual levels take.

use crate::charts::{Cumulative, LEVELS, Scree, components_for};
use crate::{Language, Variance};

pub(super) struct Section<'a> {
    pub(super) text: String,
    /// None where there is no variance.
    pub(super) charts: Option<Charts<'a>>,
}

pub(super) struct Charts<'a> {
    pub(super) scree: Scree<'a>,
    pub(super) cumulative: Cumulative<'a>,
    /// A level and the components that it takes.
    pub(super) levels: Vec<(String, String)>,
}

impl Section<'_> {
    pub(super) fn new(variance: &Variance, language: Language) -> Self {
        let words = language.phrases();
        if variance.ratios.iter().sum::<f64>() <= 0.0 {
            return Self {
                text: words.no_variance.to_string(),
                charts: None,
            };
        }
        let level = |level: f64| {
            let components = components_for(&variance.ratios, level)?;
            Some((
                language.percent(level, 0),
                language.count(components as u64),
            ))
        };
        Self {
            text: (words.variance_text)(
                &language.count(variance.samples),
                &language.count(variance.ratios.len() as u64),
            ),
            charts: Some(Charts {
                scree: Scree::new(variance, language),
                cumulative: Cumulative::new(variance, language),
                levels: LEVELS.into_iter().filter_map(level).collect(),
            }),
        }
    }
}
