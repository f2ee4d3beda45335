//! The orientation that a camera recorded, and the turning of pixels by it.

use super::image::{RgbImage, resize_buffer};
use super::{ImageFormat, ImageInfo};
use crate::ImageError;

/// The tag's number, in TIFF and EXIF.
const ORIENTATION: u16 = 0x0112;

/// From an EXIF block (a TIFF without an image), or else from an XMP packet. A block that is not one
/// is an error, as it is to Pillow.
pub(super) fn recorded(
    format: ImageFormat,
    exif: Option<&[u8]>,
    xmp: Option<&[u8]>,
) -> Result<Option<u8>, ImageError> {
    let mut exif = exif.unwrap_or(&[]);
    while let Some(rest) = exif.strip_prefix(b"Exif\0\0") {
        exif = rest;
    }
    let is_block = exif.len() >= 8 && (exif.starts_with(b"II*\0") || exif.starts_with(b"MM\0*"));
    if !exif.is_empty() && !is_block {
        return Err(ImageError::corrupt(format, "an EXIF block that is not one"));
    }
    Ok(in_exif(exif).or_else(|| xmp.and_then(in_xmp)))
}

fn in_exif(exif: &[u8]) -> Option<u8> {
    let big_endian = match exif.first_chunk()? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let number = |at: usize, len: usize| -> Option<u32> {
        let digits = exif.get(at..)?.get(..len)?;
        let shift = |value: u32, digit: &u8| value << 8 | u32::from(*digit);
        Some(match big_endian {
            true => digits.iter().fold(0, shift),
            false => digits.iter().rev().fold(0, shift),
        })
    };
    let directory = number(4, 4)? as usize;
    let entries = number(directory, 2)? as usize;
    (0..entries)
        .map(|i| directory + 2 + i * 12)
        .find(|at| number(*at, 2) == Some(ORIENTATION.into()))
        .and_then(|at| {
            // One byte, short or long.
            let len = match number(at + 2, 2)? {
                1 => 1,
                3 => 2,
                4 => 4,
                _ => return None,
            };
            u8::try_from(number(at + 8, len)?).ok()
        })
}

/// As an attribute or as an element.
fn in_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    xmp.windows(NAME.len())
        .enumerate()
        .filter(|(_, window)| *window == NAME)
        .find_map(|(at, _)| {
            let value = &xmp[at + NAME.len()..];
            let digit = value
                .strip_prefix(b"=\"")
                .or_else(|| value.strip_prefix(b">"))?;
            digit
                .first()
                .filter(|d| d.is_ascii_digit())
                .map(|d| d - b'0')
        })
}

/// Whether an orientation exchanges width and height.
pub(super) fn is_turned(orientation: u8) -> bool {
    (5..=8).contains(&orientation)
}

/// The description of the upright image.
pub(super) fn upright(mut info: ImageInfo, orientation: Option<u8>) -> ImageInfo {
    if orientation.is_some_and(is_turned) {
        std::mem::swap(&mut info.width, &mut info.height);
    }
    info
}

/// Bytes that turning takes beside the image.
pub(super) fn turning_bytes(orientation: Option<u8>, pixels: u64) -> u64 {
    match orientation {
        Some(5..=8) => pixels.saturating_mul(3),
        _ => 0,
    }
}

/// Turns the image upright; what is not 2 to 8 leaves it as it is.
pub(super) fn apply(
    image: &mut RgbImage,
    orientation: u8,
    format: ImageFormat,
) -> Result<(), ImageError> {
    let width = image.width as usize;
    let pixels = image.pixels.as_chunks_mut::<3>().0;
    let mirror = |pixels: &mut [[u8; 3]]| pixels.chunks_mut(width).for_each(<[_]>::reverse);
    match orientation {
        2 => mirror(pixels),
        3 => pixels.reverse(),
        4 => {
            pixels.reverse();
            mirror(pixels);
        }
        5..=8 => turn(image, orientation, format)?,
        _ => {}
    }
    Ok(())
}

/// Rows become columns. Tiles keep both sides in the cache.
fn turn(image: &mut RgbImage, orientation: u8, format: ImageFormat) -> Result<(), ImageError> {
    const TILE: usize = 32;
    let (width, height) = (image.width as usize, image.height as usize);
    let mut turned = Vec::new();
    resize_buffer(&mut turned, image.pixels.len(), format)?;
    let from = image.pixels.as_chunks::<3>().0;
    let to = turned.as_chunks_mut::<3>().0;
    // Row y of the upright image is column y or width - 1 - y, downwards or upwards.
    let (columns_reversed, rows_reversed) = match orientation {
        5 => (false, false),
        6 => (false, true),
        7 => (true, true),
        _ => (true, false),
    };
    for top in (0..width).step_by(TILE) {
        for left in (0..height).step_by(TILE) {
            for y in top..(top + TILE).min(width) {
                let column = if columns_reversed { width - 1 - y } else { y };
                for x in left..(left + TILE).min(height) {
                    let row = if rows_reversed { height - 1 - x } else { x };
                    to[y * height + x] = from[row * width + column];
                }
            }
        }
    }
    image.pixels = turned;
    std::mem::swap(&mut image.width, &mut image.height);
    Ok(())
}
