//! PNG, one row at a time: chunks and filters here, the inflating by zlib-rs, which is a port of the
//! zlib-ng that Pillow uses and stops at the same byte of a damaged stream.

mod chunks;
mod passes;
mod rows;

use super::image::{Context, Plan, RgbImage};
use super::{Color, ImageFormat, ImageInfo, orientation};
use crate::ImageError;
use chunks::{Chunks, Data, Front};
use flate2::{Decompress, FlushDecompress, Status};
use passes::Places;
use rows::{Pixels, Row, Unfilter};

const FORMAT: ImageFormat = ImageFormat::Png;

/// What inflating takes beside two rows: a window of 32 kB and the tables, measured and rounded up.
const INFLATE: u64 = 128 << 10;

/// Width, height and color from the `IHDR` chunk.
pub(super) fn info(bytes: &[u8]) -> Result<ImageInfo, ImageError> {
    // The whole front is read where the file has it; a header that is there says enough.
    match Chunks::new(bytes).front(false) {
        Ok((front, _)) => Header::of(&front).map(|header| header.info()),
        Err(error) => match first_header(bytes) {
            Some(header) => Header::read(header).map(|header| header.info()),
            None => Err(error),
        },
    }
}

/// The header where it is the first chunk, as it should be.
fn first_header(bytes: &[u8]) -> Option<&[u8; 13]> {
    let rest = bytes.get(8..)?;
    (rest.get(4..8)? == b"IHDR").then(|| rest.get(8..)?.first_chunk())?
}

/// What decoding takes.
pub(super) fn plan(bytes: &[u8]) -> Result<Plan, ImageError> {
    let (front, _) = Chunks::new(bytes).front(true)?;
    Header::of(&front)?.plan()
}

/// The orientation that a camera recorded.
pub(super) fn orientation(bytes: &[u8]) -> Result<Option<u8>, ImageError> {
    let (front, data) = Chunks::new(bytes).front(true)?;
    let (exif, xmp) = data.metadata();
    orientation::recorded(FORMAT, exif.or(front.exif), xmp.or(front.xmp))
}

/// Decodes to RGB.
pub(super) fn decode(
    bytes: &[u8],
    context: &Context<'_>,
    into: &mut RgbImage,
) -> Result<(), ImageError> {
    let (front, mut data) = Chunks::new(bytes).front(context.pads())?;
    let header = Header::of(&front)?;
    let shape = context.admit(&header.plan()?)?;
    let whole = [0, 0, header.width, header.height];
    if front.frame.is_some_and(|frame| frame != whole) {
        return Err(ImageError::feature(
            FORMAT,
            "a first frame smaller than the image",
        ));
    }
    let pixels = Pixels::new(&header, front.palette)?;
    let mut rows = Inflating::new(&header);
    let mut places = Places::new(&header);
    // The pixels are allocated when there is a row for them.
    let mut outcome = rows.next(&mut data, places.row_bytes());
    if outcome.is_ok() || context.pads() {
        into.reshape(shape)?;
        pixels.background(&mut into.pixels, places.is_interlaced());
    }
    let mut since_check = 0;
    while outcome.is_ok() {
        pixels.place(rows.row(), &places, &mut into.pixels);
        since_check += places.row_bytes();
        if since_check > 1 << 20 {
            since_check = 0;
            context.check()?;
        }
        let last_row = places.row();
        let more = places.advance(|| rows.begin_pass());
        if !more || rows.ended {
            if more {
                // The stream ended with a row: Pillow takes the rest for black.
                pixels.blank_below(last_row, &places, &mut into.pixels);
            }
            return data.finish(front.animated, context.pads());
        }
        rows.swap();
        outcome = rows.next(&mut data, places.row_bytes());
    }
    match outcome {
        Err(_) if context.pads() => {
            pixels.blank_from(&places, &mut into.pixels);
            data.finish(front.animated, true)
        }
        other => other,
    }
}

/// Rows of filtered samples, inflated and unfiltered.
struct Inflating<'a> {
    inflater: Decompress,
    unfilter: Unfilter,
    piece: &'a [u8],
    /// The stream's end was seen.
    ended: bool,
}

