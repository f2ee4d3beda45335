//! Pillow's bicubic resize, bit for bit: two passes of fixed-point sums, each rounded to 8 bits.
//!
//! ```text
//! source (w x h) ── horizontal ──> middle (n x h) ── vertical ──> out (n x n)
//! ```
//!
//! A tall image goes the other way round, as in Pillow.
//!
//! The sums are of 8-bit pixels times 22-bit coefficients, which do not fit the 16-bit multiply and
//! add that makes such filters fast. Each coefficient is therefore cut into digits that do fit, the
//! sums are taken a digit at a time and put together again: integers throughout, so exact.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernel;
mod long;
mod portable;
mod taps;

pub use kernel::Kernel;

use super::RgbImage;
use taps::Taps;

/// Resizes RGB images to one size, keeping the coefficients of the last source size and the
/// buffers between the passes.
#[derive(Debug)]
pub struct Resizer {
    width: usize,
    height: usize,
    kernel: Kernel,
    horizontal: Taps,
    vertical: Taps,
    middle: Vec<u8>,
    row: Vec<u8>,
    /// Bytes of a row of the source whose rows are taken, and rows that were.
    taking: (usize, usize),
}

impl Resizer {
    /// A resizer to `width` x `height` pixels, with the fastest instructions of this processor.
    ///
    /// # Panics
    /// When either is zero.
    pub fn new(width: usize, height: usize) -> Self {
        Self::with_kernel(width, height, Kernel::fastest())
    }

    /// A resizer with given instructions, so that tests can compare them.
    ///
    /// # Panics
    /// When a dimension is zero, or when this processor lacks the instructions.
    pub fn with_kernel(width: usize, height: usize, kernel: Kernel) -> Self {
        assert!(width > 0 && height > 0, "an image has at least one pixel");
        assert!(kernel.is_available(), "{kernel:?} needs another processor");
        Self {
            width,
            height,
            kernel,
            horizontal: Taps::none(),
            vertical: Taps::none(),
            middle: Vec::new(),
            row: Vec::new(),
            taking: (0, 0),
        }
    }

    /// Prepares to take the rows of an image of a size one after the other, and says whether it can: where the horizontal
    /// pass comes first, and both sides change.
    pub(super) fn begin(&mut self, width: usize, height: usize) -> bool {
        let target = (self.width, self.height);
        if width == target.0 || height == target.1 || vertical_first((width, height), target) {
            return false;
        }
        self.horizontal.prepare(width, self.width, self.kernel);
        self.vertical.prepare(height, self.height, self.kernel);
        self.middle.resize(self.width * 3 * height, 0);
        self.taking = (width * 3, 0);
        // The windows of a long row are computed anew for each call.
        !self.horizontal.is_long()
    }

    /// Takes the next rows after [`begin`](Self::begin).
    pub(super) fn take(&mut self, rows: &[u8]) {
        let (from, to) = (self.taking.0, self.width * 3);
        let count = rows.len() / from;
        let out = &mut self.middle[self.taking.1 * to..][..count * to];
        self.taking.1 += count;
        self.kernel
            .horizontal(rows, from, &self.horizontal, &mut self.row, out);
    }

    /// Writes the resized image to `out`, as [`resize`](Self::resize) does, after all rows were taken.
    pub(super) fn finish(&mut self, out: &mut [u8]) {
        assert_eq!(out.len(), self.width * self.height * 3, "output size");
        assert_eq!(self.taking.1, self.vertical.source(), "all rows");
        self.kernel
            .vertical(&self.middle, self.width * 3, &self.vertical, out);
    }

    /// Writes the resized `source` to `out`, rows from the top, three bytes a pixel. An image that
    /// has the size already is copied, and a pass along a side that has its length is left out.
    ///
    /// # Panics
    /// When `out` is not `width * height * 3` long, or `source` has not the pixels its size says.
    pub fn resize(&mut self, source: &RgbImage, out: &mut [u8]) {
        let (width, height) = (source.width as usize, source.height as usize);
        assert_eq!(out.len(), self.width * self.height * 3, "output size");
        assert_eq!(source.pixels.len(), width * height * 3, "source size");
        assert!(width > 0 && height > 0, "an image has at least one pixel");

        self.horizontal.prepare(width, self.width, self.kernel);
        self.vertical.prepare(height, self.height, self.kernel);
        let (from, to) = (width * 3, self.width * 3);
        let Self {
            kernel,
            horizontal,
            vertical,
            middle,
            row,
            ..
        } = self;
        match (width == self.width, height == self.height) {
            (true, true) => out.copy_from_slice(&source.pixels),
            (true, false) => kernel.vertical(&source.pixels, to, vertical, out),
            (false, true) => kernel.horizontal(&source.pixels, from, horizontal, row, out),
            (false, false) if vertical_first((width, height), (self.width, self.height)) => {
                middle.resize(from * self.height, 0);
                kernel.vertical(&source.pixels, from, vertical, middle);
                kernel.horizontal(middle, from, horizontal, row, out);
            }
            (false, false) => {
                middle.resize(to * height, 0);
                kernel.horizontal(&source.pixels, from, horizontal, row, middle);
                kernel.vertical(middle, to, vertical, out);
            }
        }
    }
}

/// Whether Pillow 13 takes the vertical pass first, which shows in the rounding between the passes:
/// when the height shrinks, and by more than twice as much as the width. Observed, on some 700 pairs
/// of sizes; before version 13 the horizontal pass always came first.
fn vertical_first((width, height): (usize, usize), target: (usize, usize)) -> bool {
    height > target.1 && height - target.1 > 2 * width.saturating_sub(target.0)
}
