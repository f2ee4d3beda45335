//! Windows bitmaps through the `image` crate, with Pillow's rounding of 16-bit colors.

use super::image::Shape;
use super::raster;
use super::{Color, DecodeLimits, ImageFormat, ImageInfo, RgbImage};
use crate::ImageError;
use ::image::codecs::bmp::BmpDecoder;
use std::io::Cursor;

/// Width, height and color from the header.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let header = Header::read(bytes)?;
    if header.width > 0 && header.height > 0 {
        open(bytes)?;
    }
    Ok(ImageInfo {
        format: ImageFormat::Bmp,
        width: header.width,
        height: header.height,
        color: header.color(bytes),
    })
}

/// Decodes to RGB.
pub(super) fn decode(
    bytes: &[u8],
    limits: &DecodeLimits,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let header = Header::read(bytes)?;
    // The decoder refuses what it finds too large in words of its own.
    Shape::new(ImageFormat::Bmp, header.width, header.height, limits)?;
    raster::read(ImageFormat::Bmp, open(bytes)?, limits, into)?;
    if header.bits == 16 {
        // A channel of n bits comes rounded to the nearest byte; Pillow rounds it down.
        let green = if header.compression == BITFIELDS && header.masks[1] == 0x7e0 {
            63
        } else {
            31
        };
        let tables = [floored(31), floored(green), floored(31)];
        for pixel in into.pixels.as_chunks_mut::<3>().0.iter_mut() {
            for (value, table) in pixel.iter_mut().zip(&tables) {
                *value = table[usize::from(*value)];
            }
        }
    }
    Ok(())
}

fn open(bytes: &[u8]) -> Result<BmpDecoder<Cursor<&[u8]>>, ImageError> {
    BmpDecoder::new(Cursor::new(bytes)).map_err(|e| raster::failed(ImageFormat::Bmp, e))
}

/// For each byte that is a level of `0..=most` rounded to the nearest, the level rounded down.
fn floored(most: u32) -> [u8; 256] {
    std::array::from_fn(|byte| {
        let level = (byte as u32 * most + 127) / 255;
        (level * 255 / most) as u8
    })
}

const BITFIELDS: u32 = 3;

/// What decides size and color, of any version of the header.
struct Header {
    width: u32,
    height: u32,
    bits: u16,
    compression: u32,
    /// Red, green, blue and alpha, of a header with bit fields.
    masks: [u32; 4],
    /// Where the palette starts, its entries and the bytes of each.
    palette: (usize, usize, usize),
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        let short = |at: usize| -> Option<u16> {
            Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
        };
        let long = |at: usize| -> Option<u32> {
            Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
        };
        let read = || {
            let size = long(14)?;
            if size == 12 {
                let bits = short(24)?;
                return Some(Self {
                    width: short(18)?.into(),
                    height: short(20)?.into(),
                    bits,
                    compression: 0,
                    masks: [0; 4],
                    palette: (26, 1 << bits.min(8), 3),
                });
            }
            let bits = short(28)?;
            let compression = long(30)?;
            let masks = if compression == BITFIELDS {
                let alpha = if size >= 56 { long(66)? } else { 0 };
                [long(54)?, long(58)?, long(62)?, alpha]
            } else {
                [0; 4]
            };
            let colors = match long(46)? {
                0 => 1 << bits.min(8),
                colors => colors as usize,
            };
            Some(Self {
                // Rows from the top down are told by a negative height.
                width: long(18)?,
                height: (long(22)? as i32).unsigned_abs(),
                bits,
                compression,
                masks,
                palette: (14 + size as usize, colors, 4),
            })
        };
        read().ok_or(ImageError::Truncated {
            format: ImageFormat::Bmp,
        })
    }

    /// Pillow's mode: a palette of nothing but its own greys is grey.
    fn color(&self, bytes: &[u8]) -> Color {
        if self.bits > 8 {
            return match self.bits {
                32 if self.compression == BITFIELDS && self.masks[3] != 0 => Color::Rgba,
                _ => Color::Rgb,
            };
        }
        let (start, colors, size) = self.palette;
        let entries = bytes.get(start..).unwrap_or(&[]).chunks_exact(size);
        let step = if colors == 2 { 255 } else { 1 };
        let is_grey = entries.take(colors).enumerate().all(|(i, entry)| {
            entry[..3]
                .iter()
                .all(|value| usize::from(*value) == i * step)
        });
        match (is_grey, colors) {
            (true, ..=2) => Color::Bilevel,
            (true, _) => Color::L,
            (false, _) => Color::P,
        }
    }
}
