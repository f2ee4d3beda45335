//! TIFF, first page, through the `tiff` crate.
//!
//! What it cannot read as Pillow does is refused by name: a picture that comes out slightly different
//! would move the features and nobody would notice.

mod palette;

use super::image::{RgbImage, Shape};
use super::{Color, DecodeLimits, ImageFormat, ImageInfo, pixels, raster};
use crate::ImageError;
use ::tiff::decoder::{Decoder, DecodingResult, Limits};
use ::tiff::tags::{CompressionMethod, PhotometricInterpretation, Tag};
use ::tiff::{ColorType, TiffError};
use palette::{IndexedColors, indices_as_grey};
use std::io::Cursor;

type Source<'a> = Decoder<Cursor<&'a [u8]>>;

/// Width, height and color from the first directory.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    let mut decoder = open(bytes)?;
    if IndexedColors::read(&mut decoder)?.is_some() {
        let (width, height) = decoder.dimensions().map_err(failed)?;
        return Ok(ImageInfo {
            format: ImageFormat::Tiff,
            width,
            height,
            color: Color::P,
        });
    }
    Ok(describe(&mut decoder)?.0)
}

/// Decodes the first page to RGB.
pub(super) fn decode(
    bytes: &[u8],
    limits: &DecodeLimits,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let mut decoder = open(bytes)?;
    match IndexedColors::read(&mut decoder)? {
        Some(colors) => {
            read_samples(open(&indices_as_grey(bytes)?)?, limits, into)?;
            colors.apply(&mut into.pixels);
            Ok(())
        }
        None => read_samples(decoder, limits, into),
    }
}

fn read_samples(
    mut decoder: Source<'_>,
    limits: &DecodeLimits,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let (info, kind) = describe(&mut decoder)?;
    let shape = Shape::of(&info, limits)?;
    check_varieties(&mut decoder, kind)?;

    let mut allowed = Limits::default();
    allowed.decoding_buffer_size = shape.pixels().saturating_mul(8);
    allowed.intermediate_buffer_size = allowed.decoding_buffer_size;
    let mut decoder = decoder.with_limits(allowed);
    let mut samples = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut samples).map_err(failed)?;
    if layout.planes > 1 {
        samples = interleave(samples, layout.planes)?;
    }
    into.reshape(shape)?;
    convert(&samples, kind, shape, &mut into.pixels)
}

fn open(bytes: &[u8]) -> Result<Source<'_>, ImageError> {
    Decoder::new(Cursor::new(bytes)).map_err(failed)
}

fn describe(decoder: &mut Source<'_>) -> Result<(ImageInfo, ColorType), ImageError> {
    let (width, height) = decoder.dimensions().map_err(failed)?;
    let kind = decoder.colortype().map_err(failed)?;
    let color = match kind {
        ColorType::Gray(1) => Color::Bilevel,
        ColorType::Gray(2 | 4 | 8) => Color::L,
        ColorType::Gray(16) => Color::I16,
        ColorType::GrayA(8)
        | ColorType::Multiband {
            bit_depth: 8,
            num_samples: 2,
        } => Color::La,
        ColorType::RGB(8 | 16) => Color::Rgb,
        ColorType::RGBA(8 | 16) => Color::Rgba,
        ColorType::CMYK(8) => Color::Cmyk,
        other => {
            return Err(ImageError::feature(
                ImageFormat::Tiff,
                format_args!("{other:?} color"),
            ));
        }
    };
    let info = ImageInfo {
        format: ImageFormat::Tiff,
        width,
        height,
        color,
    };
    Ok((info, kind))
}

/// Refuses what would be decoded otherwise than by Pillow.
fn check_varieties(decoder: &mut Source<'_>, kind: ColorType) -> Result<(), ImageError> {
    let refuse = |feature: &str| Err(ImageError::feature(ImageFormat::Tiff, feature));
    let extra = decoder
        .find_tag_unsigned_vec::<u16>(Tag::ExtraSamples)
        .map_err(failed)?;
    // 1 is associated alpha, which Pillow divides out.
    if extra.is_some_and(|kinds| kinds.contains(&1)) {
        return refuse("premultiplied alpha");
    }
    let photometric = decoder
        .find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)
        .map_err(failed)?
        .and_then(PhotometricInterpretation::from_u16);
    if kind == ColorType::Gray(16) && photometric == Some(PhotometricInterpretation::WhiteIsZero) {
        return refuse("16-bit grey in which white is zero");
    }
    let compression = decoder
        .find_tag_unsigned::<u16>(Tag::Compression)
        .map_err(failed)?
        .map(CompressionMethod::from_u16_exhaustive);
    if compression == Some(CompressionMethod::ModernJPEG) {
        return refuse("JPEG compression");
    }
    Ok(())
}

