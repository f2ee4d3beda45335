//! Inverse iteration: a few eigenvectors of a symmetric tridiagonal matrix whose eigenvalues are
//! known.
//!
//! The method is that of LAPACK's `stein`: solving with the shifted matrix `T - value I` and a random
//! right-hand side returns the eigenvector. Divide and conquer costs as much for one vector as for all;
//! inverse iteration costs `n` steps per vector. For clustered eigenvalues, each vector is made
//! orthogonal to those before it; since that is known to fail for some matrices, each vector is
//! checked, and [`Tridiagonal::vectors`] returns `None` if one is not accurate.

use pulp::{Arch, NullaryFnOnce};

/// Most solves per vector. Two are nearly always enough.
const MOST_SOLVES: usize = 5;

/// The residual that is accepted, in roundings of the largest sum of a row.
const RESIDUAL: f64 = 32.0 * f64::EPSILON;

/// The cosine of the angle between two vectors that is accepted.
const COSINE: f64 = 64.0 * f64::EPSILON;

/// A symmetric tridiagonal matrix of order n.
#[derive(Clone, Copy)]
pub(super) struct Tridiagonal<'a> {
    /// n numbers.
    pub(super) diagonal: &'a [f64],
    /// n - 1 numbers.
    pub(super) off_diagonal: &'a [f64],
}

impl Tridiagonal<'_> {
    /// Unit eigenvectors, one after the other, of the given eigenvalues; `None` if one of them
    /// cannot be computed to full accuracy.
    pub(super) fn vectors(&self, values: &[f64]) -> Option<Vec<f64>> {
        let n = self.diagonal.len();
        let norm = self.norm();
        let mut random = Uniform(1);
        let mut found: Vec<f64> = Vec::with_capacity(values.len() * n);
        for &value in values {
            let factors = Factors::new(self, value, f64::EPSILON * norm);
            let mut vector: Vec<f64> = (0..n).map(|_| random.next()).collect();
            let mut solves = 0;
            loop {
                if solves == MOST_SOLVES {
                    return None;
                }
                factors.solve(&mut vector);
                solves += 1;
                normalize(&mut vector);
                // Twice, because the result of the first pass may be mostly rounding errors.
                for _ in 0..2 {
                    orthogonalize(&mut vector, &found);
                    normalize(&mut vector);
                }
                if solves > 1 && self.residual(&vector, value) <= RESIDUAL * norm {
                    break;
                }
            }
            if largest_product(&vector, &found) > COSINE {
                return None;
            }
            found.extend(vector);
        }
        Some(found)
    }

    /// The largest sum of the absolute values of a row.
    pub(super) fn norm(&self) -> f64 {
        let off_diagonal = |i: usize| self.off_diagonal.get(i).map_or(0.0, |value| value.abs());
        let rows = self.diagonal.iter().enumerate();
        rows.map(|(i, value)| off_diagonal(i.wrapping_sub(1)) + value.abs() + off_diagonal(i))
            .fold(0.0, f64::max)
    }

    /// The length of `(T - value) vector`; not a number if the vector is not finite.
    fn residual(&self, vector: &[f64], value: f64) -> f64 {
        let n = vector.len();
        let square = |i: usize| {
            let mut row = (self.diagonal[i] - value) * vector[i];
            if i > 0 {
                row += self.off_diagonal[i - 1] * vector[i - 1];
            }
            if i + 1 < n {
                row += self.off_diagonal[i] * vector[i + 1];
            }
            row * row
        };
        (0..n).map(square).sum::<f64>().sqrt()
    }
}

/// `T - value` as a product of row exchanges, a lower and an upper triangular matrix.
struct Factors {
    rows: Vec<Row>,
}

/// A row of the upper factor, and how the row below it was made.
struct Row {
    /// The inverse of the pivot.
    inverse: f64,
    /// The two numbers right of the pivot.
    right: [f64; 2],
    /// The factor with which the row was subtracted from the one below it.
    multiple: f64,
    /// Whether the row was exchanged with the one below it first.
    exchanged: bool,
}

impl Factors {
    /// Factorises by elimination with row exchanges. A pivot below `least` is replaced by it: the
    /// matrix is singular but for rounding, as inverse iteration requires.
    fn new(matrix: &Tridiagonal<'_>, value: f64, least: f64) -> Self {
        let n = matrix.diagonal.len();
        let least = least.max(f64::MIN_POSITIVE);
        let held = |pivot: f64| {
            if pivot.abs() < least {
                least.copysign(pivot)
            } else {
                pivot
            }
        };
        let off_diagonal = |i: usize| matrix.off_diagonal.get(i).copied().unwrap_or(0.0);
        let mut rows = Vec::with_capacity(n);
        let (mut pivot, mut right) = (matrix.diagonal[0] - value, off_diagonal(0));
        for i in 0..n {
            let below = off_diagonal(i);
            let next = if i + 1 < n {
                matrix.diagonal[i + 1] - value
            } else {
                0.0
            };
            let exchanged = i + 1 < n && below.abs() > pivot.abs();
            if exchanged {
                let inverse = held(below).recip();
                let multiple = pivot * inverse;
                let right_of_next = off_diagonal(i + 1);
                rows.push(Row {
                    inverse,
                    right: [next, right_of_next],
                    multiple,
                    exchanged,
                });
                (pivot, right) = (right - multiple * next, -multiple * right_of_next);
            } else {
                let inverse = held(pivot).recip();
                let multiple = below * inverse;
                rows.push(Row {
                    inverse,
                    right: [right, 0.0],
                    multiple,
                    exchanged,
                });
                (pivot, right) = (next - multiple * right, off_diagonal(i + 1));
            }
        }
        Self { rows }
    }

