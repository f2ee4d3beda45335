//! WebP through the `image` crate.

use super::raster;
use super::{Color, DecodeLimits, ImageFormat, ImageInfo, RgbImage};
use crate::ImageError;
use ::image::codecs::webp::WebPDecoder;
use ::image::{ColorType, ImageDecoder};
use std::io::Cursor;

/// Width, height and color from the chunks' headers.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let decoder = open(bytes)?;
    let (width, height) = decoder.dimensions();
    Ok(ImageInfo {
        format: ImageFormat::WebP,
        width,
        height,
        color: match decoder.color_type() {
            ColorType::Rgba8 => Color::Rgba,
            _ => Color::Rgb,
        },
    })
}

/// Decodes the picture, or the first frame of an animation, to RGB.
pub(super) fn decode(
    bytes: &[u8],
    limits: &DecodeLimits,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    raster::read(ImageFormat::WebP, open(bytes)?, limits, into)
}

fn open(bytes: &[u8]) -> Result<WebPDecoder<Cursor<&[u8]>>, ImageError> {
    // The decoder calls a bitstream that ends early corrupt, so the length is asked first.
    let length = bytes.get(4..).and_then(|rest| rest.first_chunk());
    if length.is_none_or(|length| bytes.len() as u64 - 8 < u32::from_le_bytes(*length).into()) {
        return Err(ImageError::Truncated {
            format: ImageFormat::WebP,
        });
    }
    WebPDecoder::new(Cursor::new(bytes)).map_err(|e| raster::failed(ImageFormat::WebP, e))
}
