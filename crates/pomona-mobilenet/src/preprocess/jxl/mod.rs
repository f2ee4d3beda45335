//! JPEG XL whose samples are coded as whole numbers, through `jxl-oxide`; of an animation, the first frame.
//!
//! That is what lossless encoding writes. The rest of the format (the colors of XYB and YCbCr, the DCT, filters,
//! noise) is floating-point arithmetic in an order that is each decoder's own: the result differs from libjxl's by
//! 1 in some samples, and such images are refused.

use super::image::{Context, Plan, RgbImage};
use super::{Color, ImageFormat, ImageInfo, pixels};
use crate::ImageError;
use jxl_oxide::frame::{BlendMode, Encoding};
use jxl_oxide::image::BitDepth;
use jxl_oxide::{
    AllocTracker, ExtraChannelType, FrameHeader, ImageHeader, InitializeResult, JxlImage,
};
use std::error::Error;

const FORMAT: ImageFormat = ImageFormat::JpegXl;

/// Bytes that are handed to the decoder between two looks at the clock.
const PIECE: usize = 1 << 16;

/// Rows that are converted between two looks at the clock.
const ROWS_BETWEEN_CHECKS: usize = 16;

/// What reading the headers may allocate.
const HEADERS: usize = 4 << 20;

/// Bytes a sample of the decoder's buffers: as they are coded, transformed and returned.
const NARROW_SAMPLE: u64 = 6;
/// As [`NARROW_SAMPLE`], of images that say that 16 bits do not hold what is transformed.
const WIDE_SAMPLE: u64 = 12;

/// A decoder, and the bytes that it has not been given.
struct Opened<'a> {
    image: JxlImage,
    rest: &'a [u8],
    memory: AllocTracker,
}

/// Width, height and color from the header.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    describe(Opened::read(bytes)?.image.image_header())
}

/// What decoding takes.
pub(super) fn plan(bytes: &[u8]) -> Result<Plan, ImageError> {
    plan_of(Opened::read(bytes)?.image.image_header(), bytes)
}

fn plan_of(header: &ImageHeader, bytes: &[u8]) -> Result<Plan, ImageError> {
    let info = describe(header)?;
    let colors = if header.metadata.grayscale() { 1 } else { 3 };
    let channels = colors + header.metadata.ec_info.len() as u64;
    let pixels = u64::from(info.width) * u64::from(info.height);
    let coded = bytes.len() as u64 + HEADERS as u64;
    let sample = match header.metadata.modular_16bit_buffers {
        true => NARROW_SAMPLE,
        false => WIDE_SAMPLE,
    };
    let beside = pixels.saturating_mul(channels * sample);
    Ok(Plan::new(info, beside.saturating_add(coded)))
}

fn describe(header: &ImageHeader) -> Result<ImageInfo, ImageError> {
    let metadata = &header.metadata;
    let has_alpha = metadata.alpha().is_some();
    Ok(ImageInfo {
        format: FORMAT,
        width: header.width_with_orientation(),
        height: header.height_with_orientation(),
        color: match (metadata.grayscale(), has_alpha) {
            (true, false) => Color::L,
            (true, true) => Color::La,
            (false, false) => Color::Rgb,
            (false, true) => Color::Rgba,
        },
    })
}

impl<'a> Opened<'a> {
    /// Hands bytes to the decoder until it knows the image's header.
    fn read(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let memory = AllocTracker::with_limit(HEADERS);
        let mut decoder = JxlImage::builder()
            .alloc_tracker(memory.clone())
            .build_uninit();
        let (mut given, mut end) = (0, 64);
        loop {
            end = end.min(bytes.len());
            given += decoder.feed_bytes(&bytes[given..end]).map_err(failed)?;
            match decoder.try_init().map_err(failed)? {
                InitializeResult::Initialized(image) => {
                    return Ok(Self {
                        image,
                        rest: &bytes[given..],
                        memory,
                    });
                }
                InitializeResult::NeedMoreData(same) => decoder = same,
            }
            if end == bytes.len() {
                return Err(ImageError::Truncated { format: FORMAT });
            }
            // The header is read from its start each time.
            end *= 2;
        }
    }

