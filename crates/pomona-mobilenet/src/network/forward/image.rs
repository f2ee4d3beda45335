//! The first convolution, row by row on demand of the first block.

use std::ops::Range;

use pomona_kernels::{BLOCK, Session, Stem};

use super::super::plan::{BlockPlan, Plan};
use super::super::scratch::IMAGE_ROWS;

/// An image, of which some rows are normalised.
pub(super) struct Image<'a> {
    plan: &'a Plan,
    image: &'a [u8],
    /// A ring of rows of the image with a zero pixel at either end, and one row of zeros.
    ring: &'a mut [f32],
    /// Side in pixels.
    size: usize,
    /// Number of rows that have been written to the ring.
    done: usize,
}

impl<'a> Image<'a> {
    /// An empty ring.
    pub(crate) fn new(plan: &'a Plan, image: &'a [u8], ring: &'a mut [f32]) -> Self {
        let size = (image.len() / 3).isqrt();
        // The buffer may be longer, made for a larger image.
        let ring = &mut ring[..(IMAGE_ROWS + 1) * (size + 2) * 3];
        ring.fill(0.0);
        Self {
            plan,
            image,
            ring,
            size,
            done: 0,
        }
    }

    /// Computes rows of the first convolution into a block's padded planes.
    pub(crate) fn fill(
        &mut self,
        session: &Session<'_>,
        block: &BlockPlan,
        expanded: &mut [f32],
        rows: Range<usize>,
    ) {
        let (size, width) = (self.size, (self.size + 2) * 3);
        let stem = &self.plan.stem;
        let before = self.plan.stem_before;
        for row in rows {
            let needed = (2 * row + 3 - before).min(size);
            while self.done < needed {
                let start = (self.done % IMAGE_ROWS) * width + 3;
                let pixels = &self.image[self.done * size * 3..][..size * 3];
                session.normalize(pixels, &mut self.ring[start..start + size * 3]);
                self.done += 1;
            }
            let ring = &*self.ring;
            let three = [0, 1, 2].map(|tap| {
                let inside = (2 * row + tap)
                    .checked_sub(before)
                    .filter(|row| *row < size);
                let slot = inside.map_or(IMAGE_ROWS, |row| row % IMAGE_ROWS);
                &ring[slot * width + (1 - before) * 3..(slot + 1) * width]
            });
            session.stem(Stem {
                rows: three,
                weights: &stem.weights,
                bias: &stem.bias,
                columns: stem.columns,
                pixels: block.input_size,
                output: &mut expanded[(row % block.ring) * block.row() + BLOCK..],
                output_plane: block.plane(),
            });
        }
    }
}
