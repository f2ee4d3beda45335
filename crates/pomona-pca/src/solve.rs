//! From moments to components: the eigen-decomposition of the covariance.
//!
//! The steps are those of LAPACK's `syevd`, which scikit-learn's `covariance_eigh` ends in: a
//! Householder reduction to a tridiagonal matrix, divide and conquer on that, and the reflections
//! applied to its eigenvectors. The last step is done for the components that are kept alone, which
//! for 50 of 1280 spares most of it.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::tridiag::{tridiag_in_place, tridiag_in_place_scratch};
use faer::linalg::evd::{
    ComputeEigenvectors, self_adjoint_evd_scratch, tridiagonal_self_adjoint_evd,
};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch as reflect_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj as reflect,
};
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::{Conj, Mat, Par};

use crate::kernels::{all_finite, row_start};
use crate::{Components, PcaError, PcaModel};

/// The model of `count` rows with the given mean and packed upper triangle of the comoment.
pub(crate) fn solve(
    count: u64,
    mean: &[f64],
    comoment: &[f64],
    components: Components,
) -> Result<PcaModel, PcaError> {
    if count < 2 {
        return Err(PcaError::TooFewSamples { count });
    }
    let d = mean.len();
    if d == 0 || !all_finite(mean) || !all_finite(comoment) {
        return Err(PcaError::moments(
            "a sum has overflowed: features are too large",
        ));
    }
    let (matrix, scale) = covariance(count, d, comoment);
    let reduced = Tridiagonal::reduce(matrix)?;

    // Ascending, of the scaled matrix. A covariance has no negative eigenvalue, so one that
    // rounding leaves below zero is zero, as in scikit-learn.
    let variance: Vec<f64> = reduced
        .values
        .iter()
        .rev()
        .map(|&value| f64::max(value * scale, 0.0))
        .collect();
    let total: f64 = variance.iter().sum();
    let ratio: Vec<f64> = variance
        .iter()
        .map(|&value| if total > 0.0 { value / total } else { 0.0 })
        .collect();
    let k = components.resolve(count, &ratio)?;

    let vectors = reduced.vectors(k);
    let mut rows = Vec::with_capacity(k * d);
    for c in 0..k {
        let vector: Vec<f64> = (0..d).map(|i| vectors[(i, c)]).collect();
        let sign = sign_of_largest(&vector);
        rows.extend(vector.into_iter().map(|value| value * sign));
    }
    PcaModel::new(count, mean.to_vec(), rows, variance, ratio)
}

/// The lower triangle of the covariance divided by a power of two, and that power. Its largest
/// number is then near 1, far from overflow in the squares of the decomposition, and no digit is
/// changed by it.
fn covariance(count: u64, d: usize, comoment: &[f64]) -> (Mat<f64>, f64) {
    let degrees = (count - 1) as f64;
    let largest = comoment
        .iter()
        .fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let scale = if largest > 0.0 {
        f64::exp2((largest / degrees).log2().round().max(-1000.0))
    } else {
        1.0
    };
    let mut matrix = Mat::zeros(d, d);
    for i in 0..d {
        // Row i of the upper triangle is column i of the lower.
        let row = &comoment[row_start(d, i)..row_start(d, i + 1)];
        for (j, value) in (i..d).zip(row) {
            matrix[(j, i)] = value / degrees / scale;
        }
    }
    (matrix, scale)
}

/// A symmetric matrix as reflections and the eigen-decomposition of what they leave.
struct Tridiagonal {
    /// The reflections below the subdiagonal.
    reflections: Mat<f64>,
    /// The block factors of the reflections.
    factors: Mat<f64>,
    /// Ascending.
    values: Vec<f64>,
    /// Of the tridiagonal matrix, one a column.
    inner: Mat<f64>,
}

impl Tridiagonal {
    /// Reduces `matrix`, of which the lower triangle is read.
    fn reduce(mut matrix: Mat<f64>) -> Result<Self, PcaError> {
        let d = matrix.nrows();
        let block = recommended_block_size::<f64>(d, d);
        let mut factors = Mat::zeros(block, d - 1);
        let mut memory = MemBuffer::new(StackReq::any_of(&[
            tridiag_in_place_scratch::<f64>(d, Par::Seq, Default::default()),
            self_adjoint_evd_scratch::<f64>(
                d,
                ComputeEigenvectors::Yes,
                Par::Seq,
                Default::default(),
            ),
        ]));
        let stack = MemStack::new(&mut memory);
        tridiag_in_place(
            matrix.as_mut(),
            factors.as_mut(),
            Par::Seq,
            stack,
            Default::default(),
        );
        let mut diagonal = Diag::zeros(d);
        let mut subdiagonal = Diag::zeros(d);
        for i in 0..d {
            diagonal[i] = matrix[(i, i)];
            if i + 1 < d {
                subdiagonal[i] = matrix[(i + 1, i)];
            }
        }
        let mut values = Diag::zeros(d);
        let mut inner = Mat::zeros(d, d);
        tridiagonal_self_adjoint_evd(
            diagonal.as_ref(),
            subdiagonal.as_ref(),
            values.as_mut(),
            Some(inner.as_mut()),
            Par::Seq,
            stack,
            Default::default(),
        )
        .map_err(|_| PcaError::NoConvergence { dimension: d })?;
        let values = (0..d).map(|i| values[i]).collect();
        Ok(Self {
            reflections: matrix,
            factors,
            values,
            inner,
        })
    }

    /// The eigenvectors of the `k` largest eigenvalues, one a column, the largest first.
    fn vectors(&self, k: usize) -> Mat<f64> {
        let d = self.reflections.nrows();
        let mut vectors = Mat::from_fn(d, k, |i, c| self.inner[(i, d - 1 - c)]);
        let below = d - 1;
        let block = self.factors.nrows();
        let mut memory = MemBuffer::new(reflect_scratch::<f64>(below, block, k));
        reflect(
            self.reflections.submatrix(1, 0, below, below),
            self.factors.as_ref(),
            Conj::No,
            vectors.as_mut().subrows_mut(1, below),
            Par::Seq,
            MemStack::new(&mut memory),
        );
        vectors
    }
}

/// 1 or -1, whichever makes the largest absolute value positive; of equal ones the first decides.
fn sign_of_largest(vector: &[f64]) -> f64 {
    let largest = vector.iter().fold(0.0, |largest: f64, &value| {
        if value.abs() > largest.abs() {
            value
        } else {
            largest
        }
    });
    if largest < 0.0 { -1.0 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_values_decides_the_sign() {
        assert_eq!(sign_of_largest(&[0.5, -0.5]), 1.0);
        assert_eq!(sign_of_largest(&[-0.5, 0.5]), -1.0);
        assert_eq!(sign_of_largest(&[0.1, -0.9, 0.3]), -1.0);
    }
}
