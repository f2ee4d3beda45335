//! Count, mean and centred products of rows: all that a principal component analysis needs of them.

use std::borrow::Cow;

use crate::kernels::{add_scaled_outer, all_finite, row_start};
use crate::mean::Mean;
use crate::pending::Pending;
use crate::{Components, Feature, MomentsParts, PcaError, PcaModel, solve};

/// The first two moments of rows of `d` features: their count, their mean and their comoment, the
/// sum over the rows of `(x - mean) (x - mean)^T`.
///
/// Moments of parts are merged into those of the whole with the pairwise update of Chan, Golub and
/// LeVeque, "Algorithms for Computing the Sample Variance: Analysis and Recommendations", The
/// American Statistician 37 (1983), 242-247, <https://doi.org/10.1080/00031305.1983.10483115>, in
/// its form for covariances:
///
/// ```text
/// n = n1 + n2    delta = mean2 - mean1
/// mean     = mean1 + delta n2 / n
/// comoment = comoment1 + comoment2 + delta delta^T n1 n2 / n
/// ```
///
/// Rows are folded in by the same formula, a block of 256 at a time, the block centred on its own
/// mean first: on its first row, which is exact, and then on the mean of what that leaves. Means have
/// twice the digits of f64, so that the distance of two means is exact to f64. No number is ever the
/// difference of two large sums, and features far from zero lose no digits.
///
/// # Accuracy
///
/// Sums are those of f64. For rows whose mean is up to 1e9 times their spread, which leaves each
/// feature some 7 digits of its own, the moments are those of exact arithmetic on the same rows to
/// 1e-12 of the largest, in any partitioning and any order of merging, and the variances that follow
/// from them to 1e-9 of each (down to 1e-5 of the largest; below, to 1e-14 of the largest). Features
/// may be of any size from 1e-150 to 1e150; beyond, their squares leave the range of f64.
///
/// On processors with the tile unit of AMX, full blocks of `f32` rows are multiplied as whole numbers
/// of 40 bits, exactly but for the last digits: for any rows the product of two features differs by at
/// most `8e-11 sqrt(c_ii c_jj)` from the exact one, and on usual features by no more than that of f64,
/// some 1e-15. Rows of `f64` and blocks with fewer rows are multiplied in f64 everywhere.
///
/// Rows wait inside until a block is full, so callers may bring one at a time at the speed of a
/// block. Accessors that must see every row fold in those that wait, which is why they take
/// `&mut self`. Given the same rows in the same order, the result is the same bit by bit however the
/// rows were split over calls of [`update`](Self::update).
#[derive(Clone, Debug)]
pub struct Moments {
    count: u64,
    mean: Mean,
    /// The packed upper triangle, or empty as long as `count` is 0: a group whose rows all wait
    /// holds no triangle.
    comoment: Vec<f64>,
    pending: Pending,
}

impl Moments {
    /// The moments of no rows of `dimension` features.
    pub fn new(dimension: usize) -> Self {
        Self {
            count: 0,
            mean: Mean::new(dimension),
            comoment: Vec::new(),
            pending: Pending::new(dimension),
        }
    }

    /// The moments that [`into_parts`](Self::into_parts) returned.
    ///
    /// # Errors
    ///
    /// [`PcaError::NoFeatures`] for an empty mean, and [`PcaError::Inconsistent`] if no rows have such
    /// moments: lengths that do not fit, a number that is not finite, a negative sum of squares, or
    /// products of fewer than two rows.
    pub fn from_parts(parts: MomentsParts) -> Result<Self, PcaError> {
        parts.check()?;
        let MomentsParts {
            count,
            mean,
            mean_low,
            comoment,
        } = parts;
        Ok(Self {
            count,
            pending: Pending::new(mean.len()),
            mean: Mean::from_sum(mean, mean_low),
            comoment: if count == 0 { Vec::new() } else { comoment },
        })
    }

    /// The numbers of the moments, to be sent between partitions.
    pub fn into_parts(mut self) -> MomentsParts {
        self.flush();
        self.hold_triangle();
        let (mean, mean_low) = self.mean.into_parts();
        MomentsParts {
            count: self.count,
            mean,
            mean_low,
            comoment: self.comoment,
        }
    }

    /// Features in a row, d.
    pub fn dimension(&self) -> usize {
        self.mean.dimension()
    }

    /// Rows accumulated, those that wait included.
    pub fn count(&self) -> u64 {
        self.count + self.pending.rows() as u64
    }

    /// The mean of each feature; zeros if there are no rows.
    pub fn mean(&mut self) -> &[f64] {
        self.flush();
        self.mean.high()
    }

    /// The packed upper triangle of the comoment, row-major: the products of feature 0 with
    /// features 0..d, then of feature 1 with features 1..d, and so on.
    pub fn comoment(&mut self) -> &[f64] {
        self.flush();
        self.hold_triangle();
        &self.comoment
    }

    /// Bytes in memory: the struct, the mean, the triangle once there is one, and the waiting rows.
    pub fn size(&self) -> usize {
        let numbers = self.mean.capacity() + self.comoment.capacity();
        size_of::<Self>() + numbers * size_of::<f64>() + self.pending.size()
    }

    /// Adds `rows`, row-major, a whole number of rows of d features, of `f32` or `f64`.
    ///
    /// # Errors
    ///
    /// [`PcaError::NoFeatures`] if d is 0, [`PcaError::RaggedRows`], and [`PcaError::NonFinite`] with
    /// the place of the first such number within `rows`. In any case no row has been added.
    pub fn update<T: Feature>(&mut self, rows: &[T]) -> Result<(), PcaError> {
        self.check(rows)?;
        self.append(rows);
        Ok(())
    }

