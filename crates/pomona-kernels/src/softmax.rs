//! The exponentials of scores, and their sums.

use super::BLOCK;
use super::activation::exp;
use super::vector::Vector;

/// Most rows of scores that one call takes.
pub const MOST_ROWS: usize = 112;

/// The scores of some rows, in planes of sixteen columns: `[column / 16][row][16]`.
///
/// Each score becomes `e^(score - largest)`, the largest being that of its row. What the softmax
/// divides by is left to the caller, who has fewer values to divide after the next product.
pub struct Softmax<'a> {
    /// The planes, from the first row on.
    pub scores: &'a mut [f32],
    /// Number of planes.
    pub planes: usize,
    /// Floats from one plane to the next.
    pub plane: usize,
    /// Rows of a plane, up to [`MOST_ROWS`].
    pub rows: usize,
    /// The sum of a row's exponentials: one a row.
    pub sums: &'a mut [f32],
}

impl Softmax<'_> {
    /// Checks that every access the kernel will make is inside its slice.
    pub(super) fn check(&self) {
        assert!(self.rows > 0 && self.rows <= MOST_ROWS && self.sums.len() >= self.rows);
        assert!(self.planes > 0);
        assert!((self.planes - 1) * self.plane + self.rows * BLOCK <= self.scores.len());
    }
}

/// Raises to powers of e, in the order in which the scores lie in memory.
///
/// # Safety
/// The processor has `V`'s instruction set and [`Softmax::check`] has passed.
#[inline(always)]
pub(super) unsafe fn softmax<V: Vector>(task: &mut Softmax<'_>) {
    let floats = task.rows * BLOCK;
    // Of each row, sixteen candidates, then sixteen sums.
    let mut lanes = [f32::NEG_INFINITY; MOST_ROWS * BLOCK];
    let lanes = &mut lanes[..floats];
    let mut largest = [0.0; MOST_ROWS];
    // SAFETY: `check` has compared the last plane with the scores; a row is a whole number of vectors.
    unsafe {
        let kept = lanes.as_mut_ptr();
        for plane in 0..task.planes {
            let scores = task.scores.as_ptr().add(plane * task.plane);
            for at in (0..floats).step_by(V::LANES) {
                let value = V::load(kept.add(at)).max(V::load(scores.add(at)));
                value.store(kept.add(at));
            }
        }
        for (row, lanes) in lanes.chunks_exact(BLOCK).enumerate() {
            largest[row] = lanes.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        }
        lanes.fill(0.0);
        let kept = lanes.as_mut_ptr();
        for plane in 0..task.planes {
            let scores = task.scores.as_mut_ptr().add(plane * task.plane);
            for row in 0..task.rows {
                let largest = V::splat(*largest.get_unchecked(row));
                for lane in (0..BLOCK).step_by(V::LANES) {
                    let at = row * BLOCK + lane;
                    let value = exp(V::load(scores.add(at)).sub(largest));
                    value.store(scores.add(at));
                    V::load(kept.add(at)).add(value).store(kept.add(at));
                }
            }
        }
        for (sum, lanes) in task.sums.iter_mut().zip(lanes.chunks_exact(BLOCK)) {
            *sum = lanes.iter().sum();
        }
    }
}
