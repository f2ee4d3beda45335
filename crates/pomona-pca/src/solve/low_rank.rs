//! Fewer rows than features: a covariance of low rank, reduced to a matrix of the order of its rank.
//!
//! The covariance C of n rows has rank n - 1 at most. Cholesky's method with the largest remaining
//! diagonal as pivot (Higham, "Analysis of the Cholesky decomposition of a semi-definite matrix",
//! in Reliable Numerical Computation (1990), 161-185) stops after as many steps, and orthogonal
//! reflections make a triangle of what it found:
//!
//! ```text
//! C = L Lᵀ    L = Q [R; 0]    C = Q [R Rᵀ 0; 0 0] Qᵀ        L is d x r, R is r x r, Q is d x d
//! ```
//!
//! The eigenvectors of C are those of R Rᵀ, of order r, multiplied by Q; they are orthonormal however
//! small their eigenvalues are, unlike the eigenvectors of Lᵀ L multiplied by L.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::matmul::matmul;
use faer::linalg::qr::no_pivoting::factor::{
    qr_in_place, qr_in_place_scratch, recommended_block_size,
};
use faer::{Accum, Mat, Par};

use super::reflect_columns;

/// A diagonal of this part of the largest one has no digits left: earlier steps have rounded more.
const NOTHING: f64 = 32.0 * f64::EPSILON;

/// The part of the largest diagonal up to which the covariance of fewer rows may be off the rank that
/// it has without rounding; whole-number products (`kernels/tiles`) may be off by a tenth of it.
const ROUNDING: f64 = 1e-9;

/// A positive semi-definite matrix C of order d as `Q core Qᵀ`.
pub(super) struct LowRank {
    /// `R Rᵀ`, with rows and columns of zeros up to the order that was asked for.
    pub(super) core: Mat<f64>,
    pub(super) basis: Basis,
}

/// Q, as reflections.
pub(super) struct Basis {
    /// The reflections below the diagonal, d x r.
    reflections: Mat<f64>,
    /// The block factors of the reflections.
    factors: Mat<f64>,
}

impl LowRank {
    /// Factorises the matrix of which `entry(i, j)` is the number in row i and column j, of a rank
    /// below `order`; `None` if its rank is `order` or more, or it is not positive semi-definite but
    /// for rounding.
    pub(super) fn new(d: usize, order: usize, entry: impl Fn(usize, usize) -> f64) -> Option<Self> {
        let l = cholesky(d, order, entry)?;
        let r = l.ncols();
        let mut reflections = l;
        let block = recommended_block_size::<f64>(d, r);
        let mut factors = Mat::zeros(block, r);
        let mut memory = MemBuffer::new(qr_in_place_scratch::<f64>(
            d,
            r,
            block,
            Par::Seq,
            Default::default(),
        ));
        qr_in_place(
            reflections.as_mut(),
            factors.as_mut(),
            Par::Seq,
            MemStack::new(&mut memory),
            Default::default(),
        );
        let triangle = Mat::from_fn(r, r, |i, j| if i <= j { reflections[(i, j)] } else { 0.0 });
        let mut core = Mat::zeros(order, order);
        matmul(
            core.as_mut().submatrix_mut(0, 0, r, r),
            Accum::Replace,
            triangle.as_ref(),
            triangle.transpose(),
            1.0,
            Par::Seq,
        );
        Some(Self {
            core,
            basis: Basis {
                reflections,
                factors,
            },
        })
    }
}

impl Basis {
    /// Maps vectors of the core, one per column, to vectors of C.
    pub(super) fn outer(&self, vectors: &Mat<f64>) -> Mat<f64> {
        let d = self.reflections.nrows();
        let mut turned = Mat::zeros(d, vectors.ncols());
        turned
            .as_mut()
            .subrows_mut(0, vectors.nrows())
            .copy_from(vectors.as_ref());
        reflect_columns(
            self.reflections.as_ref(),
            self.factors.as_ref(),
            turned.as_mut(),
        );
        turned
    }
}

