//! The passes in plain Rust: what the other kernels are compared with, and what runs elsewhere.

use super::taps::{HALF, PRECISION, Taps};

/// One row of the horizontal pass.
pub(super) fn row(pixels: &[u8], taps: &Taps, out: &mut [u8]) {
    for (i, out) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let mut sums = [HALF; 3];
        let window = pixels[taps.starts[i] * 3..].as_chunks::<3>().0.iter();
        for (pixel, coefficient) in window.zip(taps.of(i)) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum = sum.wrapping_add(i32::from(*value) * coefficient);
            }
        }
        out.copy_from_slice(&sums.map(clip));
    }
}

/// Row `y` of the vertical pass. Strips of columns, so that their sums stay in registers.
pub(super) fn column(source: &[u8], row: usize, taps: &Taps, y: usize, out: &mut [u8]) {
    const STRIP: usize = 32;
    let (strips, rest) = out.as_chunks_mut::<STRIP>();
    let mut x = 0;
    for strip in strips {
        let sums = strip_sums::<STRIP>(source, row, taps, y, x);
        for (out, sum) in strip.iter_mut().zip(sums) {
            *out = clip(sum);
        }
        x += STRIP;
    }
    column_rest(source, row, taps, y, x, rest);
}

/// The columns of row `y` from `x` on, one at a time.
pub(super) fn column_rest(
    source: &[u8],
    row: usize,
    taps: &Taps,
    y: usize,
    x: usize,
    out: &mut [u8],
) {
    for (i, out) in out.iter_mut().enumerate() {
        let [sum] = strip_sums::<1>(source, row, taps, y, x + i);
        *out = clip(sum);
    }
}

fn strip_sums<const N: usize>(
    source: &[u8],
    row: usize,
    taps: &Taps,
    y: usize,
    x: usize,
) -> [i32; N] {
    let mut sums = [HALF; N];
    let rows = source[taps.starts[y] * row..].chunks_exact(row);
    for (pixels, coefficient) in rows.zip(taps.of(y)) {
        for (sum, value) in sums.iter_mut().zip(&pixels[x..x + N]) {
            *sum = sum.wrapping_add(i32::from(*value) * coefficient);
        }
    }
    sums
}

/// From fixed point to a byte.
pub(super) fn clip(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}
