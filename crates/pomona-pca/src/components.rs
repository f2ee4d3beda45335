//! [`Components`]: how many components to keep.

use std::fmt;
use std::str::FromStr;

use crate::PcaError;

/// The prefix of the text of [`Components::AtMost`].
const AT_MOST: &str = "at most ";

/// How many components to keep.
///
/// As text, which [`FromStr`] reads and [`Display`](fmt::Display) writes:
///
/// | text | meaning |
/// |---|---|
/// | `50` | [`Count`](Self::Count) |
/// | `at most 50` | [`AtMost`](Self::AtMost) |
/// | `0.95` | [`Share`](Self::Share) |
///
/// Values are equal if they mean the same number: `0.95` and `0.950` are, and so are `50` and `50.0`.
///
/// ```
/// use pomona_pca::Components;
///
/// assert_eq!("0.950".parse(), Ok(Components::Share(0.95)));
/// assert_eq!("at most 50".parse(), Ok(Components::AtMost(50)));
/// assert_eq!(Components::Count(50).to_string(), "50");
/// # Ok::<(), pomona_pca::PcaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Components {
    /// This many, from 1 to `min(n, d)` for n rows of d features.
    Count(usize),
    /// This many, or `min(n, d)` if that is less.
    AtMost(usize),
    /// The fewest whose variance together exceeds this share of the total, strictly between 0 and 1:
    /// scikit-learn's `n_components` below 1.
    Share(f64),
}

impl Components {
    /// The most components that `rows` rows of `features` features have: `min(rows, features)`, as in
    /// scikit-learn.
    pub fn possible(rows: u64, features: usize) -> usize {
        usize::try_from(rows).map_or(features, |rows| rows.min(features))
    }

    /// Checks that `rows` rows of `features` features can have so many components, before any row is
    /// read.
    ///
    /// # Errors
    ///
    /// [`PcaError::TooManyComponents`] with the largest count that is possible, and
    /// [`PcaError::InvalidComponents`] for a count of 0 or a share outside (0, 1).
    pub fn check(self, rows: u64, features: usize) -> Result<(), PcaError> {
        let possible = Self::possible(rows, features);
        match self {
            Self::Count(0) | Self::AtMost(0) => Err(self.invalid()),
            Self::Count(asked) if asked > possible => Err(PcaError::TooManyComponents {
                asked,
                possible,
                rows,
                features,
            }),
            Self::Share(share) if !(share > 0.0 && share < 1.0) => Err(self.invalid()),
            _ => Ok(()),
        }
    }

    /// The number of components to keep of `rows` rows with these d variance ratios, in descending
    /// order.
    ///
    /// A share is scikit-learn's `searchsorted(cumsum(ratio), share, side='right') + 1`, where the sum
    /// runs from the largest ratio on; it is limited to `min(n, d)`, which only rounding could exceed.
    pub(crate) fn resolve(self, rows: u64, ratio: &[f64]) -> Result<usize, PcaError> {
        self.check(rows, ratio.len())?;
        let possible = Self::possible(rows, ratio.len());
        match self {
            Self::Count(count) => Ok(count),
            Self::AtMost(count) => Ok(count.min(possible)),
            Self::Share(share) => {
                if ratio.iter().all(|&ratio| ratio == 0.0) {
                    return Err(PcaError::NoVariance { count: rows });
                }
                let below = ratio
                    .iter()
                    .scan(0.0, |sum, ratio| {
                        *sum += ratio;
                        Some(*sum)
                    })
                    .take_while(|&sum| sum <= share)
                    .count();
                Ok(usize::min(below + 1, possible))
            }
        }
    }

    fn invalid(self) -> PcaError {
        PcaError::InvalidComponents {
            value: self.to_string(),
        }
    }
}

/// A whole number above 1 is a count, a fraction between 0 and 1 the share of the variance. `1.0` is
/// refused, as by scikit-learn: one component and the whole variance are both meant by it.
impl TryFrom<f64> for Components {
    type Error = PcaError;

    fn try_from(value: f64) -> Result<Self, PcaError> {
        if value > 0.0 && value < 1.0 {
            Ok(Self::Share(value))
        } else if value > 1.0 && value.fract() == 0.0 && value <= f64::from(u32::MAX) {
            Ok(Self::Count(value as usize))
        } else {
            Err(PcaError::InvalidComponents {
                value: value.to_string(),
            })
        }
    }
}

/// A number of at least 1 is a count.
impl TryFrom<i64> for Components {
    type Error = PcaError;

    fn try_from(value: i64) -> Result<Self, PcaError> {
        match usize::try_from(value) {
            Ok(count) if count >= 1 => Ok(Self::Count(count)),
            _ => Err(PcaError::InvalidComponents {
                value: value.to_string(),
            }),
        }
    }
}

/// Reads the text forms of the table above; blanks around them are ignored.
impl FromStr for Components {
    type Err = PcaError;

