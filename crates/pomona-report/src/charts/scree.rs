//! [`Scree`]: the variance of each of the first components.
//!
//! R. B. Cattell, "The Scree Test For The Number Of Factors", 1966,
//! <https://doi.org/10.1207/s15327906mbr0102_10>.

use maud::{Markup, Render, html};

use super::axis::{Axis, Tick, across, up};
use super::{Px, WIDE};
use crate::phrases::Phrases;
use crate::{Language, Variance};

/// The most components that are drawn: more bars than these are too thin to be seen.
const MOST: usize = 50;

/// Bars of the variance of the first components.
pub(crate) struct Scree<'a> {
    words: &'a Phrases,
    description: String,
    bars: Vec<ScreeBar>,
    across: Vec<Tick>,
    up: Vec<Tick>,
}

struct ScreeBar {
    x: Px,
    y: Px,
    width: Px,
    height: Px,
    is_kept: bool,
    text: String,
}

impl<'a> Scree<'a> {
    /// The chart of a spectrum that is not all zeros.
    pub(crate) fn new(variance: &Variance, language: Language) -> Self {
        let words = language.phrases();
        let shown = variance.ratios.len().min(MOST);
        let ratios = &variance.ratios[..shown];
        let highest = ratios.first().copied().unwrap_or(0.0);
        let height = Axis::new((0.0, highest * 1.05), (WIDE.bottom, WIDE.top));
        let length = Axis::new((0.5, shown as f64 + 0.5), (WIDE.left, WIDE.right));
        let width = (WIDE.right - WIDE.left) / shown.max(1) as f64;
        let bars = ratios
            .iter()
            .enumerate()
            .map(|(index, &ratio)| {
                let top = height.at(ratio);
                let number = language.count(index as u64 + 1);
                ScreeBar {
                    x: Px(WIDE.left + (index as f64 + 0.12) * width),
                    y: top,
                    width: Px(0.76 * width),
                    height: Px(WIDE.bottom - top.0),
                    is_kept: index < variance.kept,
                    text: format!(
                        "{} {number} · {}",
                        words.component,
                        language.percent(ratio, 2)
                    ),
                }
            })
            .collect();
        let last = ratios.last().copied().unwrap_or(0.0);
        Self {
            words,
            description: (words.scree_description)(
                &language.count(shown as u64),
                &language.percent(highest, 1),
                &language.percent(last, 2),
            ),
            bars,
            across: whole_ticks(&length, shown, language),
            up: height.ticks(4, |ratio, decimals| {
                language.percent(ratio, decimals.saturating_sub(2))
            }),
        }
    }
}

impl Render for Scree<'_> {
    fn render(&self) -> Markup {
        html! {
            svg.chart viewBox={ "0 0 " (Px(WIDE.width)) " " (Px(WIDE.height)) } role="img" aria-labelledby="scree-title scree-description" {
                title id="scree-title" { (self.words.scree) }
                desc id="scree-description" { (self.description) }
                (up(&WIDE, &self.up))
                @for bar in &self.bars {
                    rect.kept[bar.is_kept].rest[!bar.is_kept] x=(bar.x) y=(bar.y) width=(bar.width) height=(bar.height) {
                        title { (bar.text) }
                    }
                }
                (across(&WIDE, &self.across, self.words.component))
            }
        }
    }
}

/// Ticks at the first component and at round numbers after it.
fn whole_ticks(axis: &Axis, shown: usize, language: Language) -> Vec<Tick> {
    let step = match shown {
        0..=10 => 1,
        11..=20 => 5,
        _ => 10,
    };
    (1..=shown)
        .filter(|number| *number == 1 || number.is_multiple_of(step))
        .map(|number| Tick {
            at: axis.at(number as f64),
            text: language.count(number as u64),
        })
        .collect()
}
