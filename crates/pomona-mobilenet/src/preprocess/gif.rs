//! GIF, first frame, through the `gif` crate, whose indices keep what Pillow does with a frame that
//! does not cover its screen: the rest is the transparent index, or index 0, in the frame's palette.

use super::image::{RgbImage, Shape, resize_buffer};
use super::pixels::Palette;
use super::{Color, DecodeLimits, ImageFormat, ImageInfo, raster};
use crate::ImageError;
use ::gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, Frame, MemoryLimit};
use std::io::{Chain, Read};

type Source<'a> = Decoder<Chain<&'a [u8], &'a [u8]>>;

/// Width, height and color from the screen and the first frame's descriptor.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let mut decoder = open(bytes)?;
    let frame = first_frame(&mut decoder)?;
    let (width, height) = screen(&decoder, &frame);
    let colors = frame.palette.as_deref().or(decoder.global_palette());
    Ok(ImageInfo {
        format: ImageFormat::Gif,
        width,
        height,
        color: match colors {
            Some(colors) if !is_grey_ramp(colors) => Color::P,
            _ => Color::L,
        },
    })
}

/// Decodes the first frame to RGB.
pub(super) fn decode(
    bytes: &[u8],
    limits: &DecodeLimits,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let mut decoder = open(bytes)?;
    let frame = first_frame(&mut decoder)?;
    let (width, height) = screen(&decoder, &frame);
    let shape = Shape::new(ImageFormat::Gif, width, height, limits)?;
    let colors = frame.palette.as_deref().or(decoder.global_palette());
    let palette = Palette::new(colors.unwrap_or(&[]));

    let mut indices = Vec::new();
    let (frame_width, frame_height) = (usize::from(frame.width), usize::from(frame.height));
    resize_buffer(&mut indices, frame_width * frame_height, ImageFormat::Gif)?;
    if !indices.is_empty() {
        decoder.read_into_buffer(&mut indices).map_err(failed)?;
    }

    into.reshape(shape)?;
    let background = palette.0[usize::from(frame.transparent.unwrap_or(0))];
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    for (y, row) in into.pixels.chunks_exact_mut(width as usize * 3).enumerate() {
        let inside = y.checked_sub(top).filter(|y| *y < frame_height);
        if inside.is_none() || frame_width < width as usize {
            for pixel in row.as_chunks_mut::<3>().0.iter_mut() {
                pixel.copy_from_slice(&background);
            }
        }
        if let Some(y) = inside {
            palette.apply(
                &indices[y * frame_width..][..frame_width],
                &mut row[left * 3..],
            );
        }
    }
    Ok(())
}

fn open(bytes: &[u8]) -> Result<Source<'_>, ImageError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // The one buffer of a frame's size is ours, and its size is checked.
    options.set_memory_limit(MemoryLimit::Unlimited);
    // The decoder takes in a trailer only when there is a byte behind it.
    let behind: &[u8] = if bytes.ends_with(b";") { b";" } else { b"" };
    options.read_info(bytes.chain(behind)).map_err(failed)
}

fn first_frame(decoder: &mut Source<'_>) -> Result<Frame<'static>, ImageError> {
    match decoder.next_frame_info().map_err(failed)? {
        Some(frame) => Ok(frame.clone()),
        None => Err(ImageError::corrupt(
            ImageFormat::Gif,
            "there is no frame in it",
        )),
    }
}

/// The screen, widened where the first frame reaches past it.
fn screen(decoder: &Source<'_>, frame: &Frame<'_>) -> (u32, u32) {
    let reach = |start: u16, length: u16| u32::from(start) + u32::from(length);
    (
        u32::from(decoder.width()).max(reach(frame.left, frame.width)),
        u32::from(decoder.height()).max(reach(frame.top, frame.height)),
    )
}

/// A palette in which every index is its own grey; Pillow calls such a picture grey.
fn is_grey_ramp(colors: &[u8]) -> bool {
    colors
        .as_chunks::<3>()
        .0
        .iter()
        .enumerate()
        .all(|(i, color)| color.iter().all(|value| usize::from(*value) == i))
}

fn failed(error: DecodingError) -> ImageError {
    let format = ImageFormat::Gif;
    if matches!(error, DecodingError::UnexpectedEof) || raster::ends_early(&error) {
        ImageError::Truncated { format }
    } else {
        ImageError::corrupt(format, error)
    }
}
