//! PNG through the `image` crate; the header is read here, because Pillow's mode is in its bytes.

use super::raster;
use super::{Color, DecodeLimits, ImageFormat, ImageInfo, RgbImage};
use crate::ImageError;
use ::image::codecs::png::PngDecoder;
use std::io::Cursor;

/// Width, height and color from the `IHDR` chunk, which is always the first.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let format = ImageFormat::Png;
    let header: &[u8; 18] = bytes
        .get(8..)
        .and_then(|rest| rest.first_chunk())
        .ok_or(ImageError::Truncated { format })?;
    let [
        _,
        _,
        _,
        _,
        b'I',
        b'H',
        b'D',
        b'R',
        w0,
        w1,
        w2,
        w3,
        h0,
        h1,
        h2,
        h3,
        depth,
        kind,
    ] = *header
    else {
        return Err(ImageError::corrupt(format, "the first chunk is not IHDR"));
    };
    let color = match (depth, kind) {
        (1, 0) => Color::Bilevel,
        (2 | 4 | 8, 0) => Color::L,
        (16, 0) => Color::I16,
        (8 | 16, 2) => Color::Rgb,
        (1 | 2 | 4 | 8, 3) => Color::P,
        (8, 4) => Color::La,
        // Pillow has no 16-bit grey with alpha and widens it.
        (16, 4) | (8 | 16, 6) => Color::Rgba,
        _ => {
            return Err(ImageError::corrupt(
                format,
                format_args!("color type {kind} with {depth} bits"),
            ));
        }
    };
    Ok(ImageInfo {
        format,
        width: u32::from_be_bytes([w0, w1, w2, w3]),
        height: u32::from_be_bytes([h0, h1, h2, h3]),
        color,
    })
}

/// Decodes to RGB.
pub(super) fn decode(
    bytes: &[u8],
    limits: &DecodeLimits,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    super::image::Shape::of(&info(bytes)?, limits)?;
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), raster::allocation_limits(limits))
        .map_err(|e| raster::failed(ImageFormat::Png, e))?;
    raster::read(ImageFormat::Png, decoder, limits, into)
}
