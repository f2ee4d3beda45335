//! The spectrum: two charts, and the number of components that reach the usual levels.

use maud::{Markup, html};

use super::titled;
use crate::charts::{Cumulative, LEVELS, Scree, components_for};
use crate::{Language, Variance};

pub(super) fn section(variance: &Variance, language: Language) -> Markup {
    let words = language.phrases();
    let content = match variance.ratios.iter().sum::<f64>() > 0.0 {
        true => spectrum(variance, language),
        false => html! { p { (words.no_variance) } },
    };
    titled("variance", words.variance, content)
}

fn spectrum(variance: &Variance, language: Language) -> Markup {
    let words = language.phrases();
    let samples = language.count(variance.samples);
    let dimensions = language.count(variance.ratios.len() as u64);
    let level = |level: f64| {
        let components = components_for(&variance.ratios, level)?;
        let components = language.count(components as u64);
        Some((language.percent(level, 0), components))
    };
    let levels: Vec<_> = LEVELS.into_iter().filter_map(level).collect();
    html! {
        p { ((words.variance_text)(&samples, &dimensions)) }
        div.pair-of-charts {
            figure { figcaption { (words.scree) } (Scree::new(variance, language)) }
            figure { figcaption { (words.cumulative) } (Cumulative::new(variance, language)) }
        }
        table.levels {
            thead {
                tr {
                    th scope="row" { (words.share_of_variance) }
                    @for (level, _) in &levels { th scope="col" { (level) } }
                }
            }
            tbody {
                tr {
                    th scope="row" { (words.components_for) }
                    @for (_, components) in &levels { td { (components) } }
                }
            }
        }
    }
}
