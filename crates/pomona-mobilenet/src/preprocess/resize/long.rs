//! The passes for sources so long that a table of their coefficients would be the larger part of the
//! memory: a strip of 178,956,970 x 1 pixels is a PNG of 22 kB, and its table would be 3 GB.
//!
//! One output's window is computed, used in every row, and dropped.

use super::portable::clip;
use super::taps::{HALF, Window};

/// Sources of more pixels take this path. No JPEG does: its sides are below 65,536.
pub(super) const LONGEST_TABLE: usize = 1 << 16;

/// Resizes rows of `from` pixels to rows of `to` pixels.
pub(super) fn horizontal(source: &[u8], from: usize, to: usize, out: &mut [u8]) {
    for i in 0..to {
        let window = Window::new(i, from, to);
        let rows = source.chunks_exact(from * 3);
        for (row, out) in rows.zip(out.chunks_exact_mut(to * 3)) {
            let mut sums = [HALF; 3];
            let pixels = row[window.start * 3..].as_chunks::<3>().0.iter();
            for (pixel, weight) in pixels.zip(&window.weights) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum = sum.wrapping_add(i32::from(*value) * weight);
                }
            }
            out[i * 3..][..3].copy_from_slice(&sums.map(clip));
        }
    }
}

/// Resizes columns of `from` pixels to columns of `to` pixels, in rows of `row` bytes.
pub(super) fn vertical(source: &[u8], row: usize, from: usize, to: usize, out: &mut [u8]) {
    let mut sums = vec![HALF; row];
    for (i, out) in out.chunks_exact_mut(row).enumerate() {
        let window = Window::new(i, from, to);
        sums.fill(HALF);
        let rows = source[window.start * row..].chunks_exact(row);
        for (pixels, weight) in rows.zip(&window.weights) {
            for (sum, value) in sums.iter_mut().zip(pixels) {
                *sum = sum.wrapping_add(i32::from(*value) * weight);
            }
        }
        for (out, sum) in out.iter_mut().zip(&sums) {
            *out = clip(*sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kernel, Resizer, Taps};
    use super::*;
    use crate::preprocess::RgbImage;

    #[test]
    fn windows_one_by_one_give_what_the_table_gives() {
        let noise = |len: usize| -> Vec<u8> {
            (0..len as u32)
                .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect()
        };
        for (from, to, other) in [(100, 224, 5), (700, 224, 3), (3, 7, 2), (999, 31, 4)] {
            let source = noise(from * other * 3);
            let mut taps = Taps::none();
            taps.prepare(from, to, Kernel::Portable);
            let (mut table, mut single) = (vec![0; to * other * 3], vec![1; to * other * 3]);
            Kernel::Portable.horizontal(&source, from * 3, &taps, &mut Vec::new(), &mut table);
            horizontal(&source, from, to, &mut single);
            assert!(table == single, "horizontal {from} to {to}");
            Kernel::Portable.vertical(&source, other * 3, &taps, &mut table);
            vertical(&source, other * 3, from, to, &mut single);
            assert!(table == single, "vertical {from} to {to}");
        }
    }

    #[test]
    fn long_sources_keep_no_table() {
        for (width, height) in [(70_000, 2), (2, 70_000)] {
            let pixels = vec![77; width * height * 3];
            let source = RgbImage {
                width: width as u32,
                height: height as u32,
                pixels,
            };
            let mut resizer = Resizer::new(224, 224);
            let mut out = vec![0; 224 * 224 * 3];
            resizer.resize(&source, &mut out);
            assert!(out.iter().all(|value| *value == 77), "{width} x {height}");
            let tables =
                resizer.horizontal.coefficients.len() + resizer.vertical.coefficients.len();
            assert!(tables < 224 * 8, "{tables} coefficients are kept");
        }
    }
}
