//! Run-length encoded bitmaps, as Pillow's decoder reads them.

use super::FORMAT;
use crate::ImageError;

/// Calls `put` with runs of indices, in the order of pixels, until `pixels` of them are there.
///
/// Pillow counts pixels, not rows and columns: a jump fills what it passes over with index 0, and the
/// end of a row fills up to the next multiple of the width.
pub(super) fn decode(
    file: &[u8],
    offset: usize,
    bits: u8,
    width: usize,
    pixels: usize,
    put: &mut impl FnMut(&mut dyn Iterator<Item = u8>) -> Result<(), ImageError>,
) -> Result<(), ImageError> {
    let mut at = offset;
    let mut byte = || {
        let byte = file.get(at).copied();
        at += usize::from(byte.is_some());
        (byte, at)
    };
    let (mut done, mut column) = (0, 0);
    while done < pixels {
        let ((Some(count), _), (Some(value), _)) = (byte(), byte()) else {
            break;
        };
        let indices = match (count, value) {
            (0, 0) => {
                let rest = (width - done % width) % width;
                put(&mut std::iter::repeat_n(0, rest))?;
                column = 0;
                done += rest;
                continue;
            }
            (0, 1) => break,
            (0, 2) => {
                let ((Some(right), _), (Some(up), _)) = (byte(), byte()) else {
                    break;
                };
                let jump = usize::from(right) + usize::from(up) * width;
                let passed = jump.min(pixels - done);
                put(&mut std::iter::repeat_n(0, passed))?;
                done += passed;
                column = done % width;
                continue;
            }
            (0, literal) => usize::from(literal).min(pixels - done),
            (run, value) => {
                let run = usize::from(run).min(width.saturating_sub(column));
                let pair = match bits {
                    4 => [value >> 4, value & 15],
                    _ => [value, value],
                };
                put(&mut (0..run).map(|i| pair[i % 2]))?;
                column += run;
                done += run;
                continue;
            }
        };
        // Pixels one by one, padded to a whole byte and then to an even place in the file.
        let mut left = indices;
        let mut end = 0;
        let mut whole = true;
        while left > 0 {
            let (Some(pair), place) = byte() else {
                whole = false;
                break;
            };
            end = place;
            let pair = match bits {
                4 => [pair >> 4, pair & 15],
                _ => [pair, pair],
            };
            let now = if bits == 4 { left.min(2) } else { 1 };
            put(&mut pair.into_iter().take(now))?;
            done += now;
            left -= now;
        }
        if !whole || done == pixels {
            break;
        }
        column += usize::from(value);
        if end % 2 != 0 {
            byte();
        }
    }
    if done < pixels {
        return Err(ImageError::Truncated { format: FORMAT });
    }
    Ok(())
}
