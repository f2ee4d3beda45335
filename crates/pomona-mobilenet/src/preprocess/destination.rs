//! Where decoded rows go: to an image, or a few at a time to what takes them in order, so that no image is whole anywhere.

use super::image::{RgbImage, Shape};
use super::pixels;
use crate::ImageError;

/// Takes the rows of an image from the top.
pub(super) trait Rows {
    /// Whether it takes those of an image of this size.
    fn begin(&mut self, width: usize, height: usize) -> bool;

    /// Takes the next rows, three bytes a pixel.
    fn take(&mut self, pixels: &[u8]);
}

/// An image, and what may take its rows in the place of it.
pub(super) struct Destination<'i, 'r> {
    pub(super) image: &'i mut RgbImage,
    rows: Option<&'r mut (dyn Rows + 'r)>,
    /// Bytes of a row.
    row_len: usize,
    /// Rows of the decoded image.
    height: usize,
}

impl<'i, 'r> Destination<'i, 'r> {
    /// Rows of an image that are decoded before they are taken together: some hundred kilobytes of a photograph, which stay
    /// in the second-level cache.
    const BAND: usize = 16;

    pub(super) fn new(image: &'i mut RgbImage, rows: Option<&'r mut (dyn Rows + 'r)>) -> Self {
        Self {
            image,
            rows,
            row_len: 0,
            height: 0,
        }
    }

    /// Makes room for an image of `samples` bytes a pixel, until they are converted, and three from then on; or for some of
    /// its rows, if they are `final_rows`, RGB in order, and are taken.
    pub(super) fn reshape(
        &mut self,
        shape: Shape,
        samples: usize,
        final_rows: bool,
    ) -> Result<(), ImageError> {
        self.row_len = shape.width() * samples;
        self.height = shape.height();
        if let Some(rows) = self.rows.take_if(|_| final_rows)
            && rows.begin(shape.width(), shape.height())
        {
            self.rows = Some(rows);
            let band = shape.part(shape.width() as u32, Self::BAND as u32);
            return self.image.reshape_for(band, samples);
        }
        self.rows = None;
        self.image.reshape_for(shape, samples.max(3))
    }

    /// Room for row `y`.
    pub(super) fn row(&mut self, y: usize) -> &mut [u8] {
        let at = match self.rows {
            Some(_) => y % Self::BAND,
            None => y,
        };
        &mut self.image.pixels[at * self.row_len..][..self.row_len]
    }

    /// Row `y` is written, and those before it.
    pub(super) fn done(&mut self, y: usize) {
        let Some(rows) = &mut self.rows else {
            return;
        };
        let count = y % Self::BAND + 1;
        if count == Self::BAND || y + 1 == self.height {
            rows.take(&self.image.pixels[..count * self.row_len]);
        }
    }

    /// The image holds RGBA, four bytes a pixel, in room for `shape`: passes its RGB on, or keeps it alone.
    pub(super) fn drop_alpha(&mut self, shape: Shape) {
        let row_len = shape.width() * 4;
        if let Some(rows) = &mut self.rows
            && rows.begin(shape.width(), shape.height())
        {
            let mut band = Vec::new();
            for samples in self.image.pixels.chunks(Self::BAND * row_len) {
                band.resize(samples.len(), 0);
                band.copy_from_slice(samples);
                pixels::drop_fourth_in_place(&mut band);
                rows.take(&band[..samples.len() / 4 * 3]);
            }
            return;
        }
        pixels::drop_fourth_in_place(&mut self.image.pixels);
        self.image.narrow();
    }
}
