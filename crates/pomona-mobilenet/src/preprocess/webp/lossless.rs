//! Lossless images through `image-webp`, which is written in safe Rust: lossless data describes tables and copies within the
//! image, so that what checks them matters.

use super::FORMAT;
use super::source::{self, Source};
use crate::ImageError;
use crate::preprocess::image::{Context, resize_buffer};
use image_webp::{DecodingError, WebPDecoder};
use std::cell::RefCell;
use std::io;

/// Bytes that decoding takes beside the RGBA pixels: for each block of 16 pixels up to four bytes of two transforms and of the
/// entropy image, and the Huffman tables. A table of 4 kB is coded in no less than 60 bits; of tables there are no more than
/// libwebp writes.
pub(super) fn bytes(pixels: u64, coded: u64) -> u64 {
    /// State of the decoder, measured and rounded up.
    const FIXED: u64 = 96 << 10;
    pixels + FIXED + 16_384 + (coded * 600).min(64 << 20)
}

/// Decodes the contents of a chunk to RGBA, four bytes a pixel.
pub(super) fn decode(
    data: &[u8],
    context: &Context<'_>,
    rgba: &mut [u8],
) -> Result<(), ImageError> {
    let (header, data) = data
        .split_first_chunk::<5>()
        .ok_or(ImageError::Truncated { format: FORMAT })?;
    read(*header, data, context, rgba)
}

/// Fails if `data`, which is lossless data without a header, is not an image of this size.
pub(super) fn check_alpha(
    data: &[u8],
    (width, height): (u32, u32),
    context: &Context<'_>,
) -> Result<(), ImageError> {
    let mut rgba = Vec::new();
    resize_buffer(&mut rgba, width as usize * height as usize * 4, FORMAT)?;
    let [b0, b1, b2, b3] = ((width - 1) | (height - 1) << 14).to_le_bytes();
    read([0x2f, b0, b1, b2, b3], data, context, &mut rgba)
}

fn read(
    header: [u8; 5],
    data: &[u8],
    context: &Context<'_>,
    rgba: &mut [u8],
) -> Result<(), ImageError> {
    let stopped = RefCell::new(None);
    let head = source::head(header, data.len());
    let source = Source::new(&head, data, context.watch, &stopped);
    let outcome = WebPDecoder::new(source).and_then(|mut decoder| decoder.read_image(rgba));
    match stopped.take() {
        Some(error) => Err(error),
        None => outcome.map_err(failed),
    }
}

fn failed(error: DecodingError) -> ImageError {
    match error {
        DecodingError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated { format: FORMAT }
        }
        error => ImageError::corrupt(FORMAT, error),
    }
}
