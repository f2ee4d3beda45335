//! TIFF, first page, strip by strip.
//!
//! What cannot be read as Pillow does is refused by name: an image that comes out slightly different
//! would move the features and nobody would notice.

mod directory;
mod fax;
mod fax_codes;
mod layout;
mod page;
mod strips;
mod unpack;

use super::image::{Context, Plan, RgbImage, Shape, resize_buffer};
use super::pixels::Palette;
use super::{ImageFormat, ImageInfo, jpeg, orientation};
use crate::ImageError;
use directory::{Directory, Tag};
use layout::{Compression, Layout, Samples};
use page::{Chunk, Page};

const FORMAT: ImageFormat = ImageFormat::Tiff;

/// Width, height and color from the first directory, of the image turned upright.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let layout = Layout::read(&Directory::first(bytes)?)?;
    Ok(orientation::upright(
        layout.info(),
        Some(layout.orientation),
    ))
}

/// What decoding takes.
pub(super) fn plan(bytes: &[u8]) -> Result<Plan, ImageError> {
    let page = Page::read(bytes)?;
    page.plan()
}

/// Decodes the first page to RGB and turns it upright, as Pillow does when it loads it.
pub(super) fn decode(
    bytes: &[u8],
    context: &Context<'_>,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let page = Page::read(bytes)?;
    let mut shape = context.admit(&page.plan()?)?;
    if orientation::is_turned(page.layout.orientation) {
        // The plan is that of the upright image.
        shape = shape.turned();
    }
    let palette = match page.layout.samples {
        Samples::Indices => layout::palette(&page.directory)?,
        _ => Palette::new(&[]),
    };
    page.check_data(context)?;
    into.reshape(shape)?;
    match page.layout.compression {
        Compression::None => page.copy(&palette, shape, context, into)?,
        Compression::Jpeg => page.decode_jpeg(&palette, context, into)?,
        _ => page.decompress(&palette, context, into)?,
    }
    orientation::apply(into, page.layout.orientation, FORMAT)
}
impl Page<'_> {
    /// Refuses what the file is too short to hold, before memory is allocated for it.
    fn check_data(&self, context: &Context<'_>) -> Result<(), ImageError> {
        let truncated = ImageError::Truncated { format: FORMAT };
        let layout = &self.layout;
        let (offsets, _) = self.offsets();
        if self.directory.count(offsets) == 0 {
            return Err(ImageError::corrupt(FORMAT, "there are no strips or tiles"));
        }
        for (i, chunk) in self.chunks().enumerate() {
            if i % 4096 == 0 {
                context.check()?;
            }
            let row = layout.row_bytes(chunk.width as u32);
            if layout.compression == Compression::None {
                let needed = self.raw_stride(&chunk) * (chunk.height - 1) + row;
                if self
                    .raw_data(&chunk)
                    .is_some_and(|data| data.len() < needed)
                    && !context.pads()
                {
                    return Err(truncated);
                }
                continue;
            }
            let data = self.data(&chunk)?;
            let most =
                (data.len() as u64).saturating_mul(strips::most_expansion(layout.compression));
            if most < (row * chunk.height) as u64 {
                return Err(truncated);
            }
        }
        if layout.compression == Compression::None {
            let needed = self.chunks().count();
            if (needed > 1 || layout.is_planar) && self.directory.count(offsets) > needed {
                return Err(ImageError::feature(
                    FORMAT,
                    "more strips than the image has",
                ));
            }
        }
        Ok(())
    }

    /// Uncompressed data, where it lies.
    fn copy(
        &self,
        palette: &Palette,
        shape: Shape,
        context: &Context<'_>,
        into: &mut RgbImage,
    ) -> Result<(), ImageError> {
        let expected = self.chunks().count();
        if context.pads() || self.directory.count(self.offsets().0) < expected {
            self.blank(palette, &mut into.pixels);
        }
        let mut reversed = Vec::new();
        for chunk in self.chunks() {
            context.check()?;
            let Some(data) = self.raw_data(&chunk) else {
                continue;
            };
            let stride = self.raw_stride(&chunk);
            let row_bytes = self.layout.row_bytes(chunk.width as u32);
            for y in 0..chunk.height {
                let Some(samples) = data
                    .get(y * stride..)
                    .and_then(|rest| rest.get(..row_bytes))
                else {
                    break;
                };
                let samples = match self.layout.reversed_bits {
                    true => {
                        reversed.clear();
                        reversed.extend(samples.iter().map(|byte| byte.reverse_bits()));
                        &reversed[..]
                    }
                    false => samples,
                };
                self.place(samples, &chunk, y, palette, shape.width(), &mut into.pixels);
            }
        }
        Ok(())
    }

    /// Zero samples everywhere.
    fn blank(&self, palette: &Palette, rgb: &mut [u8]) {
        let zero = [0; 32];
        let mut color = [0; 3];
        let samples = match self.layout.samples {
            // Rows are inverted as they are read, not what no row is read for.
            Samples::Grey { .. } => None,
            _ => Some(&zero[..self.layout.row_bytes(1)]),
        };
        if let (Some(samples), 1) = (samples, self.layout.planes) {
            unpack::row(samples, &self.layout, false, palette, &mut color);
        }
        for pixel in rgb.as_chunks_mut::<3>().0.iter_mut() {
            *pixel = color;
        }
    }

    fn decompress(
        &self,
        palette: &Palette,
        context: &Context<'_>,
        into: &mut RgbImage,
    ) -> Result<(), ImageError> {
        let layout = &self.layout;
        let row_bytes = layout.row_bytes(layout.chunk_width);
        let mut strip = Vec::new();
        for chunk in self.chunks() {
            context.check()?;
            // A tile is whole, a strip ends with the image.
            let rows = match layout.tiled {
                true => layout.chunk_height as usize,
                false => chunk.height,
            };
            resize_buffer(&mut strip, rows * row_bytes, FORMAT)?;
            strips::decompress(self.data(&chunk)?, layout, context, &mut strip)?;
            for (y, row) in strip
                .chunks_exact_mut(row_bytes)
                .take(chunk.height)
                .enumerate()
            {
                unpack::undo_predictor(row, layout, self.directory.big_endian);
                self.place(
                    row,
                    &chunk,
                    y,
                    palette,
                    layout.width as usize,
                    &mut into.pixels,
                );
            }
        }
        Ok(())
    }

    fn decode_jpeg(
        &self,
        palette: &Palette,
        context: &Context<'_>,
        into: &mut RgbImage,
    ) -> Result<(), ImageError> {
        let layout = &self.layout;
        let tables = self.directory.data(Tag::JpegTables);
        let mut part = jpeg::Part::default();
        for chunk in self.chunks() {
            let data = self.data(&chunk)?;
            part.decode(tables, data, context)?;
            if part.width != layout.chunk_width as usize
                || part.height < chunk.height
                || part.channels != layout.channels
            {
                return Err(ImageError::corrupt(FORMAT, "JPEG data of another size"));
            }
            let row_bytes = part.width * part.channels;
            for (y, row) in part
                .samples
                .chunks_exact(row_bytes)
                .take(chunk.height)
                .enumerate()
            {
                self.place(
                    row,
                    &chunk,
                    y,
                    palette,
                    layout.width as usize,
                    &mut into.pixels,
                );
            }
        }
        Ok(())
    }

    /// Converts row `y` of a chunk.
    fn place(
        &self,
        samples: &[u8],
        chunk: &Chunk,
        y: usize,
        palette: &Palette,
        width: usize,
        rgb: &mut [u8],
    ) {
        let start = ((chunk.top + y) * width + chunk.left) * 3;
        let rgb = &mut rgb[start..start + chunk.width * 3];
        if self.layout.planes == 1 {
            return unpack::row(
                samples,
                &self.layout,
                self.directory.big_endian,
                palette,
                rgb,
            );
        }
        // The planes behind the colors, and all behind the grey, are dropped.
        let pixels = rgb.as_chunks_mut::<3>().0.iter_mut().zip(samples);
        match (self.layout.samples, chunk.plane) {
            (Samples::GreyWith, 0) => pixels.for_each(|(pixel, value)| pixel.fill(*value)),
            (Samples::Rgb, plane @ 0..3) => pixels.for_each(|(pixel, value)| pixel[plane] = *value),
            _ => {}
        }
    }
}
