//! The headers of Windows and OS/2 bitmaps, with the varieties that Pillow reads and no others.

use super::FORMAT;
use crate::ImageError;
use crate::preprocess::pixels::Palette;
use crate::preprocess::{Color, ImageInfo};

/// How a row's bytes become pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Samples {
    /// Indices or greys of so many bits, the first in the high bits.
    Packed(u8),
    /// Blue, green, red at these bytes of so many.
    Bytes { len: usize, bgr: [usize; 3] },
    /// 16 bits, so many of them green.
    Words { green: u8 },
    /// Runs of indices of so many bits.
    Runs(u8),
}

/// What decides size, color and place of the pixels.
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) top_down: bool,
    pub(super) color: Color,
    pub(super) samples: Samples,
    /// The colors of indices; of grey, the greys.
    pub(super) palette: Palette,
    /// Bytes from one row to the next.
    pub(super) stride: usize,
    /// Where the pixels start.
    pub(super) offset: usize,
    /// The palette has more than 256 colors: the header is read, and decoding fails.
    pub(super) has_long_palette: bool,
    /// Rows are shorter than their pixels: none is read.
    pub(super) has_short_rows: bool,
}

const RAW: u32 = 0;
const RLE8: u32 = 1;
const RLE4: u32 = 2;
const BITFIELDS: u32 = 3;

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        let raw = Raw::read(bytes)?;
        let mut offset = raw.offset;
        let behind_header = 14 + raw.size;
        if offset == behind_header && raw.bits <= 8 {
            offset += raw.entry_bytes * raw.colors;
        }
        let samples = match (raw.compression, raw.bits) {
            (RAW, 1 | 4 | 8) => Samples::Packed(raw.bits as u8),
            (RAW, 16) => Samples::Words { green: 5 },
            (RAW, 24) => Samples::Bytes {
                len: 3,
                bgr: [0, 1, 2],
            },
            (RAW, 32) => Samples::Bytes {
                len: 4,
                bgr: [0, 1, 2],
            },
            (BITFIELDS, 16 | 24 | 32) => masked(raw.bits, raw.masks)
                .ok_or_else(|| ImageError::feature(FORMAT, "these bit fields"))?,
            (RLE8, 1 | 4 | 8) => Samples::Runs(8),
            (RLE4, 1 | 4 | 8) => Samples::Runs(4),
            (RLE8 | RLE4, _) | (BITFIELDS, _) => {
                return Err(ImageError::corrupt(
                    FORMAT,
                    format_args!("compression {} with {} bits", raw.compression, raw.bits),
                ));
            }
            (RAW, bits) => {
                return Err(ImageError::feature(
                    FORMAT,
                    format_args!("{bits} bits a pixel"),
                ));
            }
            (compression, _) => {
                return Err(ImageError::feature(
                    FORMAT,
                    format_args!("compression {compression}"),
                ));
            }
        };
        let mut header = Self {
            width: raw.width,
            height: raw.height,
            top_down: raw.top_down,
            color: match raw.masks[3] {
                mask if mask != 0 && raw.bits == 32 => Color::Rgba,
                _ => Color::Rgb,
            },
            samples,
            palette: Palette::greys(),
            stride: (raw.width as usize * usize::from(raw.bits)).div_ceil(32) * 4,
            offset,
            has_long_palette: false,
            has_short_rows: false,
        };
        // No masks at all are taken for those of blue, green, red and alpha.
        if raw.compression == BITFIELDS && raw.bits == 32 && raw.masks == [0; 4] {
            header.color = Color::Rgba;
        }
        if raw.bits <= 8 {
            header.read_palette(&raw, bytes)?;
        }
        if header.offset == 0 {
            header.offset = raw.masks_end(behind_header)
                + match raw.bits {
                    ..=8 => raw.entry_bytes * raw.colors,
                    _ => 0,
                };
        }
        Ok(header)
    }

    /// A palette of nothing but its own greys is grey.
    fn read_palette(&mut self, raw: &Raw, bytes: &[u8]) -> Result<(), ImageError> {
        if !(1..=65_536).contains(&raw.colors) {
            return Err(ImageError::feature(
                FORMAT,
                format_args!("a palette of {} colors", raw.colors),
            ));
        }
        let start = raw.masks_end(14 + raw.size).min(bytes.len());
        let end = bytes.len().min(start + raw.colors * raw.entry_bytes);
        let entries = &bytes[start..end];
        let step = if raw.colors == 2 { 255 } else { 1 };
        let is_grey = entries.len() == raw.colors * raw.entry_bytes
            && entries
                .chunks_exact(raw.entry_bytes)
                .enumerate()
                .all(|(i, entry)| entry[..3].iter().all(|value| *value == (i * step) as u8));
        let packed = self.samples == Samples::Packed(raw.bits as u8);
        if !is_grey {
            self.color = Color::P;
            if entries.len() / raw.entry_bytes > 256 {
                self.has_long_palette = true;
            }
            let triples: Vec<u8> = entries
                .chunks_exact(raw.entry_bytes)
                .take(256)
                .flat_map(|entry| [entry[2], entry[1], entry[0]])
                .collect();
            self.palette = Palette::new(&triples);
            return Ok(());
        }
        // Pillow reads grey as bits or as bytes, whatever the header says of them.
        let bits = if raw.colors <= 2 {
            self.color = Color::Bilevel;
            self.palette = Palette::new(&[0, 0, 0, 255, 255, 255]);
            1
        } else {
            self.color = Color::L;
            8
        };
        if packed {
            self.samples = Samples::Packed(bits);
            if (self.width as usize * usize::from(bits)).div_ceil(8) > self.stride {
                self.has_short_rows = true;
            }
        }
        Ok(())
    }

    pub(super) fn info(&self) -> ImageInfo {
        ImageInfo {
            format: FORMAT,
            width: self.width,
            height: self.height,
            color: self.color,
        }
    }

    /// Bytes of a row without what pads it.
    pub(super) fn row_bytes(&self) -> usize {
        let width = self.width as usize;
        match self.samples {
            Samples::Packed(bits) => (width * usize::from(bits)).div_ceil(8),
            Samples::Bytes { len, .. } => width * len,
            Samples::Words { .. } => width * 2,
            Samples::Runs(_) => 0,
        }
    }
}

