//! Layer normalisation of pixels whose channels lie in blocks of sixteen.

use super::BLOCK;
use super::vector::Vector;

/// The normalisation of some pixels over all their channels.
pub struct LayerNorm<'a> {
    /// Planes of pixels, from the first pixel on.
    pub input: &'a [f32],
    /// Floats from one input plane to the next.
    pub input_plane: usize,
    /// A factor a channel; their number is that of the channels, a multiple of 16.
    pub scale: &'a [f32],
    /// A summand a channel.
    pub shift: &'a [f32],
    /// What is added to the variance.
    pub epsilon: f32,
    /// Number of pixels.
    pub pixels: usize,
    /// Planes of pixels, from the first pixel on.
    pub output: &'a mut [f32],
    /// Floats from one output plane to the next.
    pub output_plane: usize,
}

impl LayerNorm<'_> {
    /// Checks that every access the kernel will make is inside its slice.
    pub(super) fn check(&self) {
        let channels = self.scale.len();
        assert!(channels > 0 && channels.is_multiple_of(BLOCK) && self.shift.len() == channels);
        let last = channels / BLOCK - 1;
        assert!(last * self.input_plane + self.pixels * BLOCK <= self.input.len());
        assert!(last * self.output_plane + self.pixels * BLOCK <= self.output.len());
    }
}

/// The sum of the lanes of a block of sixteen channels, in pairs.
#[inline(always)]
unsafe fn sum<V: Vector>(vectors: &[V]) -> f32 {
    let mut lanes = [0.0; BLOCK];
    // SAFETY: the caller guarantees the instruction set and a block of vectors.
    unsafe {
        for (index, vector) in vectors.iter().enumerate() {
            vector.store(lanes.as_mut_ptr().add(index * V::LANES));
        }
    }
    let mut count = BLOCK;
    while count > 1 {
        count /= 2;
        for lane in 0..count {
            lanes[lane] += lanes[lane + count];
        }
    }
    lanes[0]
}

/// Normalises: the mean first, then the variance about it.
///
/// # Safety
/// The processor has `V`'s instruction set and [`LayerNorm::check`] has passed.
#[inline(always)]
pub(super) unsafe fn layer_norm<V: Vector>(task: &mut LayerNorm<'_>) {
    let channels = task.scale.len();
    let planes = channels / BLOCK;
    // SAFETY: `check` has compared the furthest pixel of the last plane with the slices.
    unsafe {
        for pixel in 0..task.pixels {
            let from = task.input.as_ptr().add(pixel * BLOCK);
            let to = task.output.as_mut_ptr().add(pixel * BLOCK);
            // As many as the narrowest vectors need; wider ones use the first of them.
            let mut sums = [V::splat(0.0); 4];
            let sums = &mut sums[..BLOCK / V::LANES];
            for plane in 0..planes {
                for (index, sum) in sums.iter_mut().enumerate() {
                    let at = plane * task.input_plane + index * V::LANES;
                    *sum = sum.add(V::load(from.add(at)));
                }
            }
            let mean = V::splat(sum(sums) / channels as f32);
            sums.fill(V::splat(0.0));
            for plane in 0..planes {
                for (index, sum) in sums.iter_mut().enumerate() {
                    let at = plane * task.input_plane + index * V::LANES;
                    let centred = V::load(from.add(at)).sub(mean);
                    *sum = centred.mul_add(centred, *sum);
                }
            }
            let variance = sum(sums) / channels as f32;
            let factor = V::splat(1.0 / (variance + task.epsilon).sqrt());
            for plane in 0..planes {
                for lane in (0..BLOCK).step_by(V::LANES) {
                    let channel = plane * BLOCK + lane;
                    let scale = V::load(task.scale.as_ptr().add(channel));
                    let shift = V::load(task.shift.as_ptr().add(channel));
                    let value = V::load(from.add(plane * task.input_plane + lane));
                    value
                        .sub(mean)
                        .mul(factor)
                        .mul_add(scale, shift)
                        .store(to.add(plane * task.output_plane + lane));
                }
            }
        }
    }
}
