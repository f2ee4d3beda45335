//! TIFFs with a palette, which the `tiff` crate does not decode: their indices are read as grey.

use super::{Source, failed};
use crate::ImageError;
use crate::preprocess::ImageFormat;
use crate::preprocess::pixels::Palette;
use ::tiff::tags::{PhotometricInterpretation, Tag};

/// The colors of a picture whose samples are indices.
pub(super) struct IndexedColors {
    palette: Palette,
    /// What an index was multiplied with when it was taken for a grey.
    scale: u8,
}

impl IndexedColors {
    /// The palette, if the picture has one.
    pub(super) fn read(decoder: &mut Source<'_>) -> Result<Option<Self>, ImageError> {
        let mut number = |tag| decoder.find_tag_unsigned_vec::<u16>(tag).map_err(failed);
        let photometric = number(Tag::PhotometricInterpretation)?;
        if photometric != Some(vec![PhotometricInterpretation::RGBPalette.to_u16()]) {
            return Ok(None);
        }
        let bits = number(Tag::BitsPerSample)?.and_then(|bits| bits.first().copied());
        let scale = match bits.unwrap_or(1) {
            1 => 255,
            2 => 85,
            4 => 17,
            8 => 1,
            bits => {
                return Err(ImageError::feature(
                    ImageFormat::Tiff,
                    format_args!("a palette with indices of {bits} bits"),
                ));
            }
        };
        // All reds, then all greens, then all blues, 16 bits each.
        let colors = number(Tag::ColorMap)?.unwrap_or_default();
        let plane = colors.len() / 3;
        let triples: Vec<u8> = (0..plane)
            .flat_map(|i| [i, plane + i, plane * 2 + i])
            .map(|at| (colors[at] >> 8) as u8)
            .collect();
        Ok(Some(Self {
            palette: Palette::new(&triples),
            scale,
        }))
    }

    /// Replaces greys that are scaled indices by their colors.
    pub(super) fn apply(&self, rgb: &mut [u8]) {
        for pixel in rgb.as_chunks_mut::<3>().0.iter_mut() {
            *pixel = self.palette.0[usize::from(pixel[0] / self.scale)];
        }
    }
}

/// A copy of the file whose first directory says grey instead of palette.
pub(super) fn indices_as_grey(bytes: &[u8]) -> Result<Vec<u8>, ImageError> {
    let mut copy = bytes.to_vec();
    rename(&mut copy).ok_or_else(|| {
        ImageError::corrupt(ImageFormat::Tiff, "the first directory cannot be read")
    })?;
    Ok(copy)
}

fn rename(bytes: &mut [u8]) -> Option<()> {
    const BLACK_IS_ZERO: u8 = 1;
    let big_endian = bytes.first() == Some(&b'M');
    let number = |at: usize, len: usize| -> Option<usize> {
        let digits = bytes.get(at..)?.get(..len)?;
        let shift = |value: u64, digit: &u8| value << 8 | u64::from(*digit);
        let value = if big_endian {
            digits.iter().fold(0, shift)
        } else {
            digits.iter().rev().fold(0, shift)
        };
        usize::try_from(value).ok()
    };
    // Classic: 32-bit offsets and entries of 12 bytes; BigTIFF: 64-bit offsets, entries of 20.
    let big = number(2, 2)? == 43;
    let (directory, count, entry, value) = if big {
        (number(8, 8)?, 8, 20, 12)
    } else {
        (number(4, 4)?, 2, 12, 8)
    };
    let entries = number(directory, count)?;
    let first = directory.checked_add(count)?;
    let at = (0..entries)
        .map_while(|i| first.checked_add(i.checked_mul(entry)?))
        .take_while(|at| *at < bytes.len())
        .find(|at| number(*at, 2) == Some(usize::from(Tag::PhotometricInterpretation.to_u16())))?;
    // One 16-bit value, at the front of its field in either byte order.
    let field = bytes.get_mut(at + value..)?.first_chunk_mut::<2>()?;
    *field = if big_endian {
        [0, BLACK_IS_ZERO]
    } else {
        [BLACK_IS_ZERO, 0]
    };
    Some(())
}