/// The masks that Pillow knows, red, green, blue and alpha.
fn masked(bits: u16, masks: [u32; 4]) -> Option<Samples> {
    let bytes = |len, bgr| Some(Samples::Bytes { len, bgr });
    match (bits, masks) {
        (16, [0xf800, 0x7e0, 0x1f, _]) => Some(Samples::Words { green: 6 }),
        (16, [0x7c00, 0x3e0, 0x1f, _]) => Some(Samples::Words { green: 5 }),
        (24, [0xff_0000, 0xff00, 0xff, _]) => bytes(3, [0, 1, 2]),
        (32, [0xff_0000, 0xff00, 0xff, 0 | 0xff00_0000] | [0, 0, 0, 0]) => bytes(4, [0, 1, 2]),
        (32, [0xff00_0000, 0xff_0000, 0xff00, 0 | 0xff]) => bytes(4, [1, 2, 3]),
        (32, [0xff00_0000, 0xff00, 0xff, 0 | 0xff_0000]) => bytes(4, [0, 1, 3]),
        (32, [0xff, 0xff00, 0xff_0000, 0xff00_0000]) => bytes(4, [2, 1, 0]),
        _ => None,
    }
}

/// The numbers of any version of the header.
struct Raw {
    offset: usize,
    size: usize,
    width: u32,
    height: u32,
    top_down: bool,
    bits: u16,
    compression: u32,
    masks: [u32; 4],
    colors: usize,
    entry_bytes: usize,
}

impl Raw {
    fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        let truncated = ImageError::Truncated { format: FORMAT };
        let short = |at: usize| -> Option<u16> {
            Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
        };
        let long = |at: usize| -> Option<u32> {
            Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
        };
        let size = long(14).ok_or(truncated.clone())?;
        if !matches!(size, 12 | 40 | 52 | 56 | 64 | 108 | 124) {
            return Err(ImageError::feature(
                FORMAT,
                format_args!("a header of {size} bytes"),
            ));
        }
        let read = || {
            bytes.get(..14 + size as usize)?;
            let offset = long(10)? as usize;
            if size == 12 {
                let bits = short(24)?;
                return Some(Self {
                    offset,
                    size: 12,
                    width: short(18)?.into(),
                    height: short(20)?.into(),
                    top_down: false,
                    bits,
                    compression: RAW,
                    masks: [0; 4],
                    colors: 1 << bits.min(17),
                    entry_bytes: 3,
                });
            }
            let (bits, compression) = (short(28)?, long(30)?);
            let masks = match compression {
                BITFIELDS => [
                    long(54)?,
                    long(58)?,
                    long(62)?,
                    if size >= 56 { long(66)? } else { 0 },
                ],
                _ => [0; 4],
            };
            // A negative height means rows from the top down.
            let top_down = bytes[25] == 0xff;
            let height = long(22)?;
            Some(Self {
                offset,
                size: size as usize,
                width: long(18)?,
                height: if top_down {
                    height.wrapping_neg()
                } else {
                    height
                },
                top_down,
                bits,
                compression,
                masks,
                colors: match long(46)? {
                    0 => 1 << bits.min(17),
                    colors => colors as usize,
                },
                entry_bytes: 4,
            })
        };
        read().ok_or(truncated)
    }

    /// Where the masks that follow a header of 40 bytes end.
    fn masks_end(&self, behind_header: usize) -> usize {
        match (self.compression, self.size) {
            (BITFIELDS, 40) => behind_header + 12,
            _ => behind_header,
        }
    }
}