/// L with `L Lᵀ = C`, of fewer than `order` columns; at least one, of zeros if C is.
fn cholesky(d: usize, order: usize, entry: impl Fn(usize, usize) -> f64) -> Option<Mat<f64>> {
    let mut left: Vec<f64> = (0..d).map(|i| entry(i, i)).collect();
    let largest = left
        .iter()
        .fold(0.0, |largest: f64, &value| largest.max(value));
    let mut l = Mat::zeros(d, usize::max(order - 1, 1));
    let mut rank = 0;
    while rank + 1 < order {
        let pivot = (0..d).max_by(|&a, &b| left[a].total_cmp(&left[b]))?;
        if left[pivot] <= NOTHING * largest {
            break;
        }
        let mut found = Mat::from_fn(d, 1, |i, _| entry(i, pivot));
        let row = Mat::from_fn(rank, 1, |m, _| l[(pivot, m)]);
        matmul(
            found.as_mut(),
            Accum::Add,
            l.as_ref().subcols(0, rank),
            row.as_ref(),
            -1.0,
            Par::Seq,
        );
        let scale = left[pivot].sqrt().recip();
        for i in 0..d {
            let value = found[(i, 0)] * scale;
            l[(i, rank)] = value;
            left[i] -= value * value;
        }
        // Exactly zero, so that it is not chosen as pivot again.
        left[pivot] = 0.0;
        rank += 1;
    }
    // The remainder is rounding: of the products, or of rows that have been subtracted.
    if left.iter().any(|left| left.abs() > ROUNDING * largest) {
        return None;
    }
    l.resize_with(d, rank.max(1), |_, _| 0.0);
    Some(l)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The product of a d x r matrix of whole numbers with its transpose.
    fn product(d: usize, r: usize) -> Mat<f64> {
        let value = |i: usize, j: usize| ((i * 7 + j * 5 + i * j * 3) % 11) as f64 - 5.0;
        Mat::from_fn(d, d, |i, j| (0..r).map(|m| value(i, m) * value(j, m)).sum())
    }

    #[test]
    fn the_core_turned_by_the_basis_is_the_matrix() {
        for (d, r, order) in [(9, 1, 2), (20, 5, 6), (33, 9, 14), (70, 10, 11)] {
            let matrix = product(d, r);
            let low = LowRank::new(d, order, |i, j| matrix[(i, j)]).expect("a low rank");
            let half = low.basis.outer(&low.core);
            let whole = low.basis.outer(&half.transpose().to_owned());
            for i in 0..d {
                for j in 0..d {
                    let apart = (whole[(i, j)] - matrix[(i, j)]).abs();
                    assert!(apart < 1e-11, "{d} {r}: {i} {j} {apart:e}");
                }
            }
        }
    }

    #[test]
    fn a_rank_that_is_too_large_and_a_negative_diagonal_are_refused() {
        let matrix = product(20, 5);
        assert!(LowRank::new(20, 5, |i, j| matrix[(i, j)]).is_none());
        assert!(LowRank::new(3, 2, |i, j| if i == j { 1.0 } else { 0.0 }).is_none());
        let identity = |i: usize, j: usize| if i == j { 1.0 - 2.0 * i as f64 } else { 0.0 };
        assert!(LowRank::new(2, 2, identity).is_none());
    }

    #[test]
    fn nothing_has_a_basis() {
        let low = LowRank::new(4, 3, |_, _| 0.0).expect("rank 0");
        assert_eq!(low.core, Mat::<f64>::zeros(3, 3));
        let turned = low.basis.outer(&Mat::identity(3, 3));
        let product = turned.transpose() * &turned;
        for i in 0..3 {
            for j in 0..3 {
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((product[(i, j)] - expected).abs() < 1e-15);
            }
        }
    }
}