/// Planes one after the other to samples side by side.
fn interleave(samples: DecodingResult, planes: usize) -> Result<DecodingResult, ImageError> {
    fn weave<T: Copy>(samples: &[T], planes: usize) -> Vec<T> {
        let plane = samples.len() / planes;
        (0..plane * planes)
            .map(|i| samples[i % planes * plane + i / planes])
            .collect()
    }
    match samples {
        DecodingResult::U8(samples) => Ok(DecodingResult::U8(weave(&samples, planes))),
        DecodingResult::U16(samples) => Ok(DecodingResult::U16(weave(&samples, planes))),
        _ => Err(not_unsigned()),
    }
}

fn convert(
    samples: &DecodingResult,
    kind: ColorType,
    shape: Shape,
    rgb: &mut [u8],
) -> Result<(), ImageError> {
    let expected = shape.pixels() * usize::from(kind.num_samples());
    let high = |samples: &[u16], rgb: &mut [u8]| {
        let channels = usize::from(kind.num_samples());
        for (pixel, sample) in rgb
            .as_chunks_mut::<3>()
            .0
            .iter_mut()
            .zip(samples.chunks_exact(channels))
        {
            for (value, sample) in pixel.iter_mut().zip(sample) {
                *value = (sample >> 8) as u8;
            }
        }
    };
    match samples {
        DecodingResult::U8(samples) => match kind {
            ColorType::Gray(bits @ (1 | 2 | 4)) => {
                return unpack(samples, bits, shape, rgb);
            }
            _ if samples.len() < expected => return Err(too_short()),
            ColorType::Gray(8) => pixels::grey::<1>(samples, rgb),
            ColorType::RGB(8) => pixels::color::<3>(samples, rgb),
            ColorType::RGBA(8) => pixels::color::<4>(samples, rgb),
            ColorType::CMYK(8) => pixels::cmyk(samples, rgb),
            // What is left of the kinds that `describe` lets through is grey with alpha.
            _ => pixels::grey::<2>(samples, rgb),
        },
        DecodingResult::U16(samples) => match kind {
            _ if samples.len() < expected => return Err(too_short()),
            ColorType::Gray(16) => pixels::grey16(samples.iter().copied(), rgb),
            _ => high(samples, rgb),
        },
        _ => return Err(not_unsigned()),
    }
    Ok(())
}

/// Grey of 1, 2 or 4 bits, rows padded to bytes, scaled to 8.
fn unpack(samples: &[u8], bits: u8, shape: Shape, rgb: &mut [u8]) -> Result<(), ImageError> {
    let width = shape.width as usize;
    let per_byte = usize::from(8 / bits);
    let row_bytes = width.div_ceil(per_byte);
    if samples.len() < row_bytes * shape.height as usize {
        return Err(too_short());
    }
    let most = (1u8 << bits) - 1;
    for (row, packed) in rgb
        .chunks_exact_mut(width * 3)
        .zip(samples.chunks_exact(row_bytes))
    {
        for (x, pixel) in row.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let shift = 8 - bits * (x % per_byte + 1) as u8;
            pixel.fill((packed[x / per_byte] >> shift & most) * (255 / most));
        }
    }
    Ok(())
}

fn too_short() -> ImageError {
    ImageError::Truncated {
        format: ImageFormat::Tiff,
    }
}

fn not_unsigned() -> ImageError {
    ImageError::feature(ImageFormat::Tiff, "signed or floating-point samples")
}

fn failed(error: TiffError) -> ImageError {
    let format = ImageFormat::Tiff;
    if raster::ends_early(&error) {
        return ImageError::Truncated { format };
    }
    match error {
        TiffError::UnsupportedError(feature) => ImageError::feature(format, feature),
        TiffError::LimitsExceeded => ImageError::OutOfMemory { format },
        other => ImageError::corrupt(format, other),
    }
}
