//! JPEG 2000 behind the reversible filter, through `hayro-jpeg2000`.
//!
//! That filter computes in whole numbers, and so do OpenJPEG, which Pillow uses, and this decoder: whatever was
//! cut to reach a rate, both return the same pixels. The irreversible filter is floating-point arithmetic, whose
//! order is each decoder's own, and its images are refused.

mod boxes;
mod codestream;

use super::image::{Context, Plan, RgbImage};
use super::{Color, ImageFormat, ImageInfo, pixels};
use crate::ImageError;
use boxes::Space;
use codestream::{Codestream, Component};
use hayro_jpeg2000::{ComponentData, DecodeError, DecodeSettings, DecoderContext, Image};

const FORMAT: ImageFormat = ImageFormat::Jpeg2000;

/// Pixels that are converted between two looks at the clock.
const PIXELS_BETWEEN_CHECKS: usize = 1 << 16;

struct Header<'a> {
    codestream: &'a [u8],
    layout: Codestream,
    info: ImageInfo,
}

/// Width, height and color from the headers.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    Ok(Header::read(bytes)?.info)
}

/// What decoding takes.
pub(super) fn plan(bytes: &[u8]) -> Result<Plan, ImageError> {
    Ok(Header::read(bytes)?.plan())
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let (codestream, header) = boxes::codestream(bytes)?;
        let layout = Codestream::read(codestream)?;
        if let Some(shape) = header.shape
            && (shape.width, shape.height, usize::from(shape.components))
                != (layout.width, layout.height, layout.components.len())
        {
            return Err(ImageError::corrupt(
                FORMAT,
                "a header that contradicts its codestream",
            ));
        }
        let info = ImageInfo {
            format: FORMAT,
            width: layout.width,
            height: layout.height,
            color: color(header, &layout.components)?,
        };
        Ok(Self {
            codestream,
            layout,
            info,
        })
    }

    fn plan(&self) -> Plan {
        Plan::new(self.info, self.layout.working_bytes())
    }
}

/// Pillow's mode.
fn color(header: boxes::Header, components: &[Component]) -> Result<Color, ImageError> {
    let refused = |feature: &str| Err(ImageError::feature(FORMAT, feature));
    if components.iter().any(|component| component.is_subsampled) {
        return refused("subsampled components");
    }
    if components.iter().any(|component| component.is_signed) {
        return refused("samples with a sign");
    }
    if components.iter().any(|component| component.bits > 16) {
        return refused("samples of more than 16 bits");
    }
    // Grey of nine bits is 8-bit grey in the boxes of a file, and 16-bit grey by itself.
    let is_deep = match header.shape {
        Some(shape) => shape.depth > 8,
        None => components[0].bits > 8,
    };
    match (components.len(), header.space) {
        (1, Space::Grey | Space::Unknown) if is_deep => Ok(Color::I16),
        (1, Space::Grey | Space::Unknown) => Ok(Color::L),
        (2, Space::Grey | Space::Unknown) => Ok(Color::La),
        (3, Space::Rgb | Space::Unknown) => Ok(Color::Rgb),
        (4, Space::Rgb | Space::Unknown) => Ok(Color::Rgba),
        _ => refused("components that are not grey or RGB, with or without alpha"),
    }
}

/// Decodes to RGB.
pub(super) fn decode(
    bytes: &[u8],
    context: &Context<'_>,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let header = Header::read(bytes)?;
    if let Some(refusal) = header.layout.refusal {
        return Err(ImageError::feature(FORMAT, refusal.text()));
    }
    let shape = context.admit(&header.plan())?;
    let settings = DecodeSettings {
        resolve_palette_indices: false,
        strict: true,
        target_resolution: None,
    };
    // The codestream alone: boxes that order channels or make colors are not applied by Pillow either.
    let image = Image::new(header.codestream, &settings).map_err(failed)?;
    if (image.width(), image.height()) != (header.info.width, header.info.height) {
        return Err(ImageError::corrupt(FORMAT, "an image of another size"));
    }
    let mut decoder = DecoderContext::default();
    let decoded = image.decode(&mut decoder).map_err(failed)?;
    context.check()?;
    into.reshape(shape)?;
    let components = decoded.components();
    let is_grey = matches!(header.info.color, Color::L | Color::La | Color::I16);
    let used = if is_grey { 1 } else { 3 };
    for (channel, component) in components.iter().take(used).enumerate() {
        write(component, &header, channel, used, context, into)?;
    }
    if is_grey {
        pixels::spread_grey(&mut into.pixels);
    }
    Ok(())
}

/// Writes one channel: every sample at first, or every third.
fn write(
    component: &ComponentData,
    header: &Header<'_>,
    channel: usize,
    step: usize,
    context: &Context<'_>,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let bits = header.layout.components[channel].bits;
    let samples = component.samples();
    let count = into.pixels.len() / 3;
    if samples.len() != count {
        return Err(ImageError::corrupt(FORMAT, "components of different sizes"));
    }
    let most = f32::from(((1_u32 << bits) - 1) as u16);
    let converted = |sample: f32| {
        let sample = sample.clamp(0.0, most) as u32;
        match (header.info.color, bits) {
            // 16-bit grey is scaled to 16 bits, and clipped at 255.
            (Color::I16, _) => (sample << (16 - bits)).min(255) as u8,
            (_, ..=8) => (sample << (8 - bits)) as u8,
            // Rounded, and of the result the lowest byte.
            _ => ((sample + (1 << (bits - 9))) >> (bits - 8)) as u8,
        }
    };
    let pixels = into.pixels[channel..].chunks_mut(step * PIXELS_BETWEEN_CHECKS);
    for (pixels, samples) in pixels.zip(samples.chunks(PIXELS_BETWEEN_CHECKS)) {
        context.check()?;
        // The only sample of a line, at an odd place, is halved. OpenJPEG drops the remainder, and this decoder
        // keeps it; whole numbers are all that is added afterwards, so that it shows in the result.
        if samples.iter().any(|sample| sample.fract() != 0.0) {
            let feature = "bands of one sample that were cut to reach a rate";
            return Err(ImageError::feature(FORMAT, feature));
        }
        for (pixel, sample) in pixels.iter_mut().step_by(step).zip(samples) {
            *pixel = converted(*sample);
        }
    }
    Ok(())
}

fn failed(error: DecodeError) -> ImageError {
    ImageError::corrupt(FORMAT, error)
}
