//! The geometry of a tensor of planes of sixteen channels.

use pomona_kernels::packing::padded;
use pomona_kernels::{BLOCK, Strides};

/// Images that the later layers take together: each panel of weights serves all of them.
pub(super) const GROUP: usize = 8;

/// A tensor of one image or of several: `[image][channel / 16][row][column][16]`, or, where an image has
/// one pixel, `[channel / 16][image][16]`, so that images are the pixels of a product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planes {
    pub channels: usize,
    /// Rows and columns, the border aside.
    pub size: usize,
    /// Pixels of zeros on each side.
    pub border: usize,
}

impl Planes {
    /// Blocks of channels.
    pub(super) fn blocks(&self) -> usize {
        padded(self.channels) / BLOCK
    }

    /// Whether an image has one pixel.
    pub(super) fn is_vector(&self) -> bool {
        self.size == 1 && self.border == 0
    }

    /// Floats a row.
    pub(super) fn row(&self) -> usize {
        (self.size + 2 * self.border) * BLOCK
    }

    /// Floats from a plane to the next.
    pub(super) fn plane(&self) -> usize {
        match self.is_vector() {
            true => GROUP * BLOCK,
            false => (self.size + 2 * self.border) * self.row(),
        }
    }

    /// Floats from an image to the next.
    pub(super) fn image(&self) -> usize {
        match self.is_vector() {
            true => BLOCK,
            false => self.blocks() * self.plane(),
        }
    }

    /// Floats of some images.
    pub(super) fn len(&self, images: usize) -> usize {
        match self.is_vector() {
            true => self.blocks() * self.plane(),
            false => images * self.image(),
        }
    }

    /// Floats before the pixel that lies `before` rows above and columns left of the first one.
    pub(super) fn origin(&self, before: usize) -> usize {
        (self.border - before) * (self.row() + BLOCK)
    }

    pub(super) fn strides(&self) -> Strides {
        Strides {
            image: self.image(),
            plane: self.plane(),
            row: self.row(),
        }
    }

    /// Zeroes the border of an image's planes; the kernels write only the pixels.
    pub(super) fn clear_border(&self, image: &mut [f32]) {
        if self.border == 0 {
            return;
        }
        let (row, side) = (self.row(), self.border * BLOCK);
        for plane in image[..self.len(1)].chunks_exact_mut(self.plane()) {
            let rows = plane.len() / row;
            plane[..self.border * row].fill(0.0);
            plane[(rows - self.border) * row..].fill(0.0);
            for row in plane.chunks_exact_mut(row) {
                row[..side].fill(0.0);
                let end = row.len() - side;
                row[end..].fill(0.0);
            }
        }
    }
}
