//! Rows of luma and chroma to RGB, with the numbers of libjpeg's `jdsample.c` and `jdcolor.c`: chroma between its samples by a
//! triangle filter ("fancy upsampling"), then YCbCr to RGB in fixed point.

#[cfg(target_arch = "x86_64")]
use super::color_avx2;
use crate::preprocess::chroma::{CHUNK, NOTHING, Spread, between, of_two_rows, sums};

/// The chroma of one row of pixels.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chroma<'a> {
    /// A sample a pixel.
    Full(&'a [u8]),
    /// A sample for two pixels side by side.
    Half(&'a [u8]),
    /// A sample for four pixels: the row of samples that is nearest, and the one on the other side of the pixels.
    Quarter(&'a [u8], &'a [u8]),
}

/// Writes a row of pixels: as many as `luma` has samples, three bytes each.
pub(super) fn row(luma: &[u8], [blue, red]: [Chroma<'_>; 2], out: &mut [u8]) {
    assert_eq!(out.len(), luma.len() * 3);
    #[cfg(target_arch = "x86_64")]
    if color_avx2::row(luma, [blue, red], out) {
        return;
    }
    portable(luma, [blue, red], out);
}

/// [`row`] without intrinsics.
pub(super) fn portable(luma: &[u8], [blue, red]: [Chroma<'_>; 2], out: &mut [u8]) {
    let (mut blues, mut reds) = (NOTHING, NOTHING);
    let chunks = luma.chunks(CHUNK).zip(out.chunks_mut(CHUNK * 3));
    for (i, (luma, out)) in chunks.enumerate() {
        let blue = blue.chunk(i, luma.len(), &mut blues);
        let red = red.chunk(i, luma.len(), &mut reds);
        convert(luma, blue, red, out);
    }
}

impl Chroma<'_> {
    /// The samples of the `len` pixels of chunk `i`.
    #[inline(always)]
    pub(super) fn chunk<'s>(&'s self, i: usize, len: usize, spread: &'s mut Spread) -> &'s [u8] {
        match self {
            Self::Full(row) => return &row[i * CHUNK..][..len],
            // The rounding differs from pixel to pixel, so that halves go up as often as down.
            Self::Half(row) => {
                let sums = sums(row.len(), i, |columns, sums| {
                    for (sum, sample) in sums.iter_mut().zip(&row[columns]) {
                        *sum = u16::from(*sample);
                    }
                });
                between::<2>(&sums, [1, 2], spread);
            }
            Self::Quarter(near, far) => {
                of_two_rows(near, far, i, [8, 7], spread);
            }
        }
        &spread.as_flattened()[..len]
    }
}

/// Bits of the fixed point, and half of the last place.
const BITS: u32 = 16;
const HALF: i32 = 1 << (BITS - 1);

/// Factors times 2^16.
const RED_OF_RED: i32 = 91_881;
const GREEN_OF_BLUE: i32 = -22_554;
const GREEN_OF_RED: i32 = -46_802;
const BLUE_OF_BLUE: i32 = 116_130;

/// YCbCr to RGB.
#[inline(always)]
pub(super) fn convert(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) {
    let pixels = out.as_chunks_mut::<3>().0.iter_mut();
    for (((out, luma), blue), red) in pixels.zip(luma).zip(blue).zip(red) {
        let (luma, blue, red) = (
            i32::from(*luma),
            i32::from(*blue) - 128,
            i32::from(*red) - 128,
        );
        let parts = [
            RED_OF_RED * red,
            GREEN_OF_BLUE * blue + GREEN_OF_RED * red,
            BLUE_OF_BLUE * blue,
        ];
        *out = parts.map(|part| (luma + ((part + HALF) >> BITS)).clamp(0, 255) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `h2v1_fancy_upsample`, or `h2v2_fancy_upsample` with the weighted sums of two rows, sample by sample.
    fn upsampled(sums: &[u32], quarter: bool) -> Vec<u8> {
        let (scale, round, shift) = if quarter {
            (4, [8, 7], 4)
        } else {
            (4, [1, 2], 2)
        };
        let last = sums.len() - 1;
        let mut out = Vec::new();
        for (i, sum) in sums.iter().enumerate() {
            let left = if i == 0 {
                sum * scale
            } else {
                sum * 3 + sums[i - 1]
            };
            let right = if i == last {
                sum * scale
            } else {
                sum * 3 + sums[i + 1]
            };
            out.push(((left + round[0]) >> shift) as u8);
            out.push(((right + round[1]) >> shift) as u8);
        }
        out
    }

    /// `ycc_rgb_convert` in doubles, which hold all of these numbers.
    fn converted(luma: &[u8], blue: &[u8], red: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (i, luma) in luma.iter().enumerate() {
            let (b, r) = (f64::from(blue[i]) - 128.0, f64::from(red[i]) - 128.0);
            let fixed = |factor: f64| (factor * 65_536.0 + 0.5).floor();
            for part in [
                fixed(1.402) * r,
                -fixed(0.34414) * b - fixed(0.71414) * r,
                fixed(1.772) * b,
            ] {
                let value = f64::from(*luma) + ((part + 32_768.0) / 65_536.0).floor();
                out.push(value.clamp(0.0, 255.0) as u8);
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn rows_are_those_of_libjpeg(
            width in 3_usize..700,
            sampling in 0..3,
            rows in prop::array::uniform5(prop::collection::vec(
                prop_oneof![any::<u8>(), Just(0), Just(255)],
                700,
            )),
        ) {
            let samples = if sampling == 0 { width } else { width.div_ceil(2) };
            let luma = &rows[0][..width];
            let [b, far_b, r, far_r] = std::array::from_fn(|i| &rows[i + 1][..samples]);
            let (chroma, expected) = match sampling {
                0 => ([Chroma::Full(b), Chroma::Full(r)], [b.to_vec(), r.to_vec()]),
                1 => (
                    [Chroma::Half(b), Chroma::Half(r)],
                    [b, r].map(|row| {
                        let sums: Vec<u32> = row.iter().map(|sample| u32::from(*sample)).collect();
                        upsampled(&sums, false)
                    }),
                ),
                _ => (
                    [Chroma::Quarter(b, far_b), Chroma::Quarter(r, far_r)],
                    [(b, far_b), (r, far_r)].map(|(near, far)| {
                        let pairs = near.iter().zip(far);
                        let sums: Vec<u32> =
                            pairs.map(|(a, b)| u32::from(*a) * 3 + u32::from(*b)).collect();
                        upsampled(&sums, true)
                    }),
                ),
            };
            let expected = converted(luma, &expected[0], &expected[1]);
            let (mut plain, mut best) = (vec![1; width * 3], vec![2; width * 3]);
            portable(luma, chroma, &mut plain);
            row(luma, chroma, &mut best);
            prop_assert!(plain == expected, "without intrinsics");
            prop_assert!(best == expected, "with vectors");
        }
    }

    #[test]
    fn every_color_is_converted_alike() {
        let all: Vec<u8> = (0..=255).collect();
        let mut out = [vec![0; 256 * 3], vec![0; 256 * 3]];
        for blue in 0..=255 {
            for red in 0..=255 {
                let (blue, red) = ([blue; 256], [red; 256]);
                let chroma = [Chroma::Full(&blue), Chroma::Full(&red)];
                portable(&all, chroma, &mut out[0]);
                row(&all, chroma, &mut out[1]);
                assert!(out[0] == out[1], "chroma {} {}", blue[0], red[0]);
            }
        }
    }
}
