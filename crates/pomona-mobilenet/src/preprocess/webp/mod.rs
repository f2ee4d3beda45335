//! WebP through the `image` crate; of an animation the first frame, on a canvas of zeros.

mod container;
mod source;

use super::image::{Context, Plan, RgbImage, Shape};
use super::{Color, ImageFormat, ImageInfo, orientation, pixels, raster};
use crate::ImageError;
use ::image::codecs::webp::WebPDecoder;
use ::image::{ColorType, ImageDecoder, Limits};
use container::{Coded, Container};
use source::Source;
use std::cell::RefCell;

const FORMAT: ImageFormat = ImageFormat::WebP;

/// Width, height and color from the chunks' headers.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    Ok(describe(&Container::read(bytes)?))
}

fn describe(container: &Container<'_>) -> ImageInfo {
    ImageInfo {
        format: FORMAT,
        width: container.width,
        height: container.height,
        color: if container.has_alpha {
            Color::Rgba
        } else {
            Color::Rgb
        },
    }
}

/// What decoding takes.
pub(super) fn plan(bytes: &[u8]) -> Result<Plan, ImageError> {
    Ok(plan_of(&Container::read(bytes)?))
}

fn plan_of(container: &Container<'_>) -> Plan {
    let info = describe(container);
    let canvas = u64::from(info.width) * u64::from(info.height);
    let (width, height) = match container.frame {
        Some(frame) => (frame.width, frame.height),
        None => (info.width, info.height),
    };
    let pixels = u64::from(width) * u64::from(height);
    let Coded { alpha, lossy, .. } = container.image;
    let coded = container.image.len();
    let mut beside = FIXED + 64 * u64::from(width);
    if lossy.is_some() {
        // Luma and half as much chroma, in whole macroblocks; the partitions are copied.
        let blocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
        beside += blocks * 384 + u64::from(width.div_ceil(16)) * 256 + 3 * coded;
        if alpha.is_some() {
            // RGBA in the place of RGB, and the alpha: ARGB, then its green alone.
            beside += pixels * 6 + lossless_tables(pixels, coded);
        }
    } else {
        // ARGB beside RGB, or in its place where there is alpha.
        beside += pixels * 4 + lossless_tables(pixels, coded);
    }
    if container.frame.is_some() {
        // The frame's own pixels beside the canvas, and its data as a file.
        beside += pixels * 3 + 3 * coded;
    }
    let mut plan = Plan::new(info, beside);
    plan.bytes = plan.bytes.max(canvas * 3);
    plan
}

/// State of the decoder, measured and rounded up.
const FIXED: u64 = 96 << 10;

/// What lossless data takes beside the pixels: for each block of 16 pixels up to four bytes of two
/// transforms and of the entropy image, and the Huffman tables. A table of 4 kB is coded in no less
/// than 60 bits; of tables there are no more than libwebp writes.
fn lossless_tables(pixels: u64, coded: u64) -> u64 {
    pixels + 16_384 + (coded * 600).min(64 << 20)
}

/// The orientation that a camera recorded.
pub(super) fn orientation(bytes: &[u8]) -> Result<Option<u8>, ImageError> {
    let container = Container::read(bytes)?;
    orientation::recorded(FORMAT, container.exif, container.xmp)
}

/// Decodes the image, or the first frame of an animation, to RGB.
pub(super) fn decode(
    bytes: &[u8],
    context: &Context<'_>,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let container = Container::read(bytes)?;
    let shape = context.admit(&plan_of(&container))?;
    let Some(frame) = container.frame else {
        return decode_still(bytes, shape, context, into);
    };
    // libwebp decodes the first frame to the empty canvas without blending it.
    let file = container.image.as_file()?;
    let mut part = RgbImage::default();
    let part_shape = shape.part(frame.width, frame.height);
    decode_still(&file, part_shape, context, &mut part)?;
    into.reshape(shape)?;
    if part_shape.pixels() < shape.pixels() {
        into.pixels.fill(0);
    }
    let left = frame.left as usize * 3;
    for (y, row) in part
        .pixels
        .chunks_exact(frame.width as usize * 3)
        .enumerate()
    {
        let start = (frame.top as usize + y) * shape.width() * 3 + left;
        into.pixels[start..start + row.len()].copy_from_slice(row);
    }
    Ok(())
}

fn decode_still(
    bytes: &[u8],
    shape: Shape,
    context: &Context<'_>,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let stopped = RefCell::new(None);
    let source = Source::new(bytes, context.watch, &stopped);
    let outcome = read(source, shape, into);
    match stopped.take() {
        Some(error) => Err(error),
        None => outcome,
    }
}

fn read(source: Source<'_>, shape: Shape, into: &mut RgbImage) -> Result<(), ImageError> {
    let failed = |error| raster::failed(FORMAT, error);
    let mut decoder = WebPDecoder::new(source).map_err(failed)?;
    let (width, height) = decoder.dimensions();
    if (width as usize, height as usize) != (shape.width(), shape.height()) {
        return Err(ImageError::corrupt(FORMAT, "an image of another size"));
    }
    decoder.set_limits(Limits::no_limits()).map_err(failed)?;
    let samples = match decoder.color_type() {
        ColorType::Rgb8 => 3,
        _ => 4,
    };
    into.reshape_for(shape, samples)?;
    decoder.read_image(&mut into.pixels).map_err(failed)?;
    if samples == 4 {
        pixels::drop_fourth_in_place(&mut into.pixels);
        into.narrow();
    }
    Ok(())
}
