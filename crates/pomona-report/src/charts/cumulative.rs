//! [`Cumulative`]: how much variance the first k components explain together.

use maud::{Markup, Render, html};

use super::axis::{Axis, Tick, across, up};
use super::{Px, WIDE};
use crate::phrases::Phrases;
use crate::{Language, Variance};

/// The shares of the variance that people ask for.
pub(crate) const LEVELS: [f64; 4] = [0.80, 0.90, 0.95, 0.99];

/// How many of the first components explain at least `level` of the variance, as scikit-learn
/// chooses them for `PCA(n_components=level)` up to equality; `None` where there is no variance.
pub(crate) fn components_for(ratios: &[f64], level: f64) -> Option<usize> {
    let mut sum = 0.0;
    // Sums of a thousand shares have rounding errors.
    let enough = ratios.iter().position(|ratio| {
        sum += ratio;
        sum >= level - 1e-12
    });
    enough.map(|index| index + 1)
}

/// A curve of the cumulative variance, with the levels that it reaches.
pub(crate) struct Cumulative<'a> {
    words: &'a Phrases,
    description: String,
    curve: String,
    area: String,
    levels: Vec<Level>,
    kept: Kept,
    across: Vec<Tick>,
    up: Vec<Tick>,
}

struct Level {
    x: Px,
    y: Px,
    text: String,
}

struct Kept {
    x: Px,
    y: Px,
    text: String,
    /// Whether the label stands left of its line, because there is no room right of it.
    is_left: bool,
}

impl<'a> Cumulative<'a> {
    /// The chart of a spectrum that is not all zeros.
    pub(crate) fn new(variance: &Variance, language: Language) -> Self {
        let words = language.phrases();
        let ratios = &variance.ratios;
        let last_level = LEVELS[LEVELS.len() - 1];
        let most = components_for(ratios, last_level).unwrap_or(ratios.len());
        // A little beyond the components that explain 99%, and at least those that were kept.
        let shown = (most + most / 10 + 1)
            .max(variance.kept)
            .min(ratios.len())
            .max(1);
        let length = Axis::new((0.0, shown as f64), (WIDE.left, WIDE.right));
        let height = Axis::new((0.0, 1.0), (WIDE.bottom, WIDE.top));

        let mut sum = 0.0;
        let mut curve = format!("M{},{}", length.at(0.0), height.at(0.0));
        let mut kept_share = 0.0;
        for (index, ratio) in ratios[..shown].iter().enumerate() {
            sum += ratio;
            if index < variance.kept {
                kept_share = sum;
            }
            curve += &format!("L{},{}", length.at(index as f64 + 1.0), height.at(sum));
        }
        let area = format!("{curve}V{}H{}Z", height.at(0.0), length.at(0.0));
        let levels: Vec<Level> = LEVELS
            .iter()
            .filter_map(|&level| {
                let components = components_for(ratios, level)?;
                let number = language.count(components as u64);
                Some(Level {
                    x: length.at(components as f64),
                    y: height.at(level),
                    text: (words.level_of)(&language.percent(level, 0), &number),
                })
            })
            .collect();
        let texts: Vec<_> = levels.iter().map(|level| level.text.as_str()).collect();
        let kept = length.at(variance.kept as f64);
        Self {
            words,
            description: (words.cumulative_description)(&texts.join(", ")),
            kept: Kept {
                x: kept,
                y: height.at(kept_share),
                text: format!(
                    "{} · {}",
                    (words.kept_mark)(&language.count(variance.kept as u64)),
                    language.percent(kept_share, 1)
                ),
                is_left: kept.0 > 0.6 * (WIDE.left + WIDE.right),
            },
            curve,
            area,
            levels,
            across: length.ticks(5, |value, decimals| language.decimal(value, decimals)),
            up: height.ticks(5, |share, _| language.percent(share, 0)),
        }
    }
}

impl Render for Cumulative<'_> {
    fn render(&self) -> Markup {
        let (left, bottom) = (Px(WIDE.left), Px(WIDE.bottom));
        let kept = &self.kept;
        html! {
            svg.chart viewBox={ "0 0 " (Px(WIDE.width)) " " (Px(WIDE.height)) } role="img" aria-labelledby="cumulative-title cumulative-description" {
                title id="cumulative-title" { (self.words.cumulative) }
                desc id="cumulative-description" { (self.description) }
                (up(&WIDE, &self.up))
                path.area d=(self.area) {}
                @for level in &self.levels {
                    path.level d={ "M" (left) "," (level.y) "H" (level.x) "V" (bottom) } {}
                }
                path.kept-line d={ "M" (kept.x) "," (bottom) "V" (kept.y) } {}
                path.curve d=(self.curve) {}
                @for level in &self.levels {
                    circle.level-dot cx=(level.x) cy=(level.y) r="3.5" { title { (level.text) } }
                }
                circle.kept-dot cx=(kept.x) cy=(kept.y) r="4.5" { title { (kept.text) } }
                text.note x=(kept.x) y=(Px(WIDE.bottom - 10.0)) dx=(if kept.is_left { "-8" } else { "8" }) text-anchor=[kept.is_left.then_some("end")] {
                    (kept.text)
                }
                (across(&WIDE, &self.across, self.words.components))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_counted_to_the_level() {
        let ratios = [0.5, 0.3, 0.1, 0.06, 0.04];
        let counts = LEVELS.map(|level| components_for(&ratios, level));
        assert_eq!(counts, [Some(2), Some(3), Some(4), Some(5)]);
        assert_eq!(components_for(&[0.0; 3], 0.8), None);
    }
}
