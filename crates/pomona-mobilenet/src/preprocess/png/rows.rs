//! One row of a PNG: its samples to RGB.

use super::passes::Places;
use super::{FORMAT, Header};
use crate::ImageError;
use crate::preprocess::Color;
use crate::preprocess::pixels::Palette;

/// A row's samples, without its filter byte.
pub(super) struct Row<'a>(pub(super) &'a [u8]);

/// How samples become RGB.
pub(super) struct Pixels {
    depth: u8,
    kind: u8,
    channels: usize,
    palette: Palette,
}

impl Pixels {
    pub(super) fn new(header: &Header, palette: Option<&[u8]>) -> Result<Self, ImageError> {
        let palette = palette.unwrap_or(&[]);
        if header.color == Color::P && palette.len() > 768 {
            return Err(ImageError::corrupt(
                FORMAT,
                "a palette of more than 256 colors",
            ));
        }
        Ok(Self {
            depth: header.depth,
            kind: header.kind,
            channels: header.bits_per_pixel() / usize::from(header.depth),
            palette: Palette::new(palette),
        })
    }

    /// Writes a row to its places in a line of the image.
    pub(super) fn place(&self, row: Row<'_>, places: &Places, line: &mut [u8]) {
        let (first, step) = places.columns();
        let samples = row.0;
        if step == 1 && (self.depth, self.kind) == (8, 2) {
            return line.copy_from_slice(&samples[..line.len()]);
        }
        let targets = line.as_chunks_mut::<3>().0;
        if step == 1 {
            return self.convert(samples, targets.iter_mut());
        }
        self.convert(samples, targets.iter_mut().skip(first).step_by(step));
    }

    fn convert<'p>(&self, samples: &[u8], pixels: impl Iterator<Item = &'p mut [u8; 3]>) {
        let whole = |bytes: usize| samples.chunks_exact(bytes);
        match (self.depth, self.kind) {
            (8, 2) => pixels
                .zip(whole(3))
                .for_each(|(pixel, sample)| pixel.copy_from_slice(sample)),
            (8, 6) => pixels
                .zip(whole(4))
                .for_each(|(pixel, sample)| pixel.copy_from_slice(&sample[..3])),
            (8, 0 | 4) => pixels
                .zip(whole(self.channels))
                .for_each(|(pixel, sample)| *pixel = [sample[0]; 3]),
            (8, _) => pixels
                .zip(samples)
                .for_each(|(pixel, index)| *pixel = self.palette.0[usize::from(*index)]),
            // 16-bit grey is clipped, everything else of 16 bits keeps its high byte.
            (16, 0) => pixels.zip(whole(2)).for_each(|(pixel, sample)| {
                *pixel = [if sample[0] > 0 { 255 } else { sample[1] }; 3];
            }),
            (16, 4) => pixels
                .zip(whole(4))
                .for_each(|(pixel, sample)| *pixel = [sample[0]; 3]),
            (16, _) => pixels
                .zip(whole(self.channels * 2))
                .for_each(|(pixel, sample)| *pixel = [sample[0], sample[2], sample[4]]),
            (depth, kind) => {
                let most = (1u8 << depth) - 1;
                let per_byte = usize::from(8 / depth);
                for (x, pixel) in pixels.enumerate() {
                    let shift = 8 - depth * (x % per_byte + 1) as u8;
                    let value = samples[x / per_byte] >> shift & most;
                    *pixel = match kind {
                        0 => [value * (255 / most); 3],
                        _ => self.palette.0[usize::from(value)],
                    };
                }
            }
        }
    }

    /// Fills what no row was there for.
    pub(super) fn blank(&self, rgb: &mut [u8]) {
        let blank = match self.kind {
            3 => self.palette.0[0],
            _ => [0; 3],
        };
        for pixel in rgb.as_chunks_mut::<3>().0.iter_mut() {
            *pixel = blank;
        }
    }
}
