//! The filters of a PNG's rows undone, a pixel at a time: each needs the one before it.

use super::FORMAT;
use super::rows::Row;
use crate::ImageError;

/// The current row and the one before it.
pub(super) struct Unfilter {
    current: Vec<u8>,
    previous: Vec<u8>,
    stride: usize,
}

impl Unfilter {
    /// For rows of `row_bytes` at the most, in which a filter looks back by `stride`.
    pub(super) fn new(row_bytes: usize, stride: usize) -> Self {
        Self {
            current: vec![0; row_bytes],
            previous: vec![0; row_bytes],
            stride,
        }
    }

    /// Undoes the filter of a row.
    pub(super) fn run(&mut self, filter: u8, raw: &[u8]) -> Result<(), ImageError> {
        let out = &mut self.current[..raw.len()];
        let above = &self.previous[..raw.len()];
        match (filter, self.stride) {
            (0, _) => out.copy_from_slice(raw),
            (2, _) => {
                for ((out, raw), above) in out.iter_mut().zip(raw).zip(above) {
                    *out = raw.wrapping_add(*above);
                }
            }
            (1 | 3 | 4, 1) => undo::<1>(filter, raw, above, out),
            (1 | 3 | 4, 2) => undo::<2>(filter, raw, above, out),
            (1 | 3 | 4, 3) => undo::<3>(filter, raw, above, out),
            (1 | 3 | 4, 4) => undo::<4>(filter, raw, above, out),
            (1 | 3 | 4, 6) => undo::<6>(filter, raw, above, out),
            (1 | 3 | 4, _) => undo::<8>(filter, raw, above, out),
            (other, _) => {
                return Err(ImageError::corrupt(
                    FORMAT,
                    format_args!("a row of filter {other}"),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn row(&self) -> Row<'_> {
        Row(&self.current)
    }

    /// The current row becomes the one before it.
    pub(super) fn swap(&mut self) {
        std::mem::swap(&mut self.current, &mut self.previous);
    }

    /// The row before the first of a pass is zero.
    pub(super) fn clear(&mut self) {
        self.current.fill(0);
    }
}

/// The filters that look back, for pixels of `N` bytes.
fn undo<const N: usize>(filter: u8, raw: &[u8], above: &[u8], out: &mut [u8]) {
    match filter {
        1 => pixels::<N>(raw, above, out, |left, _, _| left),
        3 => pixels::<N>(raw, above, out, |left, above, _| {
            ((u16::from(left) + u16::from(above)) / 2) as u8
        }),
        _ => pixels::<N>(raw, above, out, paeth),
    }
}

/// Adds to each byte what `predict` makes of those to the left, above, and above to the left.
#[inline(always)]
fn pixels<const N: usize>(
    raw: &[u8],
    above: &[u8],
    out: &mut [u8],
    predict: impl Fn(u8, u8, u8) -> u8,
) {
    let (mut left, mut corner) = ([0; N], [0; N]);
    let raw = raw.as_chunks::<N>().0.iter();
    let above = above.as_chunks::<N>().0.iter();
    for ((out, raw), above) in out.as_chunks_mut::<N>().0.iter_mut().zip(raw).zip(above) {
        for i in 0..N {
            left[i] = raw[i].wrapping_add(predict(left[i], above[i], corner[i]));
        }
        corner = *above;
        *out = left;
    }
}

/// Of left, above and their corner, the one nearest to left + above - corner. Without branches, which noise would make
/// unpredictable.
#[inline(always)]
fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(above), i16::from(corner));
    let (to_left, to_above, to_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    let other = if to_above <= to_corner { above } else { corner };
    if to_left <= to_above.min(to_corner) {
        left
    } else {
        other
    }
}