    fn from_str(text: &str) -> Result<Self, PcaError> {
        let invalid = || PcaError::InvalidComponents {
            value: format!("'{text}'"),
        };
        let number = |text: &str| match text.parse::<i64>() {
            Ok(count) => Self::try_from(count),
            Err(_) => Self::try_from(text.parse::<f64>().map_err(|_| invalid())?),
        };
        let components = match text.trim().strip_prefix(AT_MOST) {
            Some(most) => match number(most.trim()) {
                Ok(Self::Count(most)) => Ok(Self::AtMost(most)),
                _ => Err(invalid()),
            },
            None => number(text.trim()),
        };
        components.map_err(|_| invalid())
    }
}

impl fmt::Display for Components {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(formatter, "{count}"),
            Self::AtMost(count) => write!(formatter, "{AT_MOST}{count}"),
            Self::Share(share) => write!(formatter, "{share}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_counts_and_fractions_shares() {
        assert_eq!(Components::try_from(50_i64), Ok(Components::Count(50)));
        assert_eq!(Components::try_from(50.0), Ok(Components::Count(50)));
        assert_eq!(Components::try_from(1_i64), Ok(Components::Count(1)));
        assert_eq!(Components::try_from(0.95), Ok(Components::Share(0.95)));
    }

    #[test]
    fn text_is_read_and_written_back() {
        for (text, components, written) in [
            ("50", Components::Count(50), "50"),
            ("50.0", Components::Count(50), "50"),
            (" 1 ", Components::Count(1), "1"),
            ("at most 50", Components::AtMost(50), "at most 50"),
            ("at most  7", Components::AtMost(7), "at most 7"),
            ("0.95", Components::Share(0.95), "0.95"),
            ("0.950", Components::Share(0.95), "0.95"),
            (".5", Components::Share(0.5), "0.5"),
            ("1e-3", Components::Share(0.001), "0.001"),
        ] {
            let read: Components = text.parse().unwrap();
            assert_eq!(read, components, "{text}");
            assert_eq!(read.to_string(), written);
            assert_eq!(written.parse(), Ok(components));
        }
    }

    #[test]
    fn anything_else_is_refused_with_a_way_out() {
        for value in [0.0, -0.5, 1.0, 1.5, f64::NAN, f64::INFINITY, -3.0, 1e300] {
            let error = Components::try_from(value).unwrap_err();
            assert!(
                error.to_string().contains("a whole number of at least 1"),
                "{error}"
            );
        }
        assert!(Components::try_from(0_i64).is_err());
        assert!(Components::try_from(-1_i64).is_err());
        for text in [
            "",
            "two",
            "0",
            "-1",
            "1.0",
            "0.99999999999999999",
            "1.5",
            "NaN",
            "inf",
            "at most",
            "at most 0",
            "at most 0.5",
            "at most at most 5",
        ] {
            let error = text.parse::<Components>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("'{text}' is not")), "{error}");
        }
    }

    #[test]
    fn a_share_met_exactly_takes_one_more() {
        // These sums are exact in binary, so equality is reached: side='right' goes past it.
        let ratio = [0.5, 0.25, 0.125, 0.125];
        assert_eq!(Components::Share(0.5).resolve(9, &ratio), Ok(2));
        assert_eq!(Components::Share(0.499).resolve(9, &ratio), Ok(1));
        assert_eq!(Components::Share(0.75).resolve(9, &ratio), Ok(3));
        assert_eq!(Components::Share(0.999).resolve(9, &ratio), Ok(4));
        assert_eq!(Components::Share(0.999).resolve(3, &ratio), Ok(3));
    }

    #[test]
    fn a_count_is_held_to_rows_and_features() {
        let ratio = [0.6, 0.3, 0.1];
        assert_eq!(Components::Count(3).resolve(3, &ratio), Ok(3));
        let error = Components::Count(3).resolve(2, &ratio).unwrap_err();
        assert_eq!(
            error,
            PcaError::TooManyComponents {
                asked: 3,
                possible: 2,
                rows: 2,
                features: 3,
            }
        );
        assert_eq!(Components::Count(3).check(2, 3), Err(error));
        assert!(Components::Count(4).resolve(99, &ratio).is_err());
        assert!(Components::Count(0).resolve(99, &ratio).is_err());
        assert!(Components::Share(1.0).resolve(99, &ratio).is_err());
        assert!(Components::Share(f64::NAN).resolve(99, &ratio).is_err());
        assert_eq!(
            Components::Share(0.5).resolve(7, &[0.0; 3]),
            Err(PcaError::NoVariance { count: 7 })
        );
    }

    #[test]
    fn at_most_takes_what_there_is() {
        let ratio = [0.6, 0.3, 0.1];
        assert_eq!(Components::AtMost(50).resolve(2, &ratio), Ok(2));
        assert_eq!(Components::AtMost(50).resolve(99, &ratio), Ok(3));
        assert_eq!(Components::AtMost(2).resolve(99, &ratio), Ok(2));
        assert_eq!(Components::AtMost(50).check(0, 3), Ok(()));
        assert!(Components::AtMost(0).resolve(99, &ratio).is_err());
    }
}