    /// Adds the rows that `other` has accumulated.
    ///
    /// # Errors
    ///
    /// [`PcaError::DimensionMismatch`].
    pub fn merge(&mut self, other: &Moments) -> Result<(), PcaError> {
        self.check_dimension(other)?;
        self.flush();
        if other.count > 0 {
            if self.count == 0 {
                self.count = other.count;
                self.mean.clone_from(&other.mean);
                self.comoment.clone_from(&other.comoment);
            } else {
                let (mine, theirs) = (self.count as f64, other.count as f64);
                let all = mine + theirs;
                let delta = self.mean.distance(&other.mean);
                let weight = mine * (theirs / all);
                add_scaled_outer(&mut self.comoment, &other.comoment, &delta, weight, 1.0);
                self.mean.shift(&delta, theirs / all);
                self.count += other.count;
            }
        }
        self.fold(&mut other.pending.clone());
        Ok(())
    }

    /// Removes rows that were added before, given as their moments: the inverse of
    /// [`merge`](Self::merge).
    ///
    /// A sum of squares that is below zero by rounding becomes zero.
    ///
    /// # Errors
    ///
    /// [`PcaError::DimensionMismatch`], and [`PcaError::Inconsistent`] if `other` has more rows
    /// than there are.
    pub fn subtract(&mut self, other: &Moments) -> Result<(), PcaError> {
        self.check_dimension(other)?;
        if other.count() > self.count() {
            return Err(PcaError::moments(format!(
                "{} rows cannot be removed from {}",
                other.count(),
                self.count()
            )));
        }
        if other.count() == 0 {
            return Ok(());
        }
        if other.count() == self.count() {
            *self = Self::new(self.dimension());
            return Ok(());
        }
        let other = other.flushed();
        self.flush();
        let (all, theirs) = (self.count as f64, other.count as f64);
        let left = all - theirs;
        // From the mean of the rows that stay to the mean of those that go, by way of the mean of
        // all: mean_left = mean - (other - mean) theirs / left, so the distance grows by all / left.
        let delta = self.mean.distance(&other.mean);
        self.mean.shift(&delta, -theirs / left);
        let weight = theirs * (all / left);
        add_scaled_outer(&mut self.comoment, &other.comoment, &delta, weight, -1.0);
        self.count -= other.count;
        let d = self.dimension();
        if self.count == 1 {
            self.comoment.fill(0.0);
        }
        for i in 0..d {
            let square = &mut self.comoment[row_start(d, i)];
            *square = square.max(0.0);
        }
        Ok(())
    }

    /// The principal components of the rows accumulated.
    ///
    /// # Errors
    ///
    /// [`PcaError::NoFeatures`] if d is 0, [`PcaError::TooFewSamples`] below two rows,
    /// [`PcaError::TooManyComponents`] for a count above `min(n, d)`,
    /// [`PcaError::InvalidComponents`] for a count of zero or a share outside (0, 1),
    /// [`PcaError::NoVariance`] for a share of no variance, and [`PcaError::Inconsistent`] if products
    /// have overflowed.
    pub fn solve(&self, components: Components) -> Result<PcaModel, PcaError> {
        let moments = self.flushed();
        solve::solve(
            moments.count,
            moments.mean.high(),
            &moments.comoment,
            components,
        )
    }

    fn check<T: Feature>(&self, rows: &[T]) -> Result<(), PcaError> {
        let (length, dimension) = (rows.len(), self.dimension());
        if dimension == 0 {
            return Err(PcaError::NoFeatures);
        }
        if !length.is_multiple_of(dimension) {
            return Err(PcaError::RaggedRows { length, dimension });
        }
        if all_finite(rows) {
            return Ok(());
        }
        let at = rows
            .iter()
            .position(|&value| !value.into().is_finite())
            .unwrap_or(0);
        Err(PcaError::NonFinite {
            row: at / dimension,
            column: at % dimension,
            value: rows[at].into(),
        })
    }

    fn check_dimension(&self, other: &Moments) -> Result<(), PcaError> {
        let (expected, found) = (self.dimension(), other.dimension());
        if expected == found {
            Ok(())
        } else {
            Err(PcaError::DimensionMismatch { expected, found })
        }
    }

    fn append<T: Feature>(&mut self, mut rows: &[T]) {
        while !rows.is_empty() {
            let taken = self.pending.append(rows);
            rows = &rows[taken..];
            if self.pending.is_full() {
                self.flush();
            }
        }
    }

    /// Folds in the rows that wait.
    fn flush(&mut self) {
        let mut pending = std::mem::replace(&mut self.pending, Pending::new(0));
        self.fold(&mut pending);
        self.pending = pending;
    }

    fn fold(&mut self, pending: &mut Pending) {
        if pending.rows() > 0 {
            self.hold_triangle();
            pending.fold_into(&mut self.count, &mut self.mean, &mut self.comoment);
        }
    }

    fn flushed(&self) -> Cow<'_, Self> {
        let mut moments = Cow::Borrowed(self);
        if self.pending.rows() > 0 || self.comoment.is_empty() {
            let moments = moments.to_mut();
            moments.flush();
            moments.hold_triangle();
        }
        moments
    }

    fn hold_triangle(&mut self) {
        let d = self.dimension();
        self.comoment.resize(row_start(d, d), 0.0);
    }
}
