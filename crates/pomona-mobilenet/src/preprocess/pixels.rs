//! Samples of every kind to 8-bit RGB, with Pillow's arithmetic.
//!
//! Alpha is dropped and not blended, 16-bit color keeps its high byte, and 16-bit grey is clipped at
//! 255, which is what `convert('RGB')` does to each of them.

/// A palette of 256 colors. Entries that a file leaves out are black.
pub(super) struct Palette(pub(super) [[u8; 3]; 256]);

impl Palette {
    /// From RGB triples; more than 256 are ignored.
    pub(super) fn new(colors: &[u8]) -> Self {
        let mut table = [[0; 3]; 256];
        for (entry, color) in table.iter_mut().zip(colors.as_chunks::<3>().0.iter()) {
            entry.copy_from_slice(color);
        }
        Self(table)
    }

    /// Each index as its own grey.
    pub(super) fn greys() -> Self {
        Self(std::array::from_fn(|i| [i as u8; 3]))
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

/// Drops the fourth sample of each pixel: four bytes a pixel become three at the front of `samples`.
pub(super) fn drop_fourth_in_place(samples: &mut [u8]) {
    // The fourth is written too, and then overwritten: one store a pixel.
    for i in 0..samples.len() / 4 {
        samples.copy_within(i * 4..i * 4 + 4, i * 3);
    }
}

/// CMYK as Adobe writes it into JPEG: 255 is no ink. Pillow takes every CMYK JPEG for one of those.
/// Four bytes a pixel become three at the front of `samples`.
pub(super) fn inverted_cmyk_in_place(samples: &mut [u8]) {
    for i in 0..samples.len() / 4 {
        let inks = [0, 1, 2, 3].map(|channel| !samples[i * 4 + channel]);
        samples[i * 3..i * 3 + 3].copy_from_slice(&cmyk_to_rgb(inks));
    }
}

/// White less the black, less each ink's share of what black leaves.
pub(super) fn cmyk_to_rgb([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    let left = 255 - i32::from(k);
    [c, m, y].map(|ink| (left - divide_by_255(i32::from(ink) * left)).clamp(0, 255) as u8)
}

/// Rounded division by 255, exact for products of two bytes.
fn divide_by_255(product: i32) -> i32 {
    let biased = product + 128;
    ((biased >> 8) + biased) >> 8
}

/// YCbCr with Pillow's integers: each product to 1/64, then the sum rounded down.
pub(super) fn ycbcr_to_rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    // As the tables were made: 64 times the factor, rounded by adding a half and cutting.
    let scaled =
        |chroma: u8, factor: f64| ((f64::from(chroma) - 128.0) * factor * 64.0 + 0.5) as i32;
    let red = scaled(cr, 1.402) >> 6;
    let green = (scaled(cb, -0.34414) + scaled(cr, -0.71414)) >> 6;
    let blue = scaled(cb, 1.772) >> 6;
    [red, green, blue].map(|chroma| (i32::from(y) + chroma).clamp(0, 255) as u8)
}
