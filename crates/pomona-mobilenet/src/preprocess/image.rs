//! A decoded picture, and how large one may be.

use super::{ImageFormat, ImageInfo};
use crate::ImageError;

/// A picture of 8-bit RGB: rows from the top, three bytes a pixel, nothing between rows.
///
/// [`decode_rgb`](super::decode_rgb) reuses the buffer, so one `RgbImage` serves a whole batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RgbImage {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `width * height * 3` bytes.
    pub pixels: Vec<u8>,
}

impl RgbImage {
    /// Takes the size and makes room for its pixels, keeping what memory there is. The pixels'
    /// values are whatever they were: the caller writes all of them.
    pub(super) fn reshape(&mut self, shape: Shape) -> Result<(), ImageError> {
        self.width = shape.width;
        self.height = shape.height;
        resize_buffer(&mut self.pixels, shape.pixels() * 3, shape.format)
    }
}

/// What a header may claim before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Width times height. It is compared with the header, before memory is taken for the pixels.
    pub max_pixels: u64,
}

impl Default for DecodeLimits {
    /// The size at which Pillow raises `DecompressionBombError`: twice 89,478,485 pixels, which
    /// are a quarter of a gigabyte of RGB.
    fn default() -> Self {
        Self {
            max_pixels: 178_956_970,
        }
    }
}

/// A size that a header claimed and the limits allow. There is no other way to make one, so no
/// decoder can take memory for a size that was not checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) format: ImageFormat,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Shape {
    /// Checks the size that a header claims.
    pub(super) fn new(
        format: ImageFormat,
        width: u32,
        height: u32,
        limits: &DecodeLimits,
    ) -> Result<Self, ImageError> {
        if width == 0 || height == 0 {
            return Err(ImageError::ZeroDimension {
                format,
                width,
                height,
            });
        }
        let pixels = u64::from(width) * u64::from(height);
        // Three to eight bytes a pixel must be addressable, whatever the limit says.
        if pixels > limits.max_pixels || pixels > isize::MAX as u64 / 8 {
            return Err(ImageError::TooManyPixels {
                width,
                height,
                limit: limits.max_pixels,
            });
        }
        Ok(Self {
            format,
            width,
            height,
        })
    }

    /// Checks the size in a header's description.
    pub(super) fn of(info: &ImageInfo, limits: &DecodeLimits) -> Result<Self, ImageError> {
        Self::new(info.format, info.width, info.height, limits)
    }

    /// Width times height.
    pub(super) fn pixels(&self) -> usize {
        self.width as usize * self.height as usize
    }
}

/// Makes `buffer` exactly `len` long; no memory is an error, not an abort.
pub(super) fn resize_buffer(
    buffer: &mut Vec<u8>,
    len: usize,
    format: ImageFormat,
) -> Result<(), ImageError> {
    buffer
        .try_reserve_exact(len.saturating_sub(buffer.len()))
        .map_err(|_| ImageError::OutOfMemory { format })?;
    buffer.resize(len, 0);
    Ok(())
}
