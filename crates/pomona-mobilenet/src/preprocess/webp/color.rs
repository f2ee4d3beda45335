//! Rows of luma and chroma to RGB, with the numbers of libwebp's `upsampling.c` and `yuv.h`: chroma between its samples by a
//! triangle filter ("fancy upsampling"), then YCbCr to RGB in fixed point.

#[cfg(target_arch = "x86_64")]
use super::color_avx2;
use crate::preprocess::chroma::{CHUNK, NOTHING, Spread, of_two_rows};

/// The samples of one row of pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// One a pixel.
    pub(super) luma: &'a [u8],
    /// One for two by two pixels: the row of samples that is nearest, and the one on the other side of the pixels.
    pub(super) blue: [&'a [u8]; 2],
    /// As `blue`.
    pub(super) red: [&'a [u8]; 2],
}

impl Row<'_> {
    /// Writes the pixels, three bytes each.
    pub(super) fn write(&self, out: &mut [u8]) {
        assert_eq!(out.len(), self.luma.len() * 3);
        #[cfg(target_arch = "x86_64")]
        if color_avx2::write(self, out) {
            return;
        }
        self.write_portable(out);
    }

    /// [`write`](Self::write) without intrinsics.
    pub(super) fn write_portable(&self, out: &mut [u8]) {
        let (mut blues, mut reds) = (NOTHING, NOTHING);
        let chunks = self.luma.chunks(CHUNK).zip(out.chunks_mut(CHUNK * 3));
        for (i, (luma, out)) in chunks.enumerate() {
            let blue = chunk(self.blue, i, luma.len(), &mut blues);
            let red = chunk(self.red, i, luma.len(), &mut reds);
            convert(luma, blue, red, out);
        }
    }
}

/// The chroma of the `len` pixels of chunk `i`.
#[inline(always)]
pub(super) fn chunk<'s>(
    [near, far]: [&[u8]; 2],
    i: usize,
    len: usize,
    spread: &'s mut Spread,
) -> &'s [u8] {
    of_two_rows(near, far, i, [8, 8], spread);
    &spread.as_flattened()[..len]
}

/// Factors times 2^14, and what is added, times 2^6.
pub(super) const OF_LUMA: u16 = 19_077;
pub(super) const RED_OF_RED: u16 = 26_149;
pub(super) const GREEN_OF_BLUE: u16 = 6_419;
pub(super) const GREEN_OF_RED: u16 = 13_320;
pub(super) const BLUE_OF_BLUE: u16 = 33_050;
pub(super) const RED: i16 = -14_234;
pub(super) const GREEN: i16 = 8_708;
pub(super) const BLUE: i16 = -17_685;

/// YCbCr to RGB. Each product is rounded down before the sum.
#[inline(always)]
pub(super) fn convert(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) {
    let product = |sample: u8, factor: u16| (i32::from(sample) * i32::from(factor)) >> 8;
    let pixels = out.as_chunks_mut::<3>().0.iter_mut();
    for (((out, luma), blue), red) in pixels.zip(luma).zip(blue).zip(red) {
        let luma = product(*luma, OF_LUMA);
        let sums = [
            luma + product(*red, RED_OF_RED) + i32::from(RED),
            luma - product(*blue, GREEN_OF_BLUE) - product(*red, GREEN_OF_RED) + i32::from(GREEN),
            luma + product(*blue, BLUE_OF_BLUE) + i32::from(BLUE),
        ];
        *out = sums.map(|sum| (sum >> 6).clamp(0, 255) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn vectors_convert_every_color_as_the_portable_code_does() {
        // Chroma that does not change along the row is not interpolated.
        let luma: Vec<u8> = (0..=255).collect();
        let (mut portable, mut written) = (vec![1; 256 * 3], vec![2; 256 * 3]);
        for blue in 0..=255 {
            for red in 0..=255 {
                let (blue, red) = ([blue; 128], [red; 128]);
                let row = Row {
                    luma: &luma,
                    blue: [&blue, &blue],
                    red: [&red, &red],
                };
                row.write_portable(&mut portable);
                row.write(&mut written);
                assert!(portable == written, "{} {}", blue[0], red[0]);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn vectors_write_the_rows_of_the_portable_code(
            width in 1_usize..700,
            samples in prop::array::uniform5(prop::collection::vec(
                prop_oneof![any::<u8>(), Just(0), Just(255)],
                700,
            )),
        ) {
            let [luma, blue, far_blue, red, far_red] = &samples;
            let half = width.div_ceil(2);
            let row = Row {
                luma: &luma[..width],
                blue: [&blue[..half], &far_blue[..half]],
                red: [&red[..half], &far_red[..half]],
            };
            let (mut portable, mut written) = (vec![1; width * 3], vec![2; width * 3]);
            row.write_portable(&mut portable);
            row.write(&mut written);
            prop_assert!(portable == written);
        }
    }
}
