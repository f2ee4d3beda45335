//! Rows of TIFF samples to RGB, with Pillow's arithmetic.

use super::layout::{Layout, Samples};
use crate::preprocess::pixels::{self, Palette};

/// Sums the differences of a row; samples of more than a byte in the order `big_endian` says.
pub(super) fn undo_predictor(row: &mut [u8], layout: &Layout, big_endian: bool) {
    let channels = layout.channels;
    match (layout.predictor, layout.bits) {
        (2, 8) => {
            for i in channels..row.len() {
                row[i] = row[i].wrapping_add(row[i - channels]);
            }
        }
        (2, 16) => {
            let words = row.as_chunks_mut::<2>().0;
            let number = |word: [u8; 2]| match big_endian {
                true => u16::from_be_bytes(word),
                false => u16::from_le_bytes(word),
            };
            for i in channels..words.len() {
                let sum = number(words[i]).wrapping_add(number(words[i - channels]));
                words[i] = match big_endian {
                    true => sum.to_be_bytes(),
                    false => sum.to_le_bytes(),
                };
            }
        }
        (2, 32) => {
            let words = row.as_chunks_mut::<4>().0;
            for i in channels..words.len() {
                let sum = u32::from_le_bytes(words[i])
                    .wrapping_add(u32::from_le_bytes(words[i - channels]));
                words[i] = sum.to_le_bytes();
            }
        }
        (3, 32) => {
            // All highest bytes come first, then the next, down to the lowest.
            for i in channels..row.len() {
                row[i] = row[i].wrapping_add(row[i - channels]);
            }
            let planes = row.to_vec();
            let count = planes.len() / 4;
            for (i, word) in row.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                for (byte, value) in word.iter_mut().enumerate() {
                    *value = planes[(3 - byte) * count + i];
                }
            }
        }
        _ => {}
    }
}

/// Converts a row of `rgb.len() / 3` pixels.
pub(super) fn row(
    samples: &[u8],
    layout: &Layout,
    big_endian: bool,
    palette: &Palette,
    rgb: &mut [u8],
) {
    let channels = layout.channels;
    let bits = layout.bits;
    let high = usize::from(!big_endian);
    let short = |b: &[u8]| match big_endian {
        true => u16::from_be_bytes([b[0], b[1]]),
        false => u16::from_le_bytes([b[0], b[1]]),
    };
    let long = |b: &[u8]| match big_endian {
        true => u32::from_be_bytes([b[0], b[1], b[2], b[3]]),
        false => u32::from_le_bytes([b[0], b[1], b[2], b[3]]),
    };
    let pixels = rgb.as_chunks_mut::<3>().0.iter_mut();
    match (layout.samples, bits) {
        (Samples::Grey { inverted }, _) => {
            let most = ((1u16 << bits) - 1) as u8;
            let flip = if inverted { most } else { 0 };
            for (pixel, value) in pixels.zip(packed(samples, bits)) {
                pixel.fill((value ^ flip) * (255 / most));
            }
        }
        (Samples::Indices, 8) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(channels)) {
                *pixel = palette.0[usize::from(sample[0])];
            }
        }
        (Samples::Indices, _) => {
            for (pixel, index) in pixels.zip(packed(samples, bits)) {
                *pixel = palette.0[usize::from(index)];
            }
        }
        (Samples::GreyWith, _) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(channels)) {
                pixel.fill(sample[0]);
            }
        }
        (Samples::Wide { signed }, _) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(2)) {
                let value = short(sample);
                let negative = signed && value > i16::MAX as u16;
                pixel.fill(if negative { 0 } else { value.min(255) as u8 });
            }
        }
        // Unsigned numbers are read as signed ones.
        (Samples::Long | Samples::SignedLong, _) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(4)) {
                pixel.fill((long(sample) as i32).clamp(0, 255) as u8);
            }
        }
        (Samples::Float, _) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(4)) {
                // Rounded down and clipped, as the conversion does.
                pixel.fill(f32::from_bits(long(sample)) as u8);
            }
        }
        (Samples::Rgb, 8) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(channels)) {
                pixel.copy_from_slice(&sample[..3]);
            }
        }
        (Samples::Rgb, _) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(channels * 2)) {
                *pixel = [sample[high], sample[2 + high], sample[4 + high]];
            }
        }
        (Samples::Premultiplied, 8) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(channels)) {
                *pixel = divided([sample[0], sample[1], sample[2], sample[3]]);
            }
        }
        (Samples::Premultiplied, _) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(8)) {
                let [r, g, b, a] = [0, 2, 4, 6].map(|at| sample[at + high]);
                *pixel = divided([r, g, b, a]);
            }
        }
        (Samples::Inks, 8) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(channels)) {
                *pixel = pixels::cmyk_to_rgb([sample[0], sample[1], sample[2], sample[3]]);
            }
        }
        (Samples::Inks, _) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(8)) {
                *pixel = pixels::cmyk_to_rgb([0, 2, 4, 6].map(|at| sample[at + high]));
            }
        }
        (Samples::Chroma, _) => {
            for (pixel, sample) in pixels.zip(samples.chunks_exact(3)) {
                *pixel = pixels::ycbcr_to_rgb([sample[0], sample[1], sample[2]]);
            }
        }
    }
}

/// Values of up to 8 bits, the first in the high bits.
fn packed(samples: &[u8], bits: u16) -> impl Iterator<Item = u8> {
    let most = ((1u16 << bits) - 1) as u8;
    let per_byte = 8 / bits;
    samples
        .iter()
        .flat_map(move |byte| (0..per_byte).map(move |i| byte >> (8 - bits * (i + 1)) & most))
}

/// The color before it was multiplied with its alpha.
fn divided([r, g, b, a]: [u8; 4]) -> [u8; 3] {
    match a {
        0 => [0; 3],
        255 => [r, g, b],
        a => [r, g, b].map(|value| (u32::from(value) * 255 / u32::from(a)).min(255) as u8),
    }
}
