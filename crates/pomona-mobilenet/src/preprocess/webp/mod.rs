//! WebP: lossy images through libwebp, lossless ones through `image-webp`; of an animation the first frame, on a canvas of
//! zeros.

mod color;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "loads of vectors, each as long as an array")]
mod color_avx2;
mod container;
mod lossless;
mod lossy;
#[expect(
    unsafe_code,
    reason = "libwebp's decoder, whose pointers live as long as it"
)]
mod planes;
mod source;

use super::destination::Destination;
use super::image::{Context, Plan, RgbImage, Shape};
use super::{Color, ImageFormat, ImageInfo, orientation};
use crate::ImageError;
use container::{Container, Data, Frame};

const FORMAT: ImageFormat = ImageFormat::WebP;

/// Width, height and color from the chunks' headers.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    Ok(describe(&Container::read(bytes)?))
}

fn describe(container: &Container<'_>) -> ImageInfo {
    ImageInfo {
        format: FORMAT,
        width: container.width,
        height: container.height,
        color: if container.has_alpha {
            Color::Rgba
        } else {
            Color::Rgb
        },
    }
}

/// What decoding takes.
pub(super) fn plan(bytes: &[u8]) -> Result<Plan, ImageError> {
    plan_of(&Container::read(bytes)?)
}

fn plan_of(container: &Container<'_>) -> Result<Plan, ImageError> {
    let info = describe(container);
    let canvas = u64::from(info.width) * u64::from(info.height);
    let (width, height) = match container.frame {
        Some(frame) => (frame.width, frame.height),
        None => (info.width, info.height),
    };
    let pixels = u64::from(width) * u64::from(height);
    let lossless = pixels * 4 + lossless::bytes(pixels, container.image.len());
    let bytes = match container.image.data()? {
        Data::Lossy { alpha, .. } => {
            // The alpha is decoded, and freed, before anything else.
            let alpha = alpha.map_or(0, |_| lossless);
            alpha.max(canvas * 3 + lossy::bytes(width, height))
        }
        // RGBA, and the RGB of a canvas, or of sixteen rows at a time.
        Data::Lossless(_) if container.frame.is_some() => canvas * 3 + lossless,
        Data::Lossless(_) => lossless + u64::from(width) * 64,
    };
    let mut plan = Plan::new(info, 0);
    plan.bytes = bytes.max(canvas * 3);
    Ok(plan)
}

/// The orientation that a camera recorded.
pub(super) fn orientation(bytes: &[u8]) -> Result<Option<u8>, ImageError> {
    let container = Container::read(bytes)?;
    orientation::recorded(FORMAT, container.exif, container.xmp)
}

/// Decodes the image, or the first frame of an animation, to RGB.
pub(super) fn decode(
    bytes: &[u8],
    context: &Context<'_>,
    into: &mut Destination<'_, '_>,
) -> Result<(), ImageError> {
    let container = Container::read(bytes)?;
    let shape = context.admit(&plan_of(&container)?)?;
    let data = container.image.data()?;
    if let Some(frame) = container.frame {
        return decode_frame(data, frame, shape, context, into.image);
    }
    match data {
        Data::Lossy { chunk, alpha } => {
            if let Some(alpha) = alpha {
                lossy::check_alpha(alpha, (container.width, container.height), context)?;
            }
            into.reshape(shape, 3, true)?;
            let size = (shape.width(), shape.height());
            lossy::decode(chunk, size, context, |y, row| {
                row.write(into.row(y));
                into.done(y);
            })
        }
        Data::Lossless(data) => {
            into.image.reshape_for(shape, 4)?;
            lossless::decode(data, context, &mut into.image.pixels)?;
            into.drop_alpha(shape);
            Ok(())
        }
    }
}

/// libwebp decodes the first frame to the empty canvas without blending it.
fn decode_frame(
    data: Data<'_>,
    frame: Frame,
    shape: Shape,
    context: &Context<'_>,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let mut rgba = RgbImage::default();
    match data {
        Data::Lossy { alpha, .. } => {
            if let Some(alpha) = alpha {
                lossy::check_alpha(alpha, (frame.width, frame.height), context)?;
            }
        }
        Data::Lossless(data) => {
            rgba.reshape_for(shape.part(frame.width, frame.height), 4)?;
            lossless::decode(data, context, &mut rgba.pixels)?;
        }
    }
    into.reshape(shape)?;
    if width * height < shape.pixels() {
        into.pixels.fill(0);
    }
    let start = (frame.top as usize * shape.width() + frame.left as usize) * 3;
    let rows = into.pixels[start..].chunks_mut(shape.width() * 3);
    let mut rows = rows.map(|row| &mut row[..width * 3]);
    match data {
        Data::Lossy { chunk, .. } => lossy::decode(chunk, (width, height), context, |_, row| {
            if let Some(out) = rows.next() {
                row.write(out);
            }
        }),
        Data::Lossless(_) => {
            for (row, samples) in rows.zip(rgba.pixels.chunks_exact(width * 4)) {
                let pixels = row.as_chunks_mut::<3>().0.iter_mut();
                for (pixel, [r, g, b, _]) in pixels.zip(samples.as_chunks::<4>().0) {
                    *pixel = [*r, *g, *b];
                }
            }
            Ok(())
        }
    }
}
