//! GIF, first frame, read as Pillow reads it: a frame that does not cover its screen leaves the rest
//! in the transparent index, or index 0, of the frame's palette.

mod blocks;
mod lzw;

use super::image::{Context, Plan, RgbImage};
use super::pixels::Palette;
use super::{Color, ImageFormat, ImageInfo};
use crate::ImageError;
use blocks::Frame;
use lzw::{Codes, Stop};

const FORMAT: ImageFormat = ImageFormat::Gif;

/// Width, height and color from the screen and the first frame's descriptor.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    Ok(describe(&Frame::first(bytes)?))
}

fn describe(frame: &Frame<'_>) -> ImageInfo {
    let (width, height) = frame.screen();
    ImageInfo {
        format: FORMAT,
        width,
        height,
        color: if frame.is_grey { Color::L } else { Color::P },
    }
}

/// What decoding takes.
pub(super) fn plan(bytes: &[u8]) -> Result<Plan, ImageError> {
    Ok(plan_of(&Frame::first(bytes)?))
}

fn plan_of(frame: &Frame<'_>) -> Plan {
    Plan::new(describe(frame), lzw::TABLES)
}

/// Decodes the first frame to RGB.
pub(super) fn decode(
    bytes: &[u8],
    context: &Context<'_>,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let frame = Frame::first(bytes)?;
    let shape = context.admit(&plan_of(&frame))?;
    let (frame_width, frame_height) = (usize::from(frame.width), usize::from(frame.height));
    if frame_width == 0 || frame_height == 0 {
        return Err(ImageError::ZeroDimension {
            format: FORMAT,
            width: frame.width.into(),
            height: frame.height.into(),
        });
    }
    let codes = Codes::new(frame.code_bits, frame.data);
    // A code stands for 4,096 pixels at most: no memory for a frame that the data cannot hold.
    if !context.pads()
        && codes.as_ref().map_err(Clone::clone)?.most_pixels() < (frame_width * frame_height) as u64
    {
        return Err(ImageError::Truncated { format: FORMAT });
    }
    let palette = frame.palette.map_or_else(Palette::greys, Palette::new);
    into.reshape(shape)?;
    let background = palette.0[usize::from(frame.transparent.unwrap_or(0))];
    let covers = frame_width == shape.width() && frame_height == shape.height();
    if !covers || context.pads() {
        for pixel in into.pixels.as_chunks_mut::<3>().0.iter_mut() {
            *pixel = background;
        }
    }
    let Ok(mut codes) = codes else {
        return Ok(());
    };
    let mut rows = Rows::new(frame_height, frame.interlaced);
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let row_of = |y: usize| ((top + y) * shape.width() + left) * 3;
    let (mut x, mut y) = (0, rows.next().expect("there is a row"));
    let mut done = false;
    let stop = codes.run(&mut |mut run: &[u8]| {
        while !run.is_empty() {
            let (now, later) = run.split_at(run.len().min(frame_width - x));
            let start = row_of(y) + x * 3;
            palette.apply(now, &mut into.pixels[start..start + now.len() * 3]);
            x += now.len();
            run = later;
            if x < frame_width {
                break;
            }
            x = 0;
            let Some(next) = rows.next() else {
                done = true;
                return Ok(false);
            };
            y = next;
            if y % 64 == 0 {
                context.check()?;
            }
        }
        Ok(true)
    })?;
    match stop {
        _ if done || context.pads() => Ok(()),
        Stop::Broken => Err(ImageError::corrupt(FORMAT, "an LZW code out of its range")),
        Stop::End => Err(ImageError::Truncated { format: FORMAT }),
    }
}

/// The order of rows.
struct Rows {
    height: usize,
    next: usize,
    /// Steps and first rows of this pass and those to come.
    passes: &'static [(usize, usize)],
}

impl Rows {
    fn new(height: usize, interlaced: bool) -> Self {
        Self {
            height,
            next: 0,
            passes: if interlaced {
                &[(8, 0), (8, 4), (4, 2), (2, 1)]
            } else {
                &[(1, 0)]
            },
        }
    }
}

impl Iterator for Rows {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.next >= self.height {
            let (_, later) = self.passes.split_first()?;
            self.passes = later;
            self.next = later.first()?.1;
        }
        let row = self.next;
        self.next += self.passes.first()?.0;
        Some(row)
    }
}
