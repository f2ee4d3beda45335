//! [`Axis`]: maps values to coordinates, with ticks at round values.

use maud::{Markup, html};

use super::{Frame, Px};

/// A linear axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    values: (f64, f64),
    places: (f64, f64),
}

/// A tick of an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    /// Its place along the axis.
    pub(crate) at: Px,
    /// Its value as it is written.
    pub(crate) text: String,
}

impl Axis {
    /// An axis that maps the first value to the first place and the last to the last.
    pub(crate) fn new(values: (f64, f64), places: (f64, f64)) -> Self {
        Self { values, places }
    }

    /// The place of a value. An axis of a single value puts everything in its middle.
    pub(crate) fn at(&self, value: f64) -> Px {
        let (from, to) = self.values;
        let part = if to > from {
            (value - from) / (to - from)
        } else {
            0.5
        };
        Px(self.places.0 + part * (self.places.1 - self.places.0))
    }

    /// About `count` ticks at round values. `write` formats a value with the number of decimals that the
    /// ticks need.
    pub(crate) fn ticks(&self, count: usize, write: impl Fn(f64, usize) -> String) -> Vec<Tick> {
        let (from, to) = self.values;
        let step = round_step((to - from) / count.max(1) as f64);
        if !step.is_finite() || step <= 0.0 {
            return vec![];
        }
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let first = (from / step).ceil() as i64;
        let last = (to / step + 1e-9).floor() as i64;
        (first..=last)
            .map(|number| {
                let value = number as f64 * step;
                Tick {
                    at: self.at(value),
                    text: write(value, decimals),
                }
            })
            .collect()
    }
}

/// The ticks of the vertical axis, each with a line across the plot.
pub(crate) fn up(frame: &Frame, ticks: &[Tick]) -> Markup {
    html! {
        @for tick in ticks {
            path.grid d={ "M" (Px(frame.left)) "," (tick.at) "H" (Px(frame.right)) } {}
            text.tick x=(Px(frame.left - 6.0)) y=(tick.at) dy=".35em" text-anchor="end" { (tick.text) }
        }
    }
}

/// The horizontal axis with its ticks and its name.
pub(crate) fn across(frame: &Frame, ticks: &[Tick], name: &str) -> Markup {
    html! {
        path.axis d={ "M" (Px(frame.left)) "," (Px(frame.bottom)) "H" (Px(frame.right)) } {}
        @for tick in ticks {
            text.tick x=(tick.at) y=(Px(frame.bottom + 19.0)) text-anchor="middle" { (tick.text) }
        }
        text.axis-name x=(Px((frame.left + frame.right) / 2.0)) y=(Px(frame.height - 9.0)) text-anchor="middle" {
            (name)
        }
    }
}

/// The nearest of 1, 2 and 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = match step / power {
        part if part < 1.5 => 1.0,
        part if part < 3.5 => 2.0,
        part if part < 7.5 => 5.0,
        _ => 10.0,
    };
    factor * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: (f64, f64), count: usize) -> Vec<String> {
        let axis = Axis::new(values, (0.0, 100.0));
        let write = |value: f64, decimals: usize| format!("{value:.decimals$}");
        axis.ticks(count, write)
            .into_iter()
            .map(|tick| tick.text)
            .collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(
            texts((0.0, 1.0), 5),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(texts((-7.3, 12.9), 4), ["-5", "0", "5", "10"]);
        assert_eq!(texts((0.0, 0.13), 3), ["0.00", "0.05", "0.10"]);
        assert_eq!(texts((3.0, 3.0), 5), [""; 0]);
    }

    #[test]
    fn values_have_places() {
        let axis = Axis::new((0.0, 10.0), (200.0, 100.0));
        assert_eq!(axis.at(2.5), Px(175.0));
        assert_eq!(Axis::new((1.0, 1.0), (0.0, 10.0)).at(1.0), Px(5.0));
    }
}