    /// Solves for the vector in place.
    fn solve(&self, vector: &mut [f64]) {
        let n = vector.len();
        for i in 0..n - 1 {
            let row = &self.rows[i];
            let (above, below) = (vector[i], vector[i + 1]);
            (vector[i], vector[i + 1]) = if row.exchanged {
                (below, above - row.multiple * below)
            } else {
                (above, below - row.multiple * above)
            };
        }
        let (mut one, mut two) = (0.0, 0.0);
        for (value, row) in vector.iter_mut().zip(&self.rows).rev() {
            *value = (*value - row.right[0] * one - row.right[1] * two) * row.inverse;
            (one, two) = (*value, one);
        }
    }
}

/// Divides by the length.
fn normalize(vector: &mut [f64]) {
    // Scaled by the largest number first, since the squares of a nearly singular solve may overflow.
    let largest = vector.iter().fold(0.0, |l: f64, value| l.max(value.abs()));
    let scale = largest.recip();
    for value in vector.iter_mut() {
        *value *= scale;
    }
    let scale = dot(vector, vector).sqrt().recip();
    for value in vector {
        *value *= scale;
    }
}

/// Subtracts the vector's components along unit vectors.
fn orthogonalize(vector: &mut [f64], others: &[f64]) {
    struct Orthogonalize<'a>(&'a mut [f64], &'a [f64]);

    impl NullaryFnOnce for Orthogonalize<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self(vector, others) = self;
            for other in others.chunks_exact(vector.len()) {
                let along = sum_of_products(vector, other);
                for (value, other) in vector.iter_mut().zip(other) {
                    *value -= along * other;
                }
            }
        }
    }
    Arch::new().dispatch(Orthogonalize(vector, others));
}

/// The largest absolute product with any of the others.
fn largest_product(vector: &[f64], others: &[f64]) -> f64 {
    others
        .chunks_exact(vector.len())
        .map(|other| dot(vector, other).abs())
        .fold(0.0, f64::max)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    struct Dot<'a>(&'a [f64], &'a [f64]);

    impl NullaryFnOnce for Dot<'_> {
        type Output = f64;

        #[inline(always)]
        fn call(self) -> f64 {
            sum_of_products(self.0, self.1)
        }
    }
    Arch::new().dispatch(Dot(a, b))
}

/// Summed in 32 parts, so that vectors can be used.
#[inline(always)]
fn sum_of_products(a: &[f64], b: &[f64]) -> f64 {
    const PARTS: usize = 32;
    let mut sums = [0.0; PARTS];
    let (a, a_rest) = a.as_chunks::<PARTS>();
    let (b, b_rest) = b.as_chunks::<PARTS>();
    for (a, b) in a.iter().zip(b) {
        for part in 0..PARTS {
            sums[part] += a[part] * b[part];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// Knuth's MMIX generator, between -1 and 1.
struct Uniform(u64);

impl Uniform {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix with 2 on the diagonal and -1 off it, whose eigenvectors are sines.
    #[test]
    fn vectors_are_those_of_the_definition() {
        let n = 300;
        let (diagonal, off_diagonal) = (vec![2.0; n], vec![-1.0; n - 1]);
        let matrix = Tridiagonal {
            diagonal: &diagonal,
            off_diagonal: &off_diagonal,
        };
        let angle = |m: usize| std::f64::consts::PI * m as f64 / (n + 1) as f64;
        let values: Vec<f64> = (0..20).map(|i| 2.0 - 2.0 * angle(n - i).cos()).collect();
        let vectors = matrix.vectors(&values).expect("well-separated eigenvalues");
        for (i, vector) in vectors.chunks(n).enumerate() {
            let sine = |j: usize| (angle(n - i) * (j + 1) as f64).sin();
            let scale = f64::sqrt(2.0 / (n + 1) as f64) * vector[0].signum() * sine(0).signum();
            for (j, value) in vector.iter().enumerate() {
                assert!((value - scale * sine(j)).abs() < 1e-10, "{i} {j}: {value}");
            }
        }
    }

    #[test]
    fn vectors_of_equal_eigenvalues_are_orthogonal() {
        // Wilkinson's matrix twice: eigenvalues in pairs that agree to all digits, four alike.
        let half: Vec<f64> = (0..21).map(|i| f64::from(i - 10).abs()).collect();
        let diagonal = [&half[..], &half].concat();
        let mut off_diagonal = vec![1.0; 41];
        off_diagonal[20] = 0.0;
        let matrix = Tridiagonal {
            diagonal: &diagonal,
            off_diagonal: &off_diagonal,
        };
        let largest = 10.746_194_182_903_39;
        let vectors = matrix.vectors(&[largest; 4]).expect("four of them");
        for (i, vector) in vectors.chunks(42).enumerate() {
            assert!(matrix.residual(vector, largest) < 1e-13);
            for (j, other) in vectors.chunks(42).enumerate() {
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((dot(vector, other) - expected).abs() < 1e-14, "{i} {j}");
            }
        }
        assert!(matrix.vectors(&[largest; 5]).is_none(), "there is no fifth");
        assert!(matrix.vectors(&[10.0]).is_none(), "no eigenvalue");
    }

    #[test]
    fn a_multiple_of_the_identity_and_nothing() {
        for value in [0.0, 2.5] {
            let matrix = Tridiagonal {
                diagonal: &[value; 9],
                off_diagonal: &[0.0; 8],
            };
            let vectors = matrix.vectors(&[value; 3]).expect("any will do");
            assert!(largest_product(&vectors[..9], &vectors[9..]) < 1e-14);
        }
    }
}
