//! Chroma of which one sample stands for several pixels, spread over them by a triangle filter ("fancy upsampling"): three
//! parts of the nearer sample and one of the other. JPEG and WebP differ in how they round.

use std::ops::Range;

/// Pixels of a chunk.
pub(super) const CHUNK: usize = 128;

/// Chroma samples of a chunk, spread over its pixels.
pub(super) type Spread = [[u8; 2]; CHUNK / 2];

/// Room for the samples of a chunk.
pub(super) const NOTHING: Spread = [[0; 2]; CHUNK / 2];

/// Spreads chunk `i` of a row of samples of two by two pixels, of which `near` is the row that is nearer to the pixels, and
/// `far` the one on their other side. `round` is for the pixels left and right of the middle of a sample, in sixteenths.
#[inline(always)]
pub(super) fn of_two_rows(near: &[u8], far: &[u8], i: usize, round: [u16; 2], spread: &mut Spread) {
    let sums = sums(near.len(), i, |columns, sums| {
        let samples = near[columns.clone()].iter().zip(&far[columns]);
        for (sum, (near, far)) in sums.iter_mut().zip(samples) {
            *sum = u16::from(*near) * 3 + u16::from(*far);
        }
    });
    between::<4>(&sums, round, spread);
}

/// Sums of the columns of chunk `i`, with one on either side; beyond the edges of the row, the one at the edge.
#[inline(always)]
pub(super) fn sums(
    width: usize,
    i: usize,
    fill: impl Fn(Range<usize>, &mut [u16]),
) -> [u16; CHUNK / 2 + 2] {
    let first = i * CHUNK / 2;
    let count = (width - first).min(CHUNK / 2);
    let mut sums = [0; CHUNK / 2 + 2];
    let columns = first.saturating_sub(1)..(first + count + 1).min(width);
    fill(columns.clone(), &mut sums[columns.start + 1 - first..]);
    if first == 0 {
        sums[0] = sums[1];
    }
    if first + count == width {
        sums[count + 1] = sums[count];
    }
    sums
}

/// Three parts of the nearer column and one of the other, for the pixels left and right of the middle of each column.
#[inline(always)]
pub(super) fn between<const SHIFT: u32>(
    sums: &[u16; CHUNK / 2 + 2],
    round: [u16; 2],
    spread: &mut Spread,
) {
    let (left, middle, right) = (&sums[..], &sums[1..], &sums[2..]);
    for (((out, left), middle), right) in spread.iter_mut().zip(left).zip(middle).zip(right) {
        let even = (middle * 3 + left + round[0]) >> SHIFT;
        let odd = (middle * 3 + right + round[1]) >> SHIFT;
        *out = (even | odd << 8).to_le_bytes();
    }
}
