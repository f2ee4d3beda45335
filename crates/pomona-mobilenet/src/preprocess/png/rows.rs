//! One row of a PNG: its filter undone, its samples to RGB.

use super::passes::Places;
use super::{FORMAT, Header};
use crate::ImageError;
use crate::preprocess::Color;
use crate::preprocess::pixels::Palette;

/// A row's samples, without its filter byte.
pub(super) struct Row<'a>(&'a [u8]);

/// The current row and the one before it, each behind a byte for its filter.
pub(super) struct Unfilter {
    current: Vec<u8>,
    previous: Vec<u8>,
    stride: usize,
}

impl Unfilter {
    pub(super) fn new(row_bytes: usize, stride: usize) -> Self {
        Self {
            current: vec![0; row_bytes + 1],
            previous: vec![0; row_bytes + 1],
            stride,
        }
    }

    /// Where the filter and `len` bytes are to be written.
    pub(super) fn buffer(&mut self, len: usize) -> &mut [u8] {
        &mut self.current[..=len]
    }

    /// Undoes the filter of a row of `len` bytes.
    pub(super) fn run(&mut self, len: usize) -> Result<(), ImageError> {
        let (filter, row) = self.current[..=len]
            .split_first_mut()
            .expect("there is a filter byte");
        let above = &self.previous[1..=len];
        let stride = self.stride.min(len);
        match filter {
            0 => {}
            1 => {
                for i in stride..len {
                    row[i] = row[i].wrapping_add(row[i - stride]);
                }
            }
            2 => {
                for (value, above) in row.iter_mut().zip(above) {
                    *value = value.wrapping_add(*above);
                }
            }
            3 => {
                for i in 0..stride {
                    row[i] = row[i].wrapping_add(above[i] / 2);
                }
                for i in stride..len {
                    let mean = (u16::from(row[i - stride]) + u16::from(above[i])) / 2;
                    row[i] = row[i].wrapping_add(mean as u8);
                }
            }
            4 => {
                for i in 0..stride {
                    row[i] = row[i].wrapping_add(above[i]);
                }
                for i in stride..len {
                    let nearest = paeth(row[i - stride], above[i], above[i - stride]);
                    row[i] = row[i].wrapping_add(nearest);
                }
            }
            other => {
                return Err(ImageError::corrupt(
                    FORMAT,
                    format_args!("a row of filter {other}"),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn row(&self) -> Row<'_> {
        Row(&self.current[1..])
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

/// Of left, above and their corner, the one nearest to left + above - corner.
fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(above), i16::from(corner));
    let (to_left, to_above, to_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    if to_left <= to_above && to_left <= to_corner {
        left
    } else if to_above <= to_corner {
        above
    } else {
        corner
    }
}

/// How samples become RGB.
pub(super) struct Pixels {
    depth: u8,
    kind: u8,
    channels: usize,
    width: usize,
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
            width: header.width as usize,
            palette: Palette::new(palette),
        })
    }

    /// Writes a row to its places.
    pub(super) fn place(&self, row: Row<'_>, places: &Places, rgb: &mut [u8]) {
        let start = places.row() * self.width * 3;
        let line = &mut rgb[start..start + self.width * 3];
        let (first, step) = places.columns();
        let targets = line.as_chunks_mut::<3>().0;
        let samples = row.0;
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

    /// The color of pixels that no row was there for.
    fn blank(&self) -> [u8; 3] {
        match self.kind {
            3 => self.palette.0[0],
            _ => [0; 3],
        }
    }

    /// Fills the image where rows of several passes will not overwrite all of it if data is missing.
    pub(super) fn background(&self, rgb: &mut [u8], interlaced: bool) {
        if interlaced {
            self.fill(rgb);
        }
    }

    /// Fills what lies below the last row that was placed.
    pub(super) fn blank_below(&self, row: usize, places: &Places, rgb: &mut [u8]) {
        if !places.is_interlaced() {
            self.fill(&mut rgb[(row + 1) * self.width * 3..]);
        }
    }

    /// Fills from the row that was to be placed next.
    pub(super) fn blank_from(&self, places: &Places, rgb: &mut [u8]) {
        if !places.is_interlaced() {
            self.fill(&mut rgb[places.row() * self.width * 3..]);
        }
    }

    fn fill(&self, rgb: &mut [u8]) {
        let blank = self.blank();
        for pixel in rgb.as_chunks_mut::<3>().0.iter_mut() {
            *pixel = blank;
        }
    }
}