impl<'a> Inflating<'a> {
    fn new(header: &Header) -> Self {
        Self {
            inflater: Decompress::new(true),
            unfilter: Unfilter::new(header.row_bytes(header.width), header.filter_stride()),
            piece: &[],
            ended: false,
        }
    }

    /// Inflates the next row of `len` samples' bytes.
    fn next(&mut self, data: &mut Data<'a>, len: usize) -> Result<(), ImageError> {
        let Self {
            inflater,
            unfilter,
            piece,
            ended,
        } = self;
        let row = unfilter.buffer(len);
        let mut filled = 0;
        while filled < row.len() {
            if piece.is_empty() {
                *piece = data.next()?;
            }
            let (before_in, before_out) = (inflater.total_in(), inflater.total_out());
            let status = inflater
                .decompress(piece, &mut row[filled..], FlushDecompress::None)
                .map_err(|_| ImageError::corrupt(FORMAT, "corrupt deflate stream"))?;
            let (read, written) = (
                (inflater.total_in() - before_in) as usize,
                (inflater.total_out() - before_out) as usize,
            );
            *piece = &piece[read..];
            filled += written;
            *ended = status == Status::StreamEnd;
            if filled < row.len() && (*ended || (read == 0 && written == 0)) {
                // What follows the end of the stream is read over, in search of more.
                *piece = &[];
            }
        }
        unfilter.run(len)
    }

    fn row(&self) -> Row<'_> {
        self.unfilter.row()
    }

    fn swap(&mut self) {
        self.unfilter.swap();
    }

    fn begin_pass(&mut self) {
        self.unfilter.clear();
    }
}

/// What the `IHDR` chunk says, of a kind that PNG has.
#[derive(Debug, Clone, Copy)]
struct Header {
    width: u32,
    height: u32,
    depth: u8,
    kind: u8,
    interlaced: bool,
    color: Color,
}

impl Header {
    fn of(front: &Front<'_>) -> Result<Self, ImageError> {
        let header = front
            .header
            .ok_or_else(|| ImageError::corrupt(FORMAT, "the first chunk is not IHDR"))?;
        Self::read(header)
    }

    fn read(header: &[u8; 13]) -> Result<Self, ImageError> {
        let [
            w0,
            w1,
            w2,
            w3,
            h0,
            h1,
            h2,
            h3,
            depth,
            kind,
            _,
            _,
            interlaced,
        ] = *header;
        let color = match (depth, kind) {
            (1, 0) => Color::Bilevel,
            (2 | 4 | 8, 0) => Color::L,
            (16, 0) => Color::I16,
            (8 | 16, 2) => Color::Rgb,
            (1 | 2 | 4 | 8, 3) => Color::P,
            (8, 4) => Color::La,
            // Pillow has no 16-bit grey with alpha and widens it.
            (16, 4) | (8 | 16, 6) => Color::Rgba,
            _ => {
                return Err(ImageError::corrupt(
                    FORMAT,
                    format_args!("color type {kind} with {depth} bits"),
                ));
            }
        };
        Ok(Self {
            width: u32::from_be_bytes([w0, w1, w2, w3]),
            height: u32::from_be_bytes([h0, h1, h2, h3]),
            depth,
            kind,
            interlaced: interlaced != 0,
            color,
        })
    }

    fn info(&self) -> ImageInfo {
        ImageInfo {
            format: FORMAT,
            width: self.width,
            height: self.height,
            color: self.color,
        }
    }

    fn plan(&self) -> Result<Plan, ImageError> {
        let rows = 2 * (self.row_bytes(self.width) as u64 + 1);
        Ok(Plan::new(self.info(), rows + INFLATE))
    }

    fn bits_per_pixel(&self) -> usize {
        let channels = match self.kind {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        };
        channels * usize::from(self.depth)
    }

    /// Bytes of a row of `width` pixels.
    fn row_bytes(&self, width: u32) -> usize {
        (width as usize * self.bits_per_pixel()).div_ceil(8)
    }

    /// The bytes by which a filter looks back.
    fn filter_stride(&self) -> usize {
        self.bits_per_pixel().div_ceil(8)
    }
}
