//! Lossy images: VP8 through libwebp, and their alpha, which is dropped and has to be whole, through the decoder of lossless
//! images.

use super::color::Row;
use super::container::Chunk;
use super::planes::Decoder;
use super::{FORMAT, lossless};
use crate::ImageError;
use crate::preprocess::image::Context;

/// Bytes that decoding takes beside the pixels: samples of luma and half as many of chroma, and the rows that are being
/// decoded.
pub(super) fn bytes(width: u32, height: u32) -> u64 {
    /// State of the decoder, measured and rounded up.
    const FIXED: u64 = 96 << 10;
    /// Of a column of macroblocks: 40 rows of luma and chroma, and the coefficients, modes and filters of one.
    const COLUMN: u64 = 2304;
    let [width, height] = [width, height].map(u64::from);
    let chroma = width.div_ceil(2) * height.div_ceil(2);
    width * height + 2 * chroma + width.div_ceil(16) * COLUMN + FIXED
}

/// Decodes a chunk of VP8, and passes on the rows from the top.
pub(super) fn decode(
    chunk: Chunk<'_>,
    (width, height): (usize, usize),
    context: &Context<'_>,
    mut take: impl FnMut(usize, Row<'_>),
) -> Result<(), ImageError> {
    let len = chunk.whole.len();
    // A small image is one piece. The clock is looked at between pieces, whose rows stay in the second-level cache until they
    // are RGB. What a piece cuts off is decoded again with the next.
    let pieces = ((width * height) >> 17).clamp(1, 512);
    let piece = len.div_ceil(pieces);
    let mut decoder = Decoder::new(chunk)?;
    let (mut end, mut taken) = (0, 0);
    loop {
        context.check()?;
        end = (end + piece).min(len);
        let finished = decoder.feed(end)?;
        if let Some(planes) = decoder.planes() {
            if (planes.width(), planes.height()) != (width, height) {
                return Err(ImageError::corrupt(FORMAT, "an image of another size"));
            }
            for y in taken..planes.rows() {
                take(y, planes.row(y));
            }
            taken = planes.rows();
        }
        if finished {
            return Ok(());
        }
    }
}

/// Fails if the alpha of an image cannot be decoded, as libwebp does.
pub(super) fn check_alpha(
    alpha: &[u8],
    (width, height): (u32, u32),
    context: &Context<'_>,
) -> Result<(), ImageError> {
    let (header, data) = alpha
        .split_first()
        .filter(|(_, data)| !data.is_empty())
        .ok_or(ImageError::Truncated { format: FORMAT })?;
    let (method, preprocessing, reserved) = (header & 3, header >> 4 & 3, header >> 6);
    if preprocessing > 1 || reserved != 0 {
        return Err(ImageError::corrupt(FORMAT, "an invalid header of alpha"));
    }
    match method {
        0 if (data.len() as u64) < u64::from(width) * u64::from(height) => {
            Err(ImageError::Truncated { format: FORMAT })
        }
        0 => Ok(()),
        1 => lossless::check_alpha(data, (width, height), context),
        _ => Err(ImageError::corrupt(FORMAT, "an invalid header of alpha")),
    }
}
