//! Sturm sequences: eigenvalues of a symmetric tridiagonal matrix to the last digit.
//!
//! QR iteration without vectors leaves errors that grow with the order, some 1e-14 of the largest
//! eigenvalue for 1280. How many eigenvalues lie below a number can be counted with an error of a few
//! roundings whatever the order (Barth, Martin and Wilkinson, "Calculation of the eigenvalues of a
//! symmetric tridiagonal matrix by the method of bisection", Numerische Mathematik 9 (1967), 386-393,
//! <https://doi.org/10.1007/BF02162154>), and bisection from an approximate eigenvalue needs few counts.

use pulp::{Arch, NullaryFnOnce};

use super::inverse::Tridiagonal;

/// Numbers whose counts are computed together, because each division waits for the one before it.
const LANES: usize = 32;

/// Half of the first interval, in relation to the largest sum of a row.
const NEAR: f64 = 256.0 * f64::EPSILON;

/// Most times that an interval without its eigenvalue is widened fourfold.
const WIDENINGS: usize = 8;

/// Refines ascending approximate eigenvalues. One that has no eigenvalue near it is left unchanged.
pub(super) fn refine(matrix: &Tridiagonal<'_>, values: &mut [f64]) {
    let norm = matrix.norm();
    let squares: Vec<f64> = matrix
        .off_diagonal
        .iter()
        .map(|off_diagonal| f64::max(off_diagonal * off_diagonal, f64::MIN_POSITIVE))
        .collect();
    for (chunk, values) in values.chunks_mut(LANES).enumerate() {
        let mut places = [f64::INFINITY; LANES];
        let mut guesses = [values[0]; LANES];
        for (lane, &value) in values.iter().enumerate() {
            places[lane] = (chunk * LANES + lane) as f64;
            guesses[lane] = value;
        }
        let count = |at: &[f64; LANES]| {
            Arch::new().dispatch(Count {
                diagonal: matrix.diagonal,
                squares: &squares,
                at,
            })
        };
        let mut low = guesses;
        let mut high = guesses;
        let mut step = NEAR * norm;
        let mut left = true;
        for _ in 0..WIDENINGS {
            left = false;
            let (below_low, below_high) = (count(&low), count(&high));
            for lane in 0..values.len() {
                // The interval begins at a point, so the first pass opens it.
                if below_low[lane] > places[lane] || low[lane] == guesses[lane] {
                    low[lane] -= step;
                    left = true;
                }
                if below_high[lane] <= places[lane] || high[lane] == guesses[lane] {
                    high[lane] += step;
                    left = true;
                }
            }
            if !left {
                break;
            }
            step *= 4.0;
        }
        if left {
            continue;
        }
        // 1280 eigenvalues of norm 1: from 1e-13 to 2e-16 in nine steps.
        for _ in 0..64 {
            let middle: [f64; LANES] = std::array::from_fn(|lane| 0.5 * (low[lane] + high[lane]));
            let width = (0..values.len()).map(|lane| high[lane] - low[lane]);
            if width.fold(0.0, f64::max) <= f64::EPSILON * norm {
                break;
            }
            let below = count(&middle);
            for lane in 0..LANES {
                if below[lane] > places[lane] {
                    high[lane] = middle[lane];
                } else {
                    low[lane] = middle[lane];
                }
            }
        }
        for (lane, value) in values.iter_mut().enumerate() {
            *value = 0.5 * (low[lane] + high[lane]);
        }
    }
    values.sort_by(f64::total_cmp);
}

/// How many eigenvalues lie below each of some numbers.
struct Count<'a> {
    diagonal: &'a [f64],
    /// Of the numbers off the diagonal; none is 0.
    squares: &'a [f64],
    at: &'a [f64; LANES],
}

impl NullaryFnOnce for Count<'_> {
    type Output = [f64; LANES];

    #[inline(always)]
    fn call(self) -> [f64; LANES] {
        let mut below = [0.0; LANES];
        let mut pivots = [f64::INFINITY; LANES];
        let squares = std::iter::once(&0.0).chain(self.squares);
        for (&diagonal, &square) in self.diagonal.iter().zip(squares) {
            for lane in 0..LANES {
                // A pivot of 0 makes the next one infinite, and the one after that right again.
                let pivot = diagonal - self.at[lane] - square / pivots[lane];
                below[lane] += if pivot < 0.0 { 1.0 } else { 0.0 };
                pivots[lane] = pivot;
            }
        }
        below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix with 2 on the diagonal and -1 off it, whose eigenvalues are known.
    #[test]
    fn values_are_moved_to_the_eigenvalues() {
        for n in [1_usize, 2, 31, 33, 400] {
            let (diagonal, off_diagonal) = (vec![2.0; n], vec![-1.0; n - 1]);
            let matrix = Tridiagonal {
                diagonal: &diagonal,
                off_diagonal: &off_diagonal,
            };
            let exact = |m: usize| {
                let angle = std::f64::consts::PI * (m + 1) as f64 / (2 * n + 2) as f64;
                4.0 * angle.sin().powi(2)
            };
            let error = |m: usize| 1e-12 * (m as f64 % 7.0 - 3.0);
            let mut values: Vec<f64> = (0..n).map(|m| exact(m) + error(m)).collect();
            values.sort_by(f64::total_cmp);
            refine(&matrix, &mut values);
            for (m, value) in values.iter().enumerate() {
                assert!((value - exact(m)).abs() < 2e-15, "{n} {m}: {value}");
            }
        }
    }

    #[test]
    fn parts_that_are_not_joined_and_equal_values_are_counted() {
        let diagonal = [1.0, 1.0, 0.0, 1.0, 3.0];
        let matrix = Tridiagonal {
            diagonal: &diagonal,
            off_diagonal: &[0.0; 4],
        };
        let mut values = [0.0, 1.0 - 1e-14, 1.0, 1.0 + 1e-14, 3.0];
        refine(&matrix, &mut values);
        for (value, exact) in values.iter().zip([0.0, 1.0, 1.0, 1.0, 3.0]) {
            assert!((value - exact).abs() < 1e-15, "{value} {exact}");
        }
    }

    #[test]
    fn a_value_with_no_eigenvalue_near_is_left() {
        let matrix = Tridiagonal {
            diagonal: &[1.0, 2.0],
            off_diagonal: &[0.0],
        };
        let mut values = [1.5, 2.0];
        refine(&matrix, &mut values);
        assert_eq!(values, [1.5, 2.0]);
    }
}
