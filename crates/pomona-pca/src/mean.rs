//! [`Mean`]: means with twice the digits of `f64`, so that distances between means keep theirs.

/// The mean of each feature, as the unevaluated sum of two `f64` (Dekker, "A floating-point technique
/// for extending the available precision", Numerische Mathematik 18 (1971), 224-242,
/// <https://doi.org/10.1007/BF01397083>).
///
/// Moments are merged by the distance of their means. For means near 1e9, `f64` has an error of 1e-7
/// in that distance, far more than the products of features with a spread of 1 allow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mean {
    high: Vec<f64>,
    /// The rounding error of `high`.
    low: Vec<f64>,
}

impl Mean {
    /// Zeros.
    pub(crate) fn new(dimension: usize) -> Self {
        Self {
            high: vec![0.0; dimension],
            low: vec![0.0; dimension],
        }
    }

    /// The sum of two vectors of one length.
    pub(crate) fn from_sum(mut high: Vec<f64>, mut low: Vec<f64>) -> Self {
        assert_eq!(high.len(), low.len());
        for (high, low) in high.iter_mut().zip(&mut low) {
            (*high, *low) = two_sum(*high, *low);
        }
        Self { high, low }
    }

    /// Features.
    pub(crate) fn dimension(&self) -> usize {
        self.high.len()
    }

    /// The mean, rounded to `f64`.
    pub(crate) fn high(&self) -> &[f64] {
        &self.high
    }

    /// The rounded mean, and its rounding error.
    pub(crate) fn into_parts(self) -> (Vec<f64>, Vec<f64>) {
        (self.high, self.low)
    }

    /// Numbers allocated.
    pub(crate) fn capacity(&self) -> usize {
        self.high.capacity() + self.low.capacity()
    }

    /// Moves the mean of one feature `share` of the way to `target`, the sum of two numbers, and
    /// returns how far away it was.
    pub(crate) fn approach(&mut self, feature: usize, target: (f64, f64), share: f64) -> f64 {
        let (high, low) = (&mut self.high[feature], &mut self.low[feature]);
        let distance = (target.0 - *high) + (target.1 - *low);
        (*high, *low) = if share == 1.0 {
            // The first rows: assign the target, since its distance from zero would lose digits.
            two_sum(target.0, target.1)
        } else {
            sum(*high, *low, distance * share)
        };
        distance
    }

    /// The distance to another mean, feature by feature.
    pub(crate) fn distance(&self, to: &Self) -> Vec<f64> {
        let mine = self.high.iter().zip(&self.low);
        let theirs = to.high.iter().zip(&to.low);
        mine.zip(theirs)
            .map(|((high, low), (to_high, to_low))| (to_high - high) + (to_low - low))
            .collect()
    }

    /// Adds `weight * distance`.
    pub(crate) fn shift(&mut self, distance: &[f64], weight: f64) {
        let mean = self.high.iter_mut().zip(&mut self.low);
        for ((high, low), distance) in mean.zip(distance) {
            (*high, *low) = sum(*high, *low, distance * weight);
        }
    }
}

/// `high + low + added` as two numbers.
fn sum(high: f64, low: f64, added: f64) -> (f64, f64) {
    let (high, error) = two_sum(high, added);
    two_sum(high, low + error)
}

/// The rounded sum of two numbers and its exact rounding error (Knuth, The Art of
/// Computer Programming, volume 2, section 4.2.2, theorem B).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_below_the_mean_is_kept() {
        let mut mean = Mean::from_sum(vec![1e9], vec![1e-9]);
        for _ in 0..1000 {
            mean.shift(&[1e-12], 1.0);
        }
        let start = Mean::from_sum(vec![1e9], vec![0.0]);
        let distance = start.distance(&mean)[0];
        assert!((distance - 2e-9).abs() < 1e-22, "{distance:e}");
        assert_eq!(mean.high(), [1e9]);
    }

    #[test]
    fn the_first_rows_set_the_mean() {
        let mut mean = Mean::new(1);
        assert_eq!(mean.approach(0, (1e9, 1e-9), 1.0), 1e9);
        assert_eq!(mean.into_parts(), (vec![1e9], vec![1e-9]));
    }

    #[test]
    fn a_share_of_the_way_is_walked() {
        let mut mean = Mean::from_sum(vec![1e9], vec![1e-9]);
        let distance = mean.approach(0, (1e9 + 1.0, 0.0), 0.25);
        assert_eq!(distance, 1.0 - 1e-9);
        let (high, low) = mean.into_parts();
        assert_eq!(high, [1e9 + 0.25]);
        assert!((low[0] - 0.75e-9).abs() < 1e-16);
    }
}
