//! Windows bitmaps, a row at a time, with Pillow's rounding of 16-bit colors.

mod header;
mod runs;

use super::image::{Context, Plan, RgbImage, Shape};
use super::{ImageFormat, ImageInfo};
use crate::ImageError;
use header::{Header, Samples};

const FORMAT: ImageFormat = ImageFormat::Bmp;

/// Width, height and color from the header.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    Ok(Header::read(bytes)?.info())
}

/// What decoding takes: nothing beside the pixels.
pub(super) fn plan(bytes: &[u8]) -> Result<Plan, ImageError> {
    Ok(Plan::new(info(bytes)?, 4096))
}

/// Decodes to RGB.
pub(super) fn decode(
    bytes: &[u8],
    context: &Context<'_>,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let header = Header::read(bytes)?;
    let shape = context.admit(&Plan::new(header.info(), 4096))?;
    if header.has_long_palette {
        return Err(ImageError::corrupt(
            FORMAT,
            "a palette of more than 256 colors",
        ));
    }
    if header.has_short_rows && !context.pads() {
        return Err(ImageError::corrupt(
            FORMAT,
            "rows shorter than their pixels",
        ));
    }
    if let Samples::Runs(bits) = header.samples {
        return decode_runs(bytes, bits, &header, shape, context, into);
    }
    // The last row need not be padded.
    let data = bytes.get(header.offset..).unwrap_or(&[]);
    let data = if header.has_short_rows { &[] } else { data };
    let row_bytes = header.row_bytes();
    let rows = match data.len() / header.stride {
        rows if data.len() % header.stride >= row_bytes => rows + 1,
        rows => rows,
    };
    if rows < shape.height() && !context.pads() {
        return Err(ImageError::Truncated { format: FORMAT });
    }
    into.reshape(shape)?;
    let line = shape.width() * 3;
    for y in 0..shape.height() {
        if y % 64 == 0 {
            context.check()?;
        }
        let place = if header.top_down {
            y
        } else {
            shape.height() - 1 - y
        };
        let rgb = &mut into.pixels[place * line..(place + 1) * line];
        match data
            .get(y * header.stride..)
            .and_then(|row| row.get(..row_bytes))
        {
            Some(row) => convert(row, &header, rgb),
            None => blank(&header, rgb),
        }
    }
    Ok(())
}

fn convert(row: &[u8], header: &Header, rgb: &mut [u8]) {
    let pixels = rgb.as_chunks_mut::<3>().0.iter_mut();
    match header.samples {
        Samples::Packed(8) => header.palette.apply(row, rgb),
        Samples::Packed(bits) => {
            let per_byte = usize::from(8 / bits);
            let most = (1u8 << bits) - 1;
            for (x, pixel) in pixels.enumerate() {
                let shift = 8 - bits * (x % per_byte + 1) as u8;
                *pixel = header.palette.0[usize::from(row[x / per_byte] >> shift & most)];
            }
        }
        Samples::Bytes { len, bgr } => {
            for (pixel, sample) in pixels.zip(row.chunks_exact(len)) {
                *pixel = [sample[bgr[2]], sample[bgr[1]], sample[bgr[0]]];
            }
        }
        Samples::Words { green } => {
            // A channel of n bits is rounded down.
            let (high, most) = (5 + green, (1u32 << green) - 1);
            for (pixel, word) in pixels.zip(row.as_chunks::<2>().0) {
                let word = u32::from(u16::from_le_bytes(*word));
                *pixel = [
                    ((word >> high & 31) * 255 / 31) as u8,
                    ((word >> 5 & most) * 255 / most) as u8,
                    ((word & 31) * 255 / 31) as u8,
                ];
            }
        }
        Samples::Runs(_) => unreachable!("runs are not rows"),
    }
}

/// A row that is missing is of zero samples.
fn blank(header: &Header, rgb: &mut [u8]) {
    let color = match header.samples {
        Samples::Packed(_) => header.palette.0[0],
        _ => [0; 3],
    };
    for pixel in rgb.as_chunks_mut::<3>().0.iter_mut() {
        *pixel = color;
    }
}

fn decode_runs(
    bytes: &[u8],
    bits: u8,
    header: &Header,
    shape: Shape,
    context: &Context<'_>,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    // Two bytes fill a row at most, four jump over 255 of them: no memory for what cannot come.
    let runs = bytes.len().saturating_sub(header.offset) as u64 / 2 + 1;
    if runs * 256 * (shape.width() as u64 + 1) < shape.pixels() as u64 {
        return Err(ImageError::Truncated { format: FORMAT });
    }
    into.reshape(shape)?;
    let (width, height) = (shape.width(), shape.height());
    let (mut x, mut y) = (0, 0);
    let pixels = into.pixels.as_chunks_mut::<3>().0;
    runs::decode(
        bytes,
        header.offset,
        bits,
        width,
        shape.pixels(),
        &mut |indices| {
            for index in indices {
                let row = if header.top_down { y } else { height - 1 - y };
                pixels[row * width + x] = header.palette.0[usize::from(index)];
                x += 1;
                if x == width {
                    (x, y) = (0, y + 1);
                    if y % 64 == 0 {
                        context.check()?;
                    }
                }
            }
            Ok(())
        },
    )
}
