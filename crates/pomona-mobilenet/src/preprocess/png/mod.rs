//! PNG, one row at a time: chunks and filters here, the inflating by zlib-rs, which is a port of the
//! zlib-ng that Pillow uses and stops at the same byte of a damaged stream.

mod chunks;
mod passes;
mod rows;
mod unfilter;

use super::destination::Destination;
use super::image::{Context, Plan};
use super::{Color, ImageFormat, ImageInfo, orientation};
use crate::ImageError;
use chunks::{Chunks, Data, Front};
use flate2::{Decompress, FlushDecompress, Status};
use passes::Places;
use rows::{Pixels, Row};
use std::ops::Range;
use unfilter::Unfilter;

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
    into: &mut Destination<'_, '_>,
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
    let in_order = !header.interlaced && !context.pads();
    let mut rows = Inflating::new(&header, in_order);
    let mut places = Places::new(&header);
    // The pixels are allocated when there is a row for them.
    let mut outcome = rows.next(&mut data, places.row_bytes());
    if outcome.is_ok() || context.pads() {
        into.reshape(shape, 3, in_order)?;
        if places.is_interlaced() {
            // Rows of several passes will not overwrite all of it if data is missing.
            pixels.blank(&mut into.image.pixels);
        }
    }
    let mut since_check = 0;
    while outcome.is_ok() {
        pixels.place(rows.row(), &places, into.row(places.row()));
        into.done(places.row());
        since_check += places.row_bytes();
        if since_check > 1 << 20 {
            since_check = 0;
            context.check()?;
        }
        let last_row = places.row();
        let more = places.advance(|| rows.begin_pass());
        if !more || rows.ended() {
            if more && !places.is_interlaced() {
                // The stream ended with a row: Pillow takes the rest for black.
                for y in last_row + 1..shape.height() {
                    pixels.blank(into.row(y));
                    into.done(y);
                }
            }
            return data.finish(front.animated, context.pads());
        }
        rows.swap();
        outcome = rows.next(&mut data, places.row_bytes());
    }
    match outcome {
        Err(_) if context.pads() => {
            if !places.is_interlaced() {
                for y in places.row()..shape.height() {
                    pixels.blank(into.row(y));
                }
            }
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
    /// What was inflated, rows behind their filters, and where in it lies what no row was made of.
    raw: Vec<u8>,
    fresh: Range<usize>,
    /// Bytes that may be inflated beyond the next row: the rest of the image, or none.
    ahead: u64,
    /// The stream's end was seen in the last piece that was inflated.
    ended: bool,
}

impl<'a> Inflating<'a> {
    /// Bytes that are inflated together. The last ones before the end of a buffer are inflated slowly, since a match may
    /// not fit, so one for each row costs a tenth.
    const AHEAD: usize = 1 << 16;

    /// `ahead` inflates several rows together. Where only whole images are wanted, it makes no difference: no more is
    /// inflated than the image has, so that errors behind its last row are seen or not as they are with single rows.
    fn new(header: &Header, ahead: bool) -> Self {
        let row = header.row_bytes(header.width);
        let image = (row as u64 + 1) * u64::from(header.height);
        let room = match ahead {
            true => header.ahead(),
            false => row + 1,
        };
        Self {
            inflater: Decompress::new(true),
            unfilter: Unfilter::new(row, header.filter_stride()),
            piece: &[],
            raw: vec![0; room],
            fresh: 0..0,
            ahead: if ahead { image } else { 0 },
            ended: false,
        }
    }

    /// Inflates the next row of `len` samples' bytes.
    fn next(&mut self, data: &mut Data<'a>, len: usize) -> Result<(), ImageError> {
        while self.fresh.len() < len + 1 {
            self.inflate(data, len + 1)?;
        }
        let (filter, raw) = self.raw[self.fresh.start..][..=len]
            .split_first()
            .expect("there is a filter byte");
        self.fresh.start += len + 1;
        self.unfilter.run(*filter, raw)
    }

    /// Inflates what is there of a row of `len` bytes, its filter included, and perhaps more.
    fn inflate(&mut self, data: &mut Data<'a>, len: usize) -> Result<(), ImageError> {
        if self.piece.is_empty() {
            self.piece = data.next()?;
        }
        self.raw.copy_within(self.fresh.clone(), 0);
        self.fresh = 0..self.fresh.len();
        let most = match self.ahead {
            0 => len,
            left => self
                .raw
                .len()
                .min(self.fresh.len().saturating_add(left as usize)),
        };
        let (before_in, before_out) = (self.inflater.total_in(), self.inflater.total_out());
        let room = &mut self.raw[self.fresh.len()..most];
        let status = self
            .inflater
            .decompress(self.piece, room, FlushDecompress::None)
            .map_err(|_| ImageError::corrupt(FORMAT, "corrupt deflate stream"))?;
        let read = (self.inflater.total_in() - before_in) as usize;
        let written = self.inflater.total_out() - before_out;
        self.piece = &self.piece[read..];
        self.fresh.end += written as usize;
        self.ahead = self.ahead.saturating_sub(written);
        self.ended = status == Status::StreamEnd;
        if self.fresh.len() < len && (self.ended || (read == 0 && written == 0)) {
            // What follows the end of the stream is read over, in search of more.
            self.piece = &[];
        }
        Ok(())
    }

    /// Whether the stream ended with the current row.
    fn ended(&self) -> bool {
        self.ended && self.fresh.is_empty()
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
        Ok(Plan::new(self.info(), rows + self.ahead() as u64 + INFLATE))
    }

    /// Bytes that are inflated together: some rows, one, or the image.
    fn ahead(&self) -> usize {
        let row = self.row_bytes(self.width) + 1;
        row.saturating_mul(self.height as usize)
            .min(Inflating::AHEAD.max(row))
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
