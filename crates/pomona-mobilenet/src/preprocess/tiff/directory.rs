//! The first directory of a TIFF or BigTIFF, and the numbers in it.

use super::FORMAT;
use crate::ImageError;

/// A directory's entries, read when they are asked for.
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    pub(super) big_endian: bool,
    big: bool,
    first: usize,
    entries: usize,
    /// No entry was cut that libtiff needs.
    pub(super) is_whole: bool,
}

/// Tags without whose values libtiff reads no image.
const NEEDED: [u64; 8] = [256, 257, 258, 259, 273, 277, 278, 284];

/// The tags that decide pixels.
#[derive(Debug, Clone, Copy)]
#[repr(u16)]
pub(super) enum Tag {
    Width = 256,
    Height = 257,
    BitsPerSample = 258,
    Compression = 259,
    Photometric = 262,
    FillOrder = 266,
    StripOffsets = 273,
    Orientation = 274,
    SamplesPerPixel = 277,
    RowsPerStrip = 278,
    StripByteCounts = 279,
    Planar = 284,
    Predictor = 317,
    ColorMap = 320,
    TileWidth = 322,
    TileHeight = 323,
    TileOffsets = 324,
    TileByteCounts = 325,
    ExtraSamples = 338,
    SampleFormat = 339,
    JpegTables = 347,
    Subsampling = 530,
}

impl<'a> Directory<'a> {
    /// Finds the first directory.
    pub(super) fn first(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let truncated = || ImageError::Truncated { format: FORMAT };
        let mut directory = Self {
            bytes,
            big_endian: bytes.first() == Some(&b'M'),
            big: false,
            first: 0,
            entries: 0,
            is_whole: true,
        };
        directory.big = directory.number(2, 2).ok_or_else(truncated)? == 43;
        if directory.big && directory.big_endian {
            // Pillow takes it for a TIFF whose directory lies beyond the end.
            return Err(ImageError::feature(FORMAT, "a big-endian BigTIFF"));
        }
        let (pointer, width, count) = if directory.big { (8, 8, 8) } else { (4, 4, 2) };
        let start = directory.number(pointer, width).ok_or_else(truncated)?;
        let start = usize::try_from(start).map_err(|_| truncated())?;
        if start == 0 {
            return Err(ImageError::corrupt(FORMAT, "there is no image in it"));
        }
        let entries = directory.number(start, count).ok_or_else(truncated)?;
        directory.first = start + count;
        directory.entries = usize::try_from(entries).map_err(|_| truncated())?;
        // What was cut is passed over; whether that matters is seen when it is asked for.
        let there = bytes.len().saturating_sub(directory.first) / directory.entry_bytes();
        directory.is_whole = there >= directory.entries;
        directory.entries = directory.entries.min(there);
        // Pillow reads no further than an entry whose values are not all there.
        let ends_in_file = |index: &usize| directory.ends_in_file(directory.entry(*index));
        if let Some(index) = (0..directory.entries).find(|index| !ends_in_file(index)) {
            let tag = directory.number(directory.entry(index), 2);
            directory.is_whole &= !tag.is_some_and(|tag| NEEDED.contains(&tag));
            directory.entries = index;
        }
        Ok(directory)
    }

    /// Where an entry lies.
    fn entry(&self, index: usize) -> usize {
        self.first + index * self.entry_bytes()
    }

    /// Whether the values of an entry are in the file. Those of an unknown type are not looked for.
    fn ends_in_file(&self, entry: usize) -> bool {
        let known = self
            .number(entry + 2, 2)
            .and_then(|kind| size_of_kind(kind as u16));
        known.is_none() || self.values(entry).is_some()
    }

    fn entry_bytes(&self) -> usize {
        if self.big { 20 } else { 12 }
    }

    /// An unsigned number in the file's byte order.
    fn number(&self, at: usize, len: usize) -> Option<u64> {
        let digits = self.bytes.get(at..)?.get(..len)?;
        let shift = |value: u64, digit: &u8| value << 8 | u64::from(*digit);
        Some(match self.big_endian {
            true => digits.iter().fold(0, shift),
            false => digits.iter().rev().fold(0, shift),
        })
    }

    /// Where a tag's values lie: place, type, count.
    fn find(&self, tag: Tag) -> Option<(usize, u16, usize)> {
        self.values(self.last(tag)?)
    }

    /// The entry of a tag: of several the last counts.
    fn last(&self, tag: Tag) -> Option<usize> {
        (0..self.entries)
            .map(|index| self.entry(index))
            .rfind(|at| self.number(*at, 2) == Some(tag as u64))
    }

    /// Refuses a tag that is there and is no number. An unknown type is passed over by Pillow, and refused
    /// by libtiff where it needs the tag; to it most tags are one number.
    pub(super) fn check_number(&self, tag: Tag, by_libtiff: bool) -> Result<(), ImageError> {
        let Some(at) = self.last(tag) else {
            return Ok(());
        };
        let kind = self.number(at + 2, 2).unwrap_or(0) as u16;
        let is_read = match kind {
            3 | 4 | 13 | 16 => {
                !by_libtiff || matches!(tag, Tag::BitsPerSample) || self.count(tag) == 1
            }
            other => {
                let is_needed = by_libtiff && !matches!(tag, Tag::Photometric);
                !is_needed && size_of_kind(other).is_none()
            }
        };
        if is_read {
            return Ok(());
        }
        let tag = tag as u16;
        Err(ImageError::corrupt(
            FORMAT,
            format_args!("tag {tag} is not a number"),
        ))
    }

    /// Where the values of an entry lie, if all are in the file.
    fn values(&self, at: usize) -> Option<(usize, u16, usize)> {
        let (value, inline) = if self.big { (12, 8) } else { (8, 4) };
        let kind = self.number(at + 2, 2)? as u16;
        let count = usize::try_from(self.number(at + 4, inline)?).ok()?;
        let total = count.checked_mul(size_of_kind(kind)?)?;
        let place = match total <= inline {
            true => at + value,
            false => usize::try_from(self.number(at + value, inline)?).ok()?,
        };
        (place.checked_add(total)? <= self.bytes.len()).then_some((place, kind, count))
    }

    /// The unsigned numbers of a tag, at most `most` of them.
    pub(super) fn numbers(&self, tag: Tag, most: usize) -> Option<Vec<u64>> {
        let (place, kind, count) = self.find(tag)?;
        if !matches!(kind, 1 | 3 | 4 | 13 | 16) {
            return None;
        }
        let size = size_of_kind(kind)?;
        (0..count.min(most))
            .map(|i| self.number(place + i * size, size))
            .collect()
    }

    /// How many values a tag has.
    pub(super) fn count(&self, tag: Tag) -> usize {
        self.find(tag).map_or(0, |(_, _, count)| count)
    }

    /// One of the numbers of a tag, without reading the others.
    pub(super) fn at(&self, tag: Tag, index: usize) -> Option<u64> {
        let (place, kind, count) = self.find(tag)?;
        let size = size_of_kind(kind)?;
        (index < count).then(|| self.number(place + index * size, size))?
    }

    /// The first number of a tag.
    pub(super) fn one(&self, tag: Tag) -> Option<u64> {
        self.numbers(tag, 1)?.first().copied()
    }

    /// The bytes of a tag.
    pub(super) fn data(&self, tag: Tag) -> Option<&'a [u8]> {
        let (place, kind, count) = self.find(tag)?;
        self.bytes.get(place..place + count * size_of_kind(kind)?)
    }
}

fn size_of_kind(kind: u16) -> Option<usize> {
    Some(match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => return None,
    })
}
