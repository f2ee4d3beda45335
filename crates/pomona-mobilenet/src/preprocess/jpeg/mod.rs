//! JPEG through libjpeg-turbo's C code, with the settings under which Pillow's bytes come out.
//!
//! Accurate integer DCT, in the arithmetic of Pillow's vector code (`idct.rs`), and fancy upsampling (`color.rs`): both are
//! ours, because libjpeg-turbo's vector code needs an assembler to build. Data that ends early is
//! an error as in Pillow, where libjpeg by itself would invent an end marker and paint a grey band;
//! other warnings (bytes between segments, a bad code word) are tolerated, as Pillow tolerates them.

#[expect(
    unsafe_code,
    reason = "libjpeg's callbacks, on what libjpeg passes to them"
)]
mod callbacks;
mod color;
#[cfg(target_arch = "x86_64")]
#[expect(
    unsafe_code,
    reason = "loads and stores of vectors, each as long as an array"
)]
mod color_avx2;
mod idct;
#[cfg(target_arch = "x86_64")]
#[expect(
    unsafe_code,
    reason = "loads and stores of vectors, each as long as an array"
)]
mod idct_avx2;
mod layout;
mod part;
mod source;
#[expect(
    unsafe_code,
    reason = "libjpeg's callback, on the rows that libjpeg passes"
)]
mod upsampler;

use super::destination::Destination;
use super::image::{Context, Plan};
use super::{Color, ImageFormat, ImageInfo, orientation, pixels};
use crate::ImageError;
use layout::Layout;
use mozjpeg::{ColorSpace, Decompress};
pub(super) use part::{Part, part_cost};
use source::{Shared, Source};
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rows that are decoded between two looks at the clock.
const ROWS_BETWEEN_CHECKS: usize = 16;

/// Width, height and color from the header.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let shared = Shared::default();
    guarded(&shared, || describe(&open(Source::whole(bytes, &shared))?))
}

fn describe(decoder: &Decompress<Source<'_>>) -> Result<ImageInfo, ImageError> {
    Ok(ImageInfo {
        format: ImageFormat::Jpeg,
        width: dimension(decoder.width())?,
        height: dimension(decoder.height())?,
        color: color(decoder)?,
    })
}

/// What decoding takes, from the markers.
pub(super) fn plan(bytes: &[u8]) -> Result<Plan, ImageError> {
    Ok(plan_of(info(bytes)?, &Layout::read(bytes)?))
}

fn plan_of(info: ImageInfo, layout: &Layout) -> Plan {
    let mut plan = Plan::new(info, layout.working_bytes());
    if info.color == Color::Cmyk {
        plan.bytes += plan.pixels();
    }
    plan.scans = layout.scans;
    plan
}

/// The orientation that a camera recorded.
pub(super) fn orientation(bytes: &[u8]) -> Result<Option<u8>, ImageError> {
    let metadata = layout::metadata(bytes);
    orientation::recorded(ImageFormat::Jpeg, metadata.exif, metadata.xmp)
}

/// Decodes to RGB.
pub(super) fn decode(
    bytes: &[u8],
    context: &Context<'_>,
    into: &mut Destination<'_, '_>,
) -> Result<(), ImageError> {
    let shared = Shared::default();
    // Rows that were decoded, once the header is read.
    let decoded = Cell::new(None);
    let layout = Layout::read(bytes);
    let source = match &layout {
        Ok(layout) if layout.buffered => Source::in_pieces(bytes, &shared, context),
        _ => Source::padded(bytes, &shared, context),
    };
    let mut found = None;
    let outcome = guarded(&shared, || {
        let decoder = open(source)?;
        // What libjpeg says of a broken header comes first.
        let info = describe(&decoder)?;
        let shape = context.admit(&plan_of(info, &layout?))?;
        let (space, samples) = match info.color {
            Color::L => (ColorSpace::JCS_GRAYSCALE, 1),
            Color::Cmyk => (ColorSpace::JCS_CMYK, 4),
            _ => (ColorSpace::JCS_RGB, 3),
        };
        let final_rows = info.color == Color::Rgb && !context.pads();
        into.reshape(shape, samples, final_rows)?;
        found = Some((info.color, shape.pixels() * samples));
        decoded.set(Some(0));
        let mut started = decoder.to_colorspace(space).map_err(failed)?;
        for y in 0..shape.height() {
            if y % ROWS_BETWEEN_CHECKS == 0 {
                context.check()?;
            }
            let row = into.row(y);
            started.read_scanlines_into(row).map_err(failed)?;
            decoded.set(Some((y + 1) * row.len()));
            into.done(y);
        }
        // What stands between the last row and the end of the image must be there, and be JPEG.
        started.finish().map_err(failed)
    });
    let Some((color, len)) = found else {
        return outcome;
    };
    match (outcome, decoded.get()) {
        (Ok(()), _) => {}
        // What stopped it was not the data.
        (Err(error @ (ImageError::TimedOut { .. } | ImageError::Interrupted)), _) => {
            return Err(error);
        }
        (Err(_), Some(start)) if context.pads() => {
            // Pillow's image is zero where nothing was written: black, or no ink.
            let zero = if color == Color::Cmyk { 255 } else { 0 };
            into.image.pixels[start..len].fill(zero);
        }
        (Err(error), _) => return Err(error),
    }
    match color {
        // The grey bytes fill the first third and spread from there.
        Color::L => pixels::spread_grey(&mut into.image.pixels),
        Color::Cmyk => {
            pixels::inverted_cmyk_in_place(&mut into.image.pixels);
            into.image.narrow();
        }
        _ => {}
    }
    Ok(())
}

fn open(source: Source<'_>) -> Result<Decompress<Source<'_>>, ImageError> {
    callbacks::open(source).map_err(failed)
}

/// Pillow's mode, which follows the number of components alone.
fn color<R>(decoder: &Decompress<R>) -> Result<Color, ImageError> {
    match decoder.components().len() {
        1 => Ok(Color::L),
        3 => Ok(Color::Rgb),
        4 => Ok(Color::Cmyk),
        n => Err(ImageError::feature(
            ImageFormat::Jpeg,
            format_args!("an image of {n} components"),
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
    shared: &Shared,
    run: impl FnOnce() -> Result<T, ImageError>,
) -> Result<T, ImageError> {
    // What may be left half-done behind the unwinding is the pixels, which nobody reads after an
    // error; libjpeg's own state is destroyed on the way.
    let outcome = catch_unwind(AssertUnwindSafe(run));
    if let Some(error) = shared.failure() {
        return Err(error);
    }
    outcome.unwrap_or_else(|payload| {
        let reason = payload
            .downcast_ref::<String>()
            .map_or("the decoder failed", String::as_str);
        // Arithmetic coding, 12-bit samples, lossless JPEG: libjpeg says so in its message alone.
        if reason.starts_with("Unsupported") || reason.contains("not implemented") {
            return Err(ImageError::feature(ImageFormat::Jpeg, reason));
        }
        Err(ImageError::corrupt(ImageFormat::Jpeg, reason))
    })
}
