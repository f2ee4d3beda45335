//! JPEG through libjpeg-turbo's C code, with the settings under which Pillow's bytes come out.
//!
//! Accurate integer DCT and fancy upsampling, which are libjpeg's defaults. Data that ends early is
//! an error as in Pillow, where libjpeg by itself would invent an end marker and paint a grey band;
//! other warnings (bytes between segments, a bad code word) are tolerated, as Pillow tolerates them.

use super::image::{RgbImage, Shape, resize_buffer};
use super::{Color, DecodeLimits, ImageFormat, ImageInfo, pixels};
use crate::ImageError;
use mozjpeg::decompress::DecompressStarted;
use mozjpeg::{ColorSpace, Decompress};
use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Width, height and color from the header.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    guarded(bytes, |source| {
        let decoder = open(source)?;
        Ok(ImageInfo {
            format: ImageFormat::Jpeg,
            width: dimension(decoder.width())?,
            height: dimension(decoder.height())?,
            color: color(&decoder)?,
        })
    })
}

/// Decodes to RGB.
pub(super) fn decode(
    bytes: &[u8],
    limits: &DecodeLimits,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    guarded(bytes, |source| {
        let decoder = open(source)?;
        let shape = Shape::new(
            ImageFormat::Jpeg,
            dimension(decoder.width())?,
            dimension(decoder.height())?,
            limits,
        )?;
        into.reshape(shape)?;
        match color(&decoder)? {
            Color::L => {
                let mut started = decoder
                    .to_colorspace(ColorSpace::JCS_GRAYSCALE)
                    .map_err(failed)?;
                // The grey bytes fill the first third and spread from there.
                read(&mut started, &mut into.pixels[..shape.pixels()])?;
                pixels::spread_grey(&mut into.pixels);
                Ok(())
            }
            Color::Cmyk => {
                let mut started = decoder
                    .to_colorspace(ColorSpace::JCS_CMYK)
                    .map_err(failed)?;
                let mut samples = Vec::new();
                resize_buffer(&mut samples, shape.pixels() * 4, ImageFormat::Jpeg)?;
                read(&mut started, &mut samples)?;
                pixels::inverted_cmyk(&samples, &mut into.pixels);
                Ok(())
            }
            _ => {
                let mut started = decoder.to_colorspace(ColorSpace::JCS_RGB).map_err(failed)?;
                read(&mut started, &mut into.pixels)
            }
        }
    })
}

/// The file's bytes, for libjpeg. Past the end it fails at once, where an empty answer would make
/// libjpeg pretend that the picture was finished.
struct Source<'a> {
    rest: &'a [u8],
    ended: &'a Cell<bool>,
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest.is_empty() {
            self.ended.set(true);
            return Err(io::ErrorKind::Other.into());
        }
        Ok(self.rest)
    }

    fn consume(&mut self, n: usize) {
        self.rest = &self.rest[n.min(self.rest.len())..];
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}

/// Reads every row. The end of the file is not read: Pillow does not mind what follows the last
/// row either, as long as the rows themselves did not need it.
fn read(started: &mut DecompressStarted<Source<'_>>, rows: &mut [u8]) -> Result<(), ImageError> {
    started.read_scanlines_into(rows).map_err(failed)?;
    Ok(())
}

fn open(source: Source<'_>) -> Result<Decompress<Source<'_>>, ImageError> {
    Decompress::new_reader(source).map_err(failed)
}

/// Pillow's mode, which follows the number of components alone.
fn color<R>(decoder: &Decompress<R>) -> Result<Color, ImageError> {
    match decoder.components().len() {
        1 => Ok(Color::L),
        3 => Ok(Color::Rgb),
        4 => Ok(Color::Cmyk),
        n => Err(ImageError::feature(
            ImageFormat::Jpeg,
            format_args!("a picture of {n} components"),
        )),
    }
}

fn dimension(pixels: usize) -> Result<u32, ImageError> {
    u32::try_from(pixels).map_err(|e| ImageError::corrupt(ImageFormat::Jpeg, e))
}

fn failed(error: io::Error) -> ImageError {
    ImageError::corrupt(ImageFormat::Jpeg, error)
}

/// Runs libjpeg and turns its two ways of failing into errors. A fatal error unwinds out of the C
/// code (`resume_unwind`, so the panic hook prints nothing) with the message as its payload.
/// Whatever is reported, wanting bytes past the end means that the file was cut.
fn guarded<T>(
    bytes: &[u8],
    run: impl FnOnce(Source<'_>) -> Result<T, ImageError>,
) -> Result<T, ImageError> {
    let ended = Cell::new(false);
    // What may be left half-done behind the unwinding is the pixels, which nobody reads after an
    // error; libjpeg's own state is destroyed on the way.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        run(Source {
            rest: bytes,
            ended: &ended,
        })
    }));
    if ended.get() {
        return Err(ImageError::Truncated {
            format: ImageFormat::Jpeg,
        });
    }
    outcome.unwrap_or_else(|payload| {
        let reason = match payload.downcast_ref::<String>() {
            Some(message) => message
                .strip_prefix("libjpeg fatal error: ")
                .unwrap_or(message),
            None => "the decoder failed",
        };
        Err(ImageError::corrupt(ImageFormat::Jpeg, reason))
    })
}
