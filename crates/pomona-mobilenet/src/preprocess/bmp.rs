//! Windows bitmaps through the `image` crate.

use super::raster;
use super::{Color, DecodeLimits, ImageFormat, ImageInfo, RgbImage};
use crate::ImageError;
use ::image::ImageDecoder;
use ::image::codecs::bmp::BmpDecoder;
use std::io::Cursor;

/// Width, height and color from the header.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let decoder = open(bytes)?;
    let (width, height) = decoder.dimensions();
    Ok(ImageInfo {
        format: ImageFormat::Bmp,
        width,
        height,
        color: color(bytes),
    })
}

/// Decodes to RGB.
pub(super) fn decode(
    bytes: &[u8],
    limits: &DecodeLimits,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    raster::read(ImageFormat::Bmp, open(bytes)?, limits, into)
}

fn open(bytes: &[u8]) -> Result<BmpDecoder<Cursor<&[u8]>>, ImageError> {
    BmpDecoder::new(Cursor::new(bytes)).map_err(|e| raster::failed(ImageFormat::Bmp, e))
}

fn color(_bytes: &[u8]) -> Color {
    Color::Rgb
}
