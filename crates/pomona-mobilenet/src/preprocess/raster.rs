//! The formats that the `image` crate decodes: its samples to RGB, its errors to ours.

use super::image::{RgbImage, Shape, resize_buffer};
use super::{DecodeLimits, ImageFormat, pixels};
use crate::ImageError;
use ::image::error::{ImageError as Foreign, LimitErrorKind};
use ::image::{ColorType, ImageDecoder, Limits};
use std::error::Error;
use std::io;

/// What the decoders of `image` may allocate: the pixels at eight bytes each (16-bit RGBA) and
/// their own tables.
pub(super) fn allocation_limits(limits: &DecodeLimits) -> Limits {
    let mut allowed = Limits::no_limits();
    allowed.max_alloc = Some(limits.max_pixels.saturating_mul(8).saturating_add(64 << 20));
    allowed
}

/// Reads every pixel of `decoder`.
pub(super) fn read(
    format: ImageFormat,
    mut decoder: impl ImageDecoder,
    limits: &DecodeLimits,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let (width, height) = decoder.dimensions();
    let shape = Shape::new(format, width, height, limits)?;
    decoder
        .set_limits(allocation_limits(limits))
        .map_err(|e| failed(format, e))?;
    let color = decoder.color_type();
    into.reshape(shape)?;
    if color == ColorType::Rgb8 {
        return decoder
            .read_image(&mut into.pixels)
            .map_err(|e| failed(format, e));
    }
    let mut samples = Vec::new();
    let len = shape.pixels() * usize::from(color.bytes_per_pixel());
    resize_buffer(&mut samples, len, format)?;
    decoder
        .read_image(&mut samples)
        .map_err(|e| failed(format, e))?;
    // The samples of more than 8 bits come in the machine's byte order.
    let (words, _) = samples.as_chunks::<2>();
    let high = |channels: usize, order: &[usize; 3], rgb: &mut [u8]| {
        for (pixel, sample) in rgb
            .as_chunks_mut::<3>()
            .0
            .iter_mut()
            .zip(words.chunks_exact(channels))
        {
            for (value, &channel) in pixel.iter_mut().zip(order) {
                *value = (u16::from_ne_bytes(sample[channel]) >> 8) as u8;
            }
        }
    };
    match color {
        ColorType::L8 => pixels::grey::<1>(&samples, &mut into.pixels),
        ColorType::La8 => pixels::grey::<2>(&samples, &mut into.pixels),
        ColorType::Rgba8 => pixels::color::<4>(&samples, &mut into.pixels),
        ColorType::L16 => pixels::grey16(
            words.iter().map(|word| u16::from_ne_bytes(*word)),
            &mut into.pixels,
        ),
        ColorType::La16 => high(2, &[0, 0, 0], &mut into.pixels),
        ColorType::Rgb16 => high(3, &[0, 1, 2], &mut into.pixels),
        ColorType::Rgba16 => high(4, &[0, 1, 2], &mut into.pixels),
        other => return Err(ImageError::feature(format, format_args!("{other:?} color"))),
    }
    Ok(())
}

/// An error of the `image` crate. Its own formats differ in how they report an early end, so the
/// whole chain of causes is searched for one.
pub(super) fn failed(format: ImageFormat, error: Foreign) -> ImageError {
    if ends_early(&error) {
        return ImageError::Truncated { format };
    }
    match error {
        // Its `source` is the source of the I/O error, which `ends_early` therefore does not see.
        Foreign::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated { format }
        }
        Foreign::Limits(e) if matches!(e.kind(), LimitErrorKind::InsufficientMemory) => {
            ImageError::OutOfMemory { format }
        }
        Foreign::Unsupported(e) => ImageError::feature(format, e),
        other => ImageError::corrupt(format, innermost(&other)),
    }
}

/// Whether some cause is an early end of the data.
pub(super) fn ends_early(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::UnexpectedEof
        {
            return true;
        }
        cause = current.source();
    }
    false
}

/// The message nearest to the data; those around it repeat the format's name.
fn innermost(error: &dyn Error) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}
