//! One door for every format: bytes to RGB, header to description, header to cost.

use super::destination::{Destination, Rows};
use super::format::recognise;
use super::image::{Context, Plan};
use super::limits::Watch;
use super::memory::Held;
use super::{
    DecodeLimits, DecodeOptions, Decoding, ExifOrientation, ImageFormat, ImageInfo, RgbImage,
};
use super::{bmp, gif, jpeg, orientation, png, tiff, webp};
#[cfg(feature = "more-formats")]
use super::{jpeg2000, jxl};
use crate::ImageError;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Decodes an image file to 8-bit RGB, as `PIL.Image.open(...).convert('RGB')` does, reusing the
/// buffer of `into`. EXIF orientation and color profiles are not applied, as Pillow does not apply
/// them in that call. After an error the contents of `into` mean nothing.
///
/// # Errors
/// What is not an image, is damaged, is of a kind that is not read, or is over a limit.
pub fn decode_rgb(
    bytes: &[u8],
    limits: &DecodeLimits,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    decode_rgb_with(bytes, &limits.into(), into)
}

/// As [`decode_rgb`], with options, an interrupt and memory that is reserved until this returns: what
/// becomes of the pixels afterwards is the caller's to count.
///
/// # Errors
/// As [`decode_rgb`], [`ImageError::Interrupted`] and those of [`DecodeMemory`](super::DecodeMemory).
pub fn decode_rgb_with(
    bytes: &[u8],
    decoding: &Decoding,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    decode_holding(bytes, decoding, 0, into).map(drop)
}

/// Decodes an image whole, so that data which ends early or contradicts itself is found, and keeps no
/// more than a small buffer. A header alone says nothing about the pixels behind it.
///
/// # Errors
/// As [`decode_rgb_with`].
pub fn check_image(
    bytes: &[u8],
    decoding: &Decoding,
    buffer: &mut RgbImage,
) -> Result<(), ImageError> {
    let held = decode_holding(bytes, decoding, 0, buffer)?;
    if held.is_counted() {
        buffer.trim();
    }
    Ok(())
}

/// As [`decode_rgb_with`]; what is returned holds the reserved bytes, and `beside` more that the caller
/// allocates.
pub(crate) fn decode_holding(
    bytes: &[u8],
    decoding: &Decoding,
    beside: u64,
    into: &mut RgbImage,
) -> Result<Held, ImageError> {
    decode_to(bytes, decoding, beside, into, None)
}

/// As [`decode_holding`], to `rows` if they take an image of this size: then `into` is room for some of them, and means
/// nothing afterwards.
pub(super) fn decode_rows(
    bytes: &[u8],
    decoding: &Decoding,
    into: &mut RgbImage,
    rows: &mut dyn Rows,
) -> Result<Held, ImageError> {
    decode_to(bytes, decoding, 0, into, Some(rows))
}

fn decode_to(
    bytes: &[u8],
    decoding: &Decoding,
    beside: u64,
    into: &mut RgbImage,
    rows: Option<&mut dyn Rows>,
) -> Result<Held, ImageError> {
    let held = Held::new(decoding.memory.as_ref());
    let decoded = decode(bytes, decoding, beside, &held, into, rows);
    if decoded.is_err() && held.is_counted() {
        into.trim();
    }
    decoded.map(|()| held)
}

fn decode(
    bytes: &[u8],
    decoding: &Decoding,
    beside: u64,
    held: &Held,
    into: &mut RgbImage,
    rows: Option<&mut dyn Rows>,
) -> Result<(), ImageError> {
    let format = recognise(bytes)?;
    contained(format, || {
        let orientation = recorded(format, bytes, &decoding.options)?;
        let started = Cell::new(Instant::now());
        let mut context = Context {
            decoding,
            watch: Watch::new(decoding, &started),
            held,
            reserved: beside,
        };
        // What is turned or mirrored is so as a whole.
        let rows = rows.filter(|_| orientation.is_none_or(|orientation| orientation == 1));
        if orientation.is_some_and(orientation::is_turned) {
            let pixels = plan(format, bytes)?.pixels();
            context.reserved += orientation::turning_bytes(orientation, pixels);
        }
        match format {
            ImageFormat::Jpeg => jpeg::decode(bytes, &context, &mut Destination::new(into, rows)),
            ImageFormat::Png => png::decode(bytes, &context, &mut Destination::new(into, rows)),
            ImageFormat::WebP => webp::decode(bytes, &context, &mut Destination::new(into, rows)),
            ImageFormat::Bmp => bmp::decode(bytes, &context, into),
            ImageFormat::Gif => gif::decode(bytes, &context, into),
            ImageFormat::Tiff => tiff::decode(bytes, &context, into),
            #[cfg(feature = "more-formats")]
            ImageFormat::Jpeg2000 => jpeg2000::decode(bytes, &context, into),
            #[cfg(feature = "more-formats")]
            ImageFormat::JpegXl => jxl::decode(bytes, &context, into),
        }?;
        match orientation {
            Some(orientation) => orientation::apply(into, orientation, format),
            None => Ok(()),
        }
    })
}