    /// Hands over the bytes of the first frame. Its header is looked at before its data.
    fn read_frame(&mut self, context: &Context<'_>) -> Result<(), ImageError> {
        let mut is_known = false;
        loop {
            if let Some(frame) = self.image.frame(0)
                && !is_known
            {
                is_known = true;
                if let Some(feature) = inexact(self.image.image_header(), frame.header()) {
                    return Err(ImageError::feature(FORMAT, feature));
                }
            }
            if self.image.num_loaded_keyframes() > 0 {
                return Ok(());
            }
            if self.rest.is_empty() {
                return Err(ImageError::Truncated { format: FORMAT });
            }
            context.check()?;
            let piece = &self.rest[..self.rest.len().min(PIECE)];
            let given = self.image.feed_bytes(piece).map_err(failed)?;
            if given == 0 {
                return Err(ImageError::Truncated { format: FORMAT });
            }
            self.rest = &self.rest[given..];
        }
    }
}

/// Why the samples of a frame are not those that the file holds as whole numbers.
fn inexact(image: &ImageHeader, frame: &FrameHeader) -> Option<&'static str> {
    let metadata = &image.metadata;
    let bits = BitDepth::IntegerSample { bits_per_sample: 8 };
    let is_alpha = |channel: &jxl_oxide::image::ExtraChannelInfo| {
        let straight = ExtraChannelType::Alpha {
            alpha_associated: false,
        };
        channel.ty == straight && channel.bit_depth == bits && channel.dim_shift == 0
    };
    let is_whole = (frame.x0, frame.y0) == (0, 0)
        && (frame.width, frame.height) == (image.size.width, image.size.height);
    if frame.encoding != Encoding::Modular || metadata.xyb_encoded || frame.do_ycbcr {
        Some("lossy compression, whose pixels would not be Pillow's")
    } else if metadata.bit_depth != bits {
        Some("samples of other than 8 bits")
    } else if metadata.ec_info.len() > 1 || !metadata.ec_info.iter().all(is_alpha) {
        Some("channels beside colors and one alpha of 8 bits that is not premultiplied")
    } else if !frame.is_keyframe()
        || !is_whole
        || frame.blending_info.mode != BlendMode::Replace
        || frame.flags.patches()
    {
        Some("an image that is put together from several")
    } else if frame.flags.noise() || frame.flags.splines() {
        Some("noise or curves drawn over the samples")
    } else if frame.upsampling != 1 || frame.ec_upsampling.iter().any(|factor| *factor != 1) {
        Some("samples at a lower resolution")
    } else if frame.restoration_filter.gab.enabled() || frame.restoration_filter.epf.enabled() {
        Some("filters behind the samples")
    } else {
        None
    }
}

/// Decodes to RGB.
pub(super) fn decode(
    bytes: &[u8],
    context: &Context<'_>,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let mut opened = Opened::read(bytes)?;
    let plan = plan_of(opened.image.image_header(), bytes)?;
    let shape = context.admit(&plan)?;
    opened
        .memory
        .expand_limit(usize::try_from(plan.bytes).unwrap_or(usize::MAX));
    opened.read_frame(context)?;
    let image = opened.image.render_frame(0).map_err(failed)?;
    context.check()?;
    let mut samples = image.stream_no_alpha();
    let channels = samples.channels() as usize;
    let size = (samples.width() as usize, samples.height() as usize);
    if size != (shape.width(), shape.height()) || !matches!(channels, 1 | 3) {
        return Err(ImageError::corrupt(FORMAT, "an image of another size"));
    }
    into.reshape(shape)?;
    let row = shape.width() * channels;
    let rows = &mut into.pixels[..shape.pixels() * channels];
    for rows in rows.chunks_mut(row * ROWS_BETWEEN_CHECKS) {
        context.check()?;
        if samples.write_to_buffer(rows) != rows.len() {
            return Err(ImageError::Truncated { format: FORMAT });
        }
    }
    if channels == 1 {
        pixels::spread_grey(&mut into.pixels);
    }
    Ok(())
}

fn failed(error: Box<dyn Error + Send + Sync>) -> ImageError {
    ImageError::corrupt(FORMAT, error)
}
