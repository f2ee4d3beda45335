//! From moments to components: the eigen-decomposition of the covariance.
//!
//! A Householder reduction leaves a tridiagonal matrix; its eigenvalues and the eigenvectors of the
//! components that are kept are found; and the reflections are applied to these vectors. Where many
//! components are kept, the middle step is divide and conquer, as in LAPACK's `syevd`, which
//! scikit-learn's `covariance_eigh` calls. Few of many, 50 of 1280 say, are found by QR iteration
//! for the eigenvalues and inverse iteration for the vectors, as in LAPACK's `syevx`. For fewer rows
//! than features, the matrix is first reduced to the order of the rows (`low_rank.rs`).

mod inverse;
mod low_rank;
mod sturm;

use faer::diag::{Diag, DiagRef};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::tridiag::{tridiag_in_place, tridiag_in_place_scratch};
use faer::linalg::evd::{
    ComputeEigenvectors, self_adjoint_evd_scratch, tridiagonal_self_adjoint_evd,
};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch as reflect_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj as reflect,
};
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::{Conj, Mat, MatMut, MatRef, Par};

use crate::kernels::{all_finite, row_start};
use crate::{Components, PcaError, PcaModel};
use inverse::Tridiagonal;
use low_rank::LowRank;

/// The part of all components, one in so many, up to which inverse iteration is faster.
const FEW: usize = 8;

/// The order below which divide and conquer is always fast enough.
const SMALL: usize = 128;

/// Ratio of features to rows from which on the covariance is reduced to the order of the rows first.
const WIDE: usize = 2;

/// The model of `count` rows with the given mean and packed upper triangle of the comoment.
pub(crate) fn solve(
    count: u64,
    mean: &[f64],
    comoment: &[f64],
    components: Components,
) -> Result<PcaModel, PcaError> {
    let d = mean.len();
    if d == 0 {
        return Err(PcaError::NoFeatures);
    }
    if count < 2 {
        return Err(PcaError::TooFewSamples { count });
    }
    if !all_finite(mean) || !all_finite(comoment) {
        return Err(PcaError::moments(
            "a sum has overflowed: features are too large",
        ));
    }
    components.check(count, d)?;
    let covariance = Covariance::new(count, d, comoment);
    let order = Components::possible(count, d);
    let low_rank = if order * WIDE <= d {
        LowRank::new(d, order, |i, j| covariance.entry(i, j))
    } else {
        None
    };
    let (matrix, basis) = match low_rank {
        Some(low_rank) => (low_rank.core, Some(low_rank.basis)),
        None => (covariance.lower_triangle(), None),
    };
    let order = matrix.nrows();
    let reduced = Reduced::new(matrix);
    let few = match components {
        Components::Count(k) | Components::AtMost(k) => k * FEW <= order,
        Components::Share(_) => true,
    };
    let mut inner = if few && order >= SMALL {
        Inner::values(&reduced)?
    } else {
        Inner::all(&reduced)?
    };

    // Ascending, of the scaled matrix. A covariance has no negative eigenvalue, so one that
    // rounding leaves below zero is zero, as in scikit-learn.
    let values = inner.values.iter().rev();
    let mut variance: Vec<f64> = values
        .map(|&value| f64::max(value * covariance.scale, 0.0))
        .collect();
    variance.resize(d, 0.0);
    let total: f64 = variance.iter().sum();
    let ratio: Vec<f64> = variance
        .iter()
        .map(|&value| if total > 0.0 { value / total } else { 0.0 })
        .collect();
    let k = components.resolve(count, &ratio)?;

    if inner.vectors.is_none() && k * FEW > order {
        inner = Inner::all(&reduced)?;
    }
    let mut vectors = reduced.outer(inner.largest(&reduced, k)?);
    if let Some(basis) = basis {
        vectors = basis.outer(&vectors);
    }
    let mut rows = Vec::with_capacity(k * d);
    for c in 0..k {
        let vector: Vec<f64> = (0..d).map(|i| vectors[(i, c)]).collect();
        let sign = sign_of_largest(&vector);
        rows.extend(vector.into_iter().map(|value| value * sign));
    }
    PcaModel::new(count, mean.to_vec(), rows, variance, ratio)
}

/// The covariance divided by a power of two. Its largest number is then near 1, far from overflow in
/// the squares of the decomposition, and no digit is changed by it.
struct Covariance<'a> {
    d: usize,
    comoment: &'a [f64],
    /// The divisor of the comoment: the rows less one.
    degrees: f64,
    /// The power of two.
    scale: f64,
}

impl<'a> Covariance<'a> {
    fn new(count: u64, d: usize, comoment: &'a [f64]) -> Self {
        let degrees = (count - 1) as f64;
        let largest = comoment
            .iter()
            .fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let scale = if largest > 0.0 {
            f64::exp2((largest / degrees).log2().round().max(-1000.0))
        } else {
            1.0
        };
        Self {
            d,
            comoment,
            degrees,
            scale,
        }
    }

    /// The number in row i and column j.
    fn entry(&self, i: usize, j: usize) -> f64 {
        let (i, j) = (i.min(j), i.max(j));
        self.comoment[row_start(self.d, i) + j - i] / self.degrees / self.scale
    }

