//! A decoded image, and the plan that a header has to become before memory is allocated for it.

use super::limits::Watch;
use super::memory::Held;
use super::{Decoding, ImageFormat, ImageInfo};
use crate::ImageError;

/// An image of 8-bit RGB: rows from the top, three bytes a pixel, nothing between rows.
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
    /// Takes the size and makes room for its pixels. Their values are whatever they were: the caller
    /// writes all.
    pub(super) fn reshape(&mut self, shape: Shape) -> Result<(), ImageError> {
        self.reshape_for(shape, 3)
    }

    /// As [`reshape`](Self::reshape), with `samples` bytes a pixel until the caller has converted
    /// them and calls [`narrow`](Self::narrow): one buffer holds the samples and then the RGB.
    pub(super) fn reshape_for(&mut self, shape: Shape, samples: usize) -> Result<(), ImageError> {
        self.width = shape.width;
        self.height = shape.height;
        let len = shape.pixels() * samples;
        // What memory there is stays, unless a much larger image left it. A buffer that is too small
        // is freed first, so that the old one is not held (and copied) beside the new.
        const KEPT: usize = 64 << 20;
        let capacity = self.pixels.capacity();
        if capacity < len || (capacity > KEPT && capacity / 4 > len) {
            self.pixels = Vec::new();
        }
        resize_buffer(&mut self.pixels, len, shape.format)
    }

    /// Frees a buffer that is not small: where memory is counted, it is held from the image's first
    /// to its last moment and no longer.
    pub(crate) fn trim(&mut self) {
        const SMALL: usize = 8 << 20;
        if self.pixels.capacity() > SMALL {
            *self = Self::default();
        }
    }

    /// Cuts the buffer to three bytes a pixel.
    pub(super) fn narrow(&mut self) {
        let pixels = self.width as usize * self.height as usize;
        self.pixels.truncate(pixels * 3);
    }
}

/// What a header says decoding will take. There is no other way to a [`Shape`], and so none to the
/// memory for pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) info: ImageInfo,
    /// Bytes that are allocated at the peak, the RGB pixels among them.
    pub(super) bytes: u64,
    /// Passes over the image.
    pub(super) scans: u32,
}

impl Plan {
    /// A plan of one pass whose working memory is `beside` the RGB pixels.
    pub(super) fn new(info: ImageInfo, beside: u64) -> Self {
        Self {
            info,
            bytes: (pixels(&info).saturating_mul(3)).saturating_add(beside),
            scans: 1,
        }
    }

    /// Width times height.
    pub(super) fn pixels(&self) -> u64 {
        pixels(&self.info)
    }
}

fn pixels(info: &ImageInfo) -> u64 {
    u64::from(info.width) * u64::from(info.height)
}

/// What a decoder is given beside the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) decoding: &'a Decoding,
    pub(super) watch: Watch<'a>,
    /// Where a plan's bytes are reserved.
    pub(super) held: &'a Held,
    /// Bytes that are allocated before or after the format's own decoder and not in its plan.
    pub(super) reserved: u64,
}

impl Context<'_> {
    /// Compares a plan with the limits, and reserves its bytes.
    pub(super) fn admit(&self, plan: &Plan) -> Result<Shape, ImageError> {
        let ImageInfo {
            format,
            width,
            height,
            ..
        } = plan.info;
        let limits = &self.decoding.limits;
        if width == 0 || height == 0 {
            return Err(ImageError::ZeroDimension {
                format,
                width,
                height,
            });
        }
        let pixels = plan.pixels();
        // Eight bytes a pixel must be addressable, whatever the limit says.
        if pixels > limits.max_pixels || pixels > isize::MAX as u64 / 8 {
            return Err(ImageError::TooManyPixels {
                width,
                height,
                limit: limits.max_pixels,
            });
        }
        let needed = plan.bytes.saturating_add(self.reserved);
        if needed > limits.max_decode_bytes {
            return Err(ImageError::TooManyBytes {
                format,
                needed,
                limit: limits.max_decode_bytes,
            });
        }
        let limit = most_scans(limits.max_scans, pixels);
        if plan.scans > limit {
            return Err(ImageError::TooManyScans {
                scans: plan.scans,
                limit,
            });
        }
        self.watch.check()?;
        self.held
            .reserve(format, needed, &|| self.watch.check_interrupt())?;
        if self.held.is_counted() {
            self.watch.restart();
        }
        Ok(Shape {
            format,
            width,
            height,
        })
    }

    /// Whether missing data is filled.
    pub(super) fn pads(&self) -> bool {
        self.decoding.options.pads()
    }

    /// Whether decoding may go on.
    pub(super) fn check(&self) -> Result<(), ImageError> {
        self.watch.check()
    }
}

/// The scans of an image of so many pixels: a large one may have as many as encoders write, and more
/// only where all of them together pass over half a billion pixels at most, which is some seconds.
fn most_scans(limit: u32, pixels: u64) -> u32 {
    const WRITTEN: u64 = 20;
    const PASSED: u64 = 1 << 29;
    limit.min(WRITTEN.max(PASSED / pixels.max(1)).min(u32::MAX.into()) as u32)
}

/// A size that a header claimed and the limits allow. There is no other way to make one, so no
/// decoder can take memory for a size that was not checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    format: ImageFormat,
    width: u32,
    height: u32,
}

impl Shape {
    /// The size with its sides exchanged.
    pub(super) fn turned(&self) -> Self {
        Self {
            width: self.height,
            height: self.width,
            ..*self
        }
    }

    /// The size of a part of the image, which was checked with it.
    pub(super) fn part(&self, width: u32, height: u32) -> Self {
        Self {
            format: self.format,
            width: width.min(self.width),
            height: height.min(self.height),
        }
    }

    /// Width in pixels.
    pub(super) fn width(&self) -> usize {
        self.width as usize
    }

    /// Height in pixels.
    pub(super) fn height(&self) -> usize {
        self.height as usize
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
