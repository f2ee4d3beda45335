//! One door for every format: bytes to RGB, and header to description.

use super::format::recognise;
use super::{DecodeLimits, ImageFormat, ImageInfo, RgbImage};
use super::{bmp, gif, jpeg, png, tiff, webp};
use crate::ImageError;

/// Decodes a picture file to 8-bit RGB, as `PIL.Image.open(...).convert('RGB')` does, reusing the
/// buffer of `into`. EXIF orientation and color profiles are not applied, as Pillow does not apply
/// them in that call. After an error the contents of `into` mean nothing.
pub fn decode_rgb(
    bytes: &[u8],
    limits: &DecodeLimits,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    match recognise(bytes)? {
        ImageFormat::Jpeg => jpeg::decode(bytes, limits, into),
        ImageFormat::Png => png::decode(bytes, limits, into),
        ImageFormat::WebP => webp::decode(bytes, limits, into),
        ImageFormat::Bmp => bmp::decode(bytes, limits, into),
        ImageFormat::Gif => gif::decode(bytes, limits, into),
        ImageFormat::Tiff => tiff::decode(bytes, limits, into),
    }
}

/// Reads format, size and color from the header alone. No limit applies, since nothing is decoded;
/// that the pixels behind the header are whole is not implied.
pub fn image_info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let info = match recognise(bytes)? {
        ImageFormat::Jpeg => jpeg::info(bytes),
        ImageFormat::Png => png::info(bytes),
        ImageFormat::WebP => webp::info(bytes),
        ImageFormat::Bmp => bmp::info(bytes),
        ImageFormat::Gif => gif::info(bytes),
        ImageFormat::Tiff => tiff::info(bytes),
    }?;
    if info.width == 0 || info.height == 0 {
        return Err(ImageError::ZeroDimension {
            format: info.format,
            width: info.width,
            height: info.height,
        });
    }
    Ok(info)
}
