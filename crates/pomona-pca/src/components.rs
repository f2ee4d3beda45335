//! How many components to keep: a count, or the variance to keep.

use crate::PcaError;

/// How many components to keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Components {
    /// This many, from 1 to `min(n, d)`.
    Count(usize),
    /// The fewest whose variance together exceeds this fraction of the total, strictly between 0
    /// and 1: scikit-learn's `n_components` below 1.
    Variance(f64),
}

impl Components {
    /// The number of components to keep of `n` rows whose `d` variance ratios are given, in
    /// descending order.
    ///
    /// A fraction gives scikit-learn's `searchsorted(cumsum(ratio), fraction, side='right') + 1`,
    /// where the sum runs from the largest ratio on; it is held to `min(n, d)`, which rounding
    /// alone could exceed.
    pub(crate) fn resolve(self, n: u64, ratio: &[f64]) -> Result<usize, PcaError> {
        let d = ratio.len();
        let largest = usize::try_from(n).map_or(d, |n| n.min(d));
        match self {
            Self::Count(k) if (1..=largest).contains(&k) => Ok(k),
            Self::Count(0) => Err(PcaError::InvalidComponents { value: "0".into() }),
            Self::Count(requested) => Err(PcaError::TooManyComponents {
                requested,
                samples: n,
                dimension: d,
                largest,
            }),
            Self::Variance(fraction) if fraction > 0.0 && fraction < 1.0 => {
                if ratio.iter().all(|&ratio| ratio == 0.0) {
                    return Err(PcaError::NoVariance { count: n });
                }
                let below = ratio
                    .iter()
                    .scan(0.0, |sum, ratio| {
                        *sum += ratio;
                        Some(*sum)
                    })
                    .take_while(|&sum| sum <= fraction)
                    .count();
                Ok(usize::min(below + 1, largest))
            }
            Self::Variance(fraction) => Err(PcaError::InvalidComponents {
                value: fraction.to_string(),
            }),
        }
    }
}

/// A whole number of at least 1 is a count, a fraction between 0 and 1 the variance to keep.
impl TryFrom<f64> for Components {
    type Error = PcaError;

    fn try_from(value: f64) -> Result<Self, PcaError> {
        if value > 0.0 && value < 1.0 {
            Ok(Self::Variance(value))
        } else if value >= 1.0 && value.fract() == 0.0 && value <= f64::from(u32::MAX) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_counts_and_fractions_variances() {
        assert_eq!(Components::try_from(50_i64), Ok(Components::Count(50)));
        assert_eq!(Components::try_from(50.0), Ok(Components::Count(50)));
        assert_eq!(Components::try_from(1.0), Ok(Components::Count(1)));
        assert_eq!(Components::try_from(0.95), Ok(Components::Variance(0.95)));
    }

    #[test]
    fn anything_else_is_refused_with_a_way_out() {
        for value in [0.0, -0.5, 1.5, f64::NAN, f64::INFINITY, -3.0, 1e300] {
            let error = Components::try_from(value).unwrap_err();
            assert!(
                error.to_string().contains("a whole number of at least 1"),
                "{error}"
            );
        }
        assert!(Components::try_from(0_i64).is_err());
        assert!(Components::try_from(-1_i64).is_err());
    }

    #[test]
    fn a_fraction_met_exactly_takes_one_more() {
        // These sums are exact in binary, so equality is reached: side='right' goes past it.
        let ratio = [0.5, 0.25, 0.125, 0.125];
        assert_eq!(Components::Variance(0.5).resolve(9, &ratio), Ok(2));
        assert_eq!(Components::Variance(0.499).resolve(9, &ratio), Ok(1));
        assert_eq!(Components::Variance(0.75).resolve(9, &ratio), Ok(3));
        assert_eq!(Components::Variance(0.999).resolve(9, &ratio), Ok(4));
        assert_eq!(Components::Variance(0.999).resolve(3, &ratio), Ok(3));
    }

    #[test]
    fn a_count_is_held_to_rows_and_features() {
        let ratio = [0.6, 0.3, 0.1];
        assert_eq!(Components::Count(3).resolve(3, &ratio), Ok(3));
        let error = Components::Count(3).resolve(2, &ratio).unwrap_err();
        assert_eq!(
            error,
            PcaError::TooManyComponents {
                requested: 3,
                samples: 2,
                dimension: 3,
                largest: 2
            }
        );
        assert!(Components::Count(4).resolve(99, &ratio).is_err());
        assert!(Components::Count(0).resolve(99, &ratio).is_err());
        assert!(Components::Variance(1.0).resolve(99, &ratio).is_err());
        assert_eq!(
            Components::Variance(0.5).resolve(7, &[0.0; 3]),
            Err(PcaError::NoVariance { count: 7 })
        );
    }
}