/// Reads format, size and color from the header alone. No limit applies, since nothing is decoded;
/// that the pixels behind the header are whole is not implied.
///
/// # Errors
/// What is not an image or has no readable header.
pub fn image_info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    image_info_with(bytes, &DecodeOptions::default())
}

/// As [`image_info`], with the size that decoding under `options` returns.
///
/// # Errors
/// As [`image_info`].
pub fn image_info_with(bytes: &[u8], options: &DecodeOptions) -> Result<ImageInfo, ImageError> {
    let format = recognise(bytes)?;
    let info = contained(format, || {
        let info = match format {
            ImageFormat::Jpeg => jpeg::info(bytes),
            ImageFormat::Png => png::info(bytes),
            ImageFormat::WebP => webp::info(bytes),
            ImageFormat::Bmp => bmp::info(bytes),
            ImageFormat::Gif => gif::info(bytes),
            ImageFormat::Tiff => tiff::info(bytes),
            #[cfg(feature = "more-formats")]
            ImageFormat::Jpeg2000 => jpeg2000::info(bytes),
            #[cfg(feature = "more-formats")]
            ImageFormat::JpegXl => jxl::info(bytes),
        }?;
        Ok(orientation::upright(
            info,
            recorded(format, bytes, options)?,
        ))
    })?;
    if info.width == 0 || info.height == 0 {
        return Err(ImageError::ZeroDimension {
            format: info.format,
            width: info.width,
            height: info.height,
        });
    }
    Ok(info)
}

/// What decoding one image takes, known from its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeCost {
    /// Width times height.
    pub pixels: u64,
    /// The most bytes that are allocated at once, from the first to the last moment of decoding: the
    /// decoder's working memory, its raster and the RGB pixels, not the file itself. An upper bound.
    pub bytes: u64,
    /// Passes over the image: the scans of a progressive JPEG, otherwise 1.
    pub scans: u32,
}

/// What decoding `bytes` under `options` will take, without decoding and without a limit, so that a
/// caller can reserve the memory first. [`decode_rgb_with`] compares the same numbers with
/// [`DecodeLimits`].
///
/// A buffer that [`RgbImage`] kept from an earlier image is not counted: it is part of this image's
/// RGB where it suffices, and freed before decoding where it does not.
///
/// # Errors
/// As [`image_info`].
pub fn decode_cost(bytes: &[u8], options: &DecodeOptions) -> Result<DecodeCost, ImageError> {
    let format = recognise(bytes)?;
    contained(format, || {
        let plan = plan(format, bytes)?;
        let orientation = recorded(format, bytes, options)?;
        Ok(DecodeCost {
            pixels: plan.pixels(),
            bytes: plan
                .bytes
                .saturating_add(orientation::turning_bytes(orientation, plan.pixels())),
            scans: plan.scans,
        })
    })
}

fn plan(format: ImageFormat, bytes: &[u8]) -> Result<Plan, ImageError> {
    match format {
        ImageFormat::Jpeg => jpeg::plan(bytes),
        ImageFormat::Png => png::plan(bytes),
        ImageFormat::WebP => webp::plan(bytes),
        ImageFormat::Bmp => bmp::plan(bytes),
        ImageFormat::Gif => gif::plan(bytes),
        ImageFormat::Tiff => tiff::plan(bytes),
        #[cfg(feature = "more-formats")]
        ImageFormat::Jpeg2000 => jpeg2000::plan(bytes),
        #[cfg(feature = "more-formats")]
        ImageFormat::JpegXl => jxl::plan(bytes),
    }
}

/// The recorded orientation, if it is to be applied. That of a TIFF is its decoder's business, and
/// the other formats record none that Pillow reads.
fn recorded(
    format: ImageFormat,
    bytes: &[u8],
    options: &DecodeOptions,
) -> Result<Option<u8>, ImageError> {
    if options.exif_orientation == ExifOrientation::Ignore {
        return Ok(None);
    }
    match format {
        ImageFormat::Jpeg => jpeg::orientation(bytes),
        ImageFormat::Png => png::orientation(bytes),
        ImageFormat::WebP => webp::orientation(bytes),
        ImageFormat::Bmp | ImageFormat::Gif | ImageFormat::Tiff => Ok(None),
        #[cfg(feature = "more-formats")]
        ImageFormat::Jpeg2000 | ImageFormat::JpegXl => Ok(None),
    }
}

/// Turns a panic of a decoder into an error: whatever the file, it is one row among many. No file is
/// known to cause one.
fn contained<T>(
    format: ImageFormat,
    run: impl FnOnce() -> Result<T, ImageError>,
) -> Result<T, ImageError> {
    // What may be left half-done is the pixels, which mean nothing after an error.
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(ImageError::corrupt(format, "the decoder failed on it")))
}
