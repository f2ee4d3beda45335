//! Pillow's bicubic resize, bit for bit: two passes of fixed-point sums, each rounded to 8 bits.
//!
//! ```text
//! source (w x h) ── horizontal ──> middle (n x h) ── vertical ──> out (n x n)
//! ```
//!
//! The sums are of 8-bit pixels times 22-bit coefficients, which do not fit the 16-bit multiply and
//! add that makes such filters fast. Each coefficient is therefore cut into digits that do fit, the
//! sums are taken a digit at a time and put together again: integers throughout, so exact.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernel;
mod portable;
mod taps;

pub use kernel::Kernel;

use super::RgbImage;
use taps::Taps;

/// Resizes RGB pictures to one size, keeping the coefficients of the last source size and the
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
        assert!(width > 0 && height > 0, "a picture has at least one pixel");
        assert!(kernel.is_available(), "{kernel:?} needs another processor");
        Self {
            width,
            height,
            kernel,
            horizontal: Taps::none(),
            vertical: Taps::none(),
            middle: Vec::new(),
            row: Vec::new(),
        }
    }

    /// Writes the resized `source` to `out`, rows from the top, three bytes a pixel. A picture that
    /// has the size already is copied, and a pass along a side that has its length is left out.
    ///
    /// # Panics
    /// When `out` is not `width * height * 3` long, or `source` has not the pixels its size says.
    pub fn resize(&mut self, source: &RgbImage, out: &mut [u8]) {
        let (width, height) = (source.width as usize, source.height as usize);
        assert_eq!(out.len(), self.width * self.height * 3, "output size");
        assert_eq!(source.pixels.len(), width * height * 3, "source size");
        assert!(width > 0 && height > 0, "a picture has at least one pixel");

        let (same_width, same_height) = (width == self.width, height == self.height);
        self.horizontal.prepare(width, self.width, self.kernel);
        self.vertical.prepare(height, self.height, self.kernel);
        let row = self.width * 3;
        match (same_width, same_height) {
            (true, true) => out.copy_from_slice(&source.pixels),
            (true, false) => self
                .kernel
                .vertical(&source.pixels, row, &self.vertical, out),
            (false, true) => self.kernel.horizontal(
                &source.pixels,
                width * 3,
                &self.horizontal,
                &mut self.row,
                out,
            ),
            (false, false) => {
                self.middle.resize(row * height, 0);
                self.kernel.horizontal(
                    &source.pixels,
                    width * 3,
                    &self.horizontal,
                    &mut self.row,
                    &mut self.middle,
                );
                self.kernel.vertical(&self.middle, row, &self.vertical, out);
            }
        }
    }
}
