//! Samples of every kind to 8-bit RGB, with Pillow's arithmetic.
//!
//! Alpha is dropped and not blended, 16-bit color keeps its high byte, and 16-bit grey is clipped at
//! 255, which is what `convert('RGB')` does to each of them.

/// A palette of 256 colors. Entries that a file leaves out are grey, as Pillow initialises them.
pub(super) struct Palette(pub(super) [[u8; 3]; 256]);

impl Palette {
    /// From RGB triples; more than 256 are ignored.
    pub(super) fn new(colors: &[u8]) -> Self {
        let mut table = std::array::from_fn(|i| [i as u8; 3]);
        for (entry, color) in table.iter_mut().zip(colors.as_chunks::<3>().0.iter()) {
            entry.copy_from_slice(color);
        }
        Self(table)
    }

    /// Looks up one index a pixel.
    pub(super) fn apply(&self, indices: &[u8], rgb: &mut [u8]) {
        for (pixel, &index) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(indices) {
            pixel.copy_from_slice(&self.0[usize::from(index)]);
        }
    }
}

/// Spreads the grey samples in the first third of `rgb` over all of it. From the end, so that no
/// sample is overwritten before it is read.
pub(super) fn spread_grey(rgb: &mut [u8]) {
    for i in (0..rgb.len() / 3).rev() {
        let grey = rgb[i];
        rgb[i * 3..i * 3 + 3].fill(grey);
    }
}

/// Grey followed by `STRIDE - 1` samples that are dropped.
pub(super) fn grey<const STRIDE: usize>(samples: &[u8], rgb: &mut [u8]) {
    for (pixel, sample) in rgb
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .zip(samples.as_chunks::<STRIDE>().0.iter())
    {
        pixel.fill(sample[0]);
    }
}

/// RGB followed by `STRIDE - 3` samples that are dropped.
pub(super) fn color<const STRIDE: usize>(samples: &[u8], rgb: &mut [u8]) {
    for (pixel, sample) in rgb
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .zip(samples.as_chunks::<STRIDE>().0.iter())
    {
        pixel.copy_from_slice(&sample[..3]);
    }
}

/// 16-bit grey: clipped, not scaled.
pub(super) fn grey16(samples: impl Iterator<Item = u16>, rgb: &mut [u8]) {
    for (pixel, sample) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(samples) {
        pixel.fill(sample.min(255) as u8);
    }
}

/// CMYK as TIFF has it: 0 is no ink.
pub(super) fn cmyk(samples: &[u8], rgb: &mut [u8]) {
    for (pixel, ink) in rgb
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .zip(samples.as_chunks::<4>().0.iter())
    {
        pixel.copy_from_slice(&cmyk_to_rgb([ink[0], ink[1], ink[2], ink[3]]));
    }
}

/// CMYK as Adobe writes it into JPEG: 255 is no ink. Pillow takes every CMYK JPEG for one of those.
pub(super) fn inverted_cmyk(samples: &[u8], rgb: &mut [u8]) {
    for (pixel, ink) in rgb
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .zip(samples.as_chunks::<4>().0.iter())
    {
        pixel.copy_from_slice(&cmyk_to_rgb([!ink[0], !ink[1], !ink[2], !ink[3]]));
    }
}

/// White less the black, less each ink's share of what black leaves.
fn cmyk_to_rgb([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    let left = 255 - i32::from(k);
    [c, m, y].map(|ink| (left - divide_by_255(i32::from(ink) * left)).clamp(0, 255) as u8)
}

/// Rounded division by 255, exact for products of two bytes.
fn divide_by_255(product: i32) -> i32 {
    let biased = product + 128;
    ((biased >> 8) + biased) >> 8
}
