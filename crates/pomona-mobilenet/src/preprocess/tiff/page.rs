//! The first page of a TIFF: its directory, and where its strips or tiles are.

use super::directory::{Directory, Tag};
use super::layout::{Compression, Layout};
use super::{FORMAT, strips};
use crate::ImageError;
use crate::preprocess::image::Plan;
use crate::preprocess::{jpeg, orientation};

/// Color maps, and what else is small.
const TABLES: u64 = 32 << 10;

/// The first page of a file.
pub(super) struct Page<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) directory: Directory<'a>,
    pub(super) layout: Layout,
}

/// A strip or tile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    pub(super) plane: usize,
    pub(super) left: usize,
    pub(super) top: usize,
    /// Columns and rows within the image.
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) index: usize,
}

impl<'a> Page<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let directory = Directory::first(bytes)?;
        let layout = Layout::read(&directory)?;
        let by_libtiff = layout.compression != Compression::None;
        for tag in [
            Tag::BitsPerSample,
            Tag::Compression,
            Tag::Photometric,
            Tag::FillOrder,
            Tag::SamplesPerPixel,
            Tag::RowsPerStrip,
            Tag::Planar,
        ] {
            directory.check_number(tag, by_libtiff)?;
        }
        if by_libtiff && !matches!(directory.one(Tag::Planar), None | Some(1 | 2)) {
            return Err(ImageError::corrupt(FORMAT, "an unknown order of planes"));
        }
        // libtiff wants the whole directory, Pillow itself does not.
        if by_libtiff && !directory.is_whole {
            return Err(ImageError::Truncated { format: FORMAT });
        }
        Ok(Self {
            bytes,
            directory,
            layout,
        })
    }

    pub(super) fn plan(&self) -> Result<Plan, ImageError> {
        let layout = &self.layout;
        let pixels = u64::from(layout.width) * u64::from(layout.height);
        let mut info = layout.info();
        if orientation::is_turned(layout.orientation) {
            std::mem::swap(&mut info.width, &mut info.height);
        }
        let row = layout.row_bytes(layout.chunk_width) as u64;
        let strip = row.saturating_mul(layout.chunk_height.into());
        let mut scans = 1;
        let working = match layout.compression {
            Compression::None => row,
            Compression::Jpeg => {
                let mut most = 0;
                for chunk in self.chunks() {
                    let data = self.data(&chunk)?;
                    let (bytes, passes) = jpeg::part_cost(data)?;
                    let tables = self.directory.data(Tag::JpegTables).map_or(0, <[u8]>::len);
                    most = most.max(bytes + (data.len() + tables) as u64);
                    scans = scans.max(passes);
                }
                strip.saturating_add(most)
            }
            _ => {
                let coded = match layout.reversed_bits {
                    true => self.bytes.len() as u64,
                    false => 0,
                };
                strip
                    .saturating_add(2 * row + coded)
                    .saturating_add(strips::state_bytes(layout.compression))
            }
        };
        let mut plan = Plan::new(
            info,
            working
                .saturating_add(TABLES)
                .max(orientation::turning_bytes(Some(layout.orientation), pixels)),
        );
        plan.scans = scans;
        Ok(plan)
    }

    /// The strips or tiles, plane by plane, from the top.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Chunk> + '_ {
        let layout = &self.layout;
        let (across, down) = match layout.width == 0 || layout.height == 0 {
            true => (0, 0),
            false => (layout.chunks_across(), layout.chunks_down()),
        };
        (0..layout.planes * across * down).map(move |index| {
            let (plane, place) = (index / (across * down), index % (across * down));
            let left = place % across * layout.chunk_width as usize;
            let top = place / across * layout.chunk_height as usize;
            Chunk {
                plane,
                left,
                top,
                width: (layout.chunk_width as usize).min(layout.width as usize - left),
                height: (layout.chunk_height as usize).min(layout.height as usize - top),
                index,
            }
        })
    }

    pub(super) fn offsets(&self) -> (Tag, Tag) {
        match self.layout.tiled {
            true => (Tag::TileOffsets, Tag::TileByteCounts),
            false => (Tag::StripOffsets, Tag::StripByteCounts),
        }
    }

    /// The data of a compressed strip or tile.
    pub(super) fn data(&self, chunk: &Chunk) -> Result<&'a [u8], ImageError> {
        let (offsets, counts) = self.offsets();
        let number = |tag| {
            let number = self.directory.at(tag, chunk.index)?;
            usize::try_from(number).ok()
        };
        let (Some(offset), Some(count)) = (number(offsets), number(counts)) else {
            return Err(ImageError::corrupt(FORMAT, "a strip that lies nowhere"));
        };
        self.bytes
            .get(offset..offset.saturating_add(count))
            .ok_or(ImageError::Truncated { format: FORMAT })
    }

    /// What an uncompressed strip or tile starts with, up to the end of the file: Pillow does not ask
    /// how long it is. None of one that lies nowhere, which stays black.
    pub(super) fn raw_data(&self, chunk: &Chunk) -> Option<&'a [u8]> {
        let (offsets, _) = self.offsets();
        let count = self.directory.count(offsets);
        let is_whole = !self.layout.is_planar
            && self.layout.chunk_width == self.layout.width
            && self.layout.chunk_height == self.layout.height;
        // Of several strips that each cover the image the last counts.
        let index = if is_whole {
            count.checked_sub(1)?
        } else {
            chunk.index
        };
        let offset = usize::try_from(self.directory.at(offsets, index)?).unwrap_or(usize::MAX);
        Some(self.bytes.get(offset..).unwrap_or(&[]))
    }

    /// Bytes from one row of an uncompressed chunk to the next: only a tile that reaches past the
    /// right edge is padded.
    pub(super) fn raw_stride(&self, chunk: &Chunk) -> usize {
        match chunk.left + self.layout.chunk_width as usize > self.layout.width as usize {
            true => {
                let bits = self.layout.channels * usize::from(self.layout.bits);
                self.layout.chunk_width as usize * bits / 8
            }
            false => self.layout.row_bytes(chunk.width as u32),
        }
    }
}