    /// All of it, with zeros above the diagonal.
    fn lower_triangle(&self) -> Mat<f64> {
        let d = self.d;
        let mut matrix = Mat::zeros(d, d);
        for i in 0..d {
            // Row i of the upper triangle is column i of the lower.
            let row = &self.comoment[row_start(d, i)..row_start(d, i + 1)];
            for (j, value) in (i..d).zip(row) {
                matrix[(j, i)] = value / self.degrees / self.scale;
            }
        }
        matrix
    }
}

/// A symmetric matrix as a tridiagonal one between reflections.
struct Reduced {
    /// The reflections below the subdiagonal.
    reflections: Mat<f64>,
    /// The block factors of the reflections.
    factors: Mat<f64>,
    diagonal: Vec<f64>,
    off_diagonal: Vec<f64>,
}

impl Reduced {
    /// Reduces `matrix`, of which the lower triangle is read.
    fn new(mut matrix: Mat<f64>) -> Self {
        let d = matrix.nrows();
        let block = recommended_block_size::<f64>(d, d);
        let mut factors = Mat::zeros(block, d - 1);
        let mut memory = MemBuffer::new(tridiag_in_place_scratch::<f64>(
            d,
            Par::Seq,
            Default::default(),
        ));
        tridiag_in_place(
            matrix.as_mut(),
            factors.as_mut(),
            Par::Seq,
            MemStack::new(&mut memory),
            Default::default(),
        );
        Self {
            diagonal: (0..d).map(|i| matrix[(i, i)]).collect(),
            off_diagonal: (1..d).map(|i| matrix[(i, i - 1)]).collect(),
            reflections: matrix,
            factors,
        }
    }

    fn tridiagonal(&self) -> Tridiagonal<'_> {
        Tridiagonal {
            diagonal: &self.diagonal,
            off_diagonal: &self.off_diagonal,
        }
    }

    /// Applies the reflections to vectors of the tridiagonal matrix, one a column.
    fn outer(&self, mut vectors: Mat<f64>) -> Mat<f64> {
        let below = self.reflections.nrows() - 1;
        reflect_columns(
            self.reflections.submatrix(1, 0, below, below),
            self.factors.as_ref(),
            vectors.as_mut().subrows_mut(1, below),
        );
        vectors
    }
}

/// Applies the reflections below the diagonal of `reflections`, with their block `factors`, to vectors,
/// one a column.
fn reflect_columns(
    reflections: MatRef<'_, f64>,
    factors: MatRef<'_, f64>,
    vectors: MatMut<'_, f64>,
) {
    let mut memory = MemBuffer::new(reflect_scratch::<f64>(
        reflections.nrows(),
        factors.nrows(),
        vectors.ncols(),
    ));
    reflect(
        reflections,
        factors,
        Conj::No,
        vectors,
        Par::Seq,
        MemStack::new(&mut memory),
    );
}

/// The eigen-decomposition of the tridiagonal matrix.
struct Inner {
    /// Eigenvalues, ascending.
    values: Vec<f64>,
    /// Eigenvectors, one per column, if all were computed.
    vectors: Option<Mat<f64>>,
}

impl Inner {
    /// Eigenvalues alone.
    fn values(reduced: &Reduced) -> Result<Self, PcaError> {
        let mut inner = Self::decompose(reduced, None)?;
        sturm::refine(&reduced.tridiagonal(), &mut inner.values);
        Ok(inner)
    }

    /// Eigenvalues and all eigenvectors.
    fn all(reduced: &Reduced) -> Result<Self, PcaError> {
        let d = reduced.diagonal.len();
        Self::decompose(reduced, Some(Mat::zeros(d, d)))
    }

    fn decompose(reduced: &Reduced, mut vectors: Option<Mat<f64>>) -> Result<Self, PcaError> {
        let d = reduced.diagonal.len();
        let mut memory = MemBuffer::new(self_adjoint_evd_scratch::<f64>(
            d,
            ComputeEigenvectors::Yes,
            Par::Seq,
            Default::default(),
        ));
        let mut subdiagonal = Diag::zeros(d);
        for (i, &off_diagonal) in reduced.off_diagonal.iter().enumerate() {
            subdiagonal[i] = off_diagonal;
        }
        let mut values = Diag::zeros(d);
        tridiagonal_self_adjoint_evd(
            DiagRef::from_slice(&reduced.diagonal),
            subdiagonal.as_ref(),
            values.as_mut(),
            vectors.as_mut().map(Mat::as_mut),
            Par::Seq,
            MemStack::new(&mut memory),
            Default::default(),
        )
        .map_err(|_| PcaError::NoConvergence { dimension: d })?;
        let values = (0..d).map(|i| values[i]).collect();
        Ok(Self { values, vectors })
    }

    /// The eigenvectors of the `k` largest eigenvalues, one a column, the largest first.
    fn largest(&self, reduced: &Reduced, k: usize) -> Result<Mat<f64>, PcaError> {
        let d = self.values.len();
        if let Some(vectors) = &self.vectors {
            return Ok(Mat::from_fn(d, k, |i, c| vectors[(i, d - 1 - c)]));
        }
        let values: Vec<f64> = self.values.iter().rev().take(k).copied().collect();
        match reduced.tridiagonal().vectors(&values) {
            Some(vectors) => Ok(Mat::from_fn(d, k, |i, c| vectors[c * d + i])),
            None => Self::all(reduced)?.largest(reduced, k),
        }
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
