//! One strip or tile: decompressed, its bits in order, its differences summed.

use super::layout::{Compression, Layout};
use super::{FORMAT, fax};
use crate::ImageError;
use crate::preprocess::image::Context;
use flate2::{Decompress, FlushDecompress, Status};
use std::borrow::Cow;
use weezl::{BitOrder, LzwStatus};

/// Bytes that a decoder keeps beside the strip.
pub(super) fn state_bytes(compression: Compression) -> u64 {
    match compression {
        Compression::Zstd => (1 << ZSTD_WINDOW) + (512 << 10),
        Compression::Deflate | Compression::Lzw => 128 << 10,
        // Tables of codes, and two rows of runs.
        Compression::Group4 => (128 << 10) + 16 * u64::from(fax::WIDEST + 64),
        Compression::None | Compression::PackBits | Compression::Jpeg => 0,
    }
}

/// An upper bound of the bytes that come of one.
pub(super) fn most_expansion(compression: Compression) -> u64 {
    match compression {
        Compression::None => 1,
        Compression::PackBits => 64,
        // A code of nine bits or more stands for 4,096 bytes at most.
        Compression::Lzw => 4096,
        // 258 bytes in two bits.
        Compression::Deflate => 1032,
        // A bit can stand for a row of any width, two bytes for a block of 128 kB, and a few for
        // 32,767 blocks of 64 samples.
        Compression::Group4 | Compression::Zstd | Compression::Jpeg => u64::MAX,
    }
}

/// Two to this power are the most bytes that a zstd stream may look back: what `zstd -19` uses for
/// the sizes that strips have.
const ZSTD_WINDOW: u32 = 23;

/// Fills `out`, which is a strip or tile of rows of `row_bytes`. Data that ends early is an error, as
/// it is to libtiff.
pub(super) fn decompress(
    data: &[u8],
    layout: &Layout,
    context: &Context<'_>,
    out: &mut [u8],
) -> Result<(), ImageError> {
    let width = layout.chunk_width;
    let data = match layout.reversed_bits {
        true => Cow::Owned(data.iter().map(|byte| byte.reverse_bits()).collect()),
        false => Cow::Borrowed(data),
    };
    let filled = match layout.compression {
        Compression::None => copy(&data, out),
        Compression::PackBits => pack_bits(&data, out),
        Compression::Lzw => lzw(&data, context, out)?,
        Compression::Deflate => inflate(&data, context, out)?,
        Compression::Zstd => zstd(&data, context, out)?,
        Compression::Group4 => fax::group4(&data, width, layout.row_bytes(width), context, out)?,
        Compression::Jpeg => unreachable!("JPEG data is not rows of samples"),
    };
    if filled < out.len() {
        return Err(ImageError::Truncated { format: FORMAT });
    }
    Ok(())
}

fn copy(data: &[u8], out: &mut [u8]) -> usize {
    let len = data.len().min(out.len());
    out[..len].copy_from_slice(&data[..len]);
    len
}

/// A count and as many bytes, or a count below zero and a byte to be repeated.
fn pack_bits(data: &[u8], out: &mut [u8]) -> usize {
    let mut data = data.iter();
    let mut filled = 0;
    while filled < out.len() {
        let Some(&count) = data.next() else {
            break;
        };
        let room = out.len() - filled;
        match count as i8 {
            -128 => {}
            count @ ..0 => {
                let Some(&byte) = data.next() else {
                    break;
                };
                let len = (1 - i32::from(count)) as usize;
                let len = len.min(room);
                out[filled..filled + len].fill(byte);
                filled += len;
            }
            count => {
                let len = (count as usize + 1).min(room);
                for byte in data.by_ref().take(len) {
                    out[filled] = *byte;
                    filled += 1;
                }
            }
        }
    }
    filled
}

/// Bytes that are decompressed between two looks at the clock.
const BETWEEN_CHECKS: usize = 4 << 20;

fn lzw(data: &[u8], context: &Context<'_>, out: &mut [u8]) -> Result<usize, ImageError> {
    // The order of bits before TIFF 5, which libtiff recognises by the first code.
    if data.first() == Some(&0) && data.get(1).is_some_and(|byte| byte & 1 == 1) {
        return Err(ImageError::feature(FORMAT, "old-style LZW compression"));
    }
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
    let (mut read, mut filled) = (0, 0);
    while filled < out.len() {
        context.check()?;
        let end = out.len().min(filled + BETWEEN_CHECKS);
        let result = decoder.decode_bytes(&data[read..], &mut out[filled..end]);
        read += result.consumed_in;
        filled += result.consumed_out;
        match result.status {
            Ok(LzwStatus::Ok) if result.consumed_in + result.consumed_out > 0 => {}
            Ok(_) => break,
            Err(error) => return Err(ImageError::corrupt(FORMAT, error)),
        }
    }
    Ok(filled)
}

fn inflate(data: &[u8], context: &Context<'_>, out: &mut [u8]) -> Result<usize, ImageError> {
    let mut inflater = Decompress::new(true);
    loop {
        let (read, filled) = (inflater.total_in() as usize, inflater.total_out() as usize);
        if filled == out.len() {
            return Ok(filled);
        }
        context.check()?;
        let end = out.len().min(filled + BETWEEN_CHECKS);
        let status = inflater
            .decompress(&data[read..], &mut out[filled..end], FlushDecompress::None)
            .map_err(|_| ImageError::corrupt(FORMAT, "corrupt deflate stream"))?;
        let stuck = inflater.total_in() as usize == read && inflater.total_out() as usize == filled;
        if status == Status::StreamEnd || stuck {
            return Ok(inflater.total_out() as usize);
        }
    }
}

fn zstd(data: &[u8], context: &Context<'_>, out: &mut [u8]) -> Result<usize, ImageError> {
    use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};
    let failed = |error| ImageError::corrupt(FORMAT, error);
    let mut decoder = Decoder::new().map_err(failed)?;
    decoder
        .set_parameter(zstd::zstd_safe::DParameter::WindowLogMax(ZSTD_WINDOW))
        .map_err(failed)?;
    let mut input = InBuffer::around(data);
    let mut filled = 0;
    while filled < out.len() {
        context.check()?;
        let end = out.len().min(filled + BETWEEN_CHECKS);
        let before = input.pos();
        let mut output = OutBuffer::around(&mut out[filled..end]);
        decoder.run(&mut input, &mut output).map_err(failed)?;
        let written = output.pos();
        filled += written;
        if written == 0 && input.pos() == before {
            break;
        }
    }
    Ok(filled)
}
