//! GIF's LZW codes, with Pillow's judgement of wrong ones.

use super::FORMAT;
use crate::ImageError;

/// Bytes of the tables and of the buffer.
pub(super) const TABLES: u64 = 48 << 10;

const MOST_BITS: u32 = 12;
const ENTRIES: usize = 1 << MOST_BITS;

/// Why no more pixels come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The end code, or no more whole sub-blocks.
    End,
    /// A code that stands for nothing.
    Broken,
}

/// A stream of codes in sub-blocks.
pub(super) struct Codes<'a> {
    index_bits: u32,
    data: &'a [u8],
    /// Bytes left in the current sub-block.
    block: usize,
    bits: u32,
    count: u32,
}

impl<'a> Codes<'a> {
    /// Codes of indices of `index_bits` bits.
    pub(super) fn new(index_bits: u8, data: &'a [u8]) -> Result<Self, ImageError> {
        if u32::from(index_bits) > MOST_BITS {
            return Err(ImageError::corrupt(
                FORMAT,
                format_args!("indices of {index_bits} bits"),
            ));
        }
        Ok(Self {
            index_bits: index_bits.into(),
            data,
            block: 0,
            bits: 0,
            count: 0,
        })
    }

    /// An upper bound of the pixels in the data.
    pub(super) fn most_pixels(&self) -> u64 {
        let codes = self.data.len() as u64 * 8 / u64::from(self.index_bits + 1);
        codes * ENTRIES as u64
    }

    /// Hands the indices of each code to `write`, which says whether it wants more.
    pub(super) fn run(
        &mut self,
        write: &mut impl FnMut(&[u8]) -> Result<bool, ImageError>,
    ) -> Result<Stop, ImageError> {
        let clear = 1usize << self.index_bits;
        let mut tables = Tables::new();
        let mut next = clear + 2;
        let mut size = self.index_bits + 1;
        // The code before this one; none behind a clear code.
        let mut last: Option<usize> = None;
        loop {
            let Some(code) = self.code(size) else {
                return Ok(Stop::End);
            };
            if code == clear {
                next = clear + 2;
                size = self.index_bits + 1;
                last = None;
                continue;
            }
            if code == clear + 1 {
                return Ok(Stop::End);
            }
            let Some(before) = last else {
                if code > clear {
                    return Ok(Stop::Broken);
                }
                tables.first = code as u8;
                last = Some(code);
                if !write(&[code as u8])? {
                    return Ok(Stop::End);
                }
                continue;
            };
            if code > next {
                return Ok(Stop::Broken);
            }
            let Some(indices) = tables.expand(code, code == next, before, clear) else {
                return Ok(Stop::Broken);
            };
            let first = indices[0];
            let more = write(indices)?;
            if next < ENTRIES {
                tables.suffix[next] = first;
                tables.prefix[next] = before as u16;
                if next == (1 << size) - 1 && size < MOST_BITS {
                    size += 1;
                }
                next += 1;
            }
            last = Some(code);
            if !more {
                return Ok(Stop::End);
            }
        }
    }

    /// The next code of `size` bits. A sub-block that is not whole is not begun.
    fn code(&mut self, size: u32) -> Option<usize> {
        while self.count < size {
            if self.block == 0 {
                let len = usize::from(*self.data.first()?);
                if self.data.len() < len + 1 {
                    return None;
                }
                self.data = &self.data[1..];
                self.block = len;
                continue;
            }
            let (byte, rest) = self.data.split_first()?;
            self.bits |= u32::from(*byte) << self.count;
            self.count += 8;
            self.data = rest;
            self.block -= 1;
        }
        let code = self.bits & ((1 << size) - 1);
        self.bits >>= size;
        self.count -= size;
        Some(code as usize)
    }
}

struct Tables {
    prefix: Vec<u16>,
    suffix: Vec<u8>,
    /// Filled from its end.
    buffer: Vec<u8>,
    /// The first index of the last code.
    first: u8,
}

impl Tables {
    fn new() -> Self {
        Self {
            prefix: vec![0; ENTRIES],
            suffix: vec![0; ENTRIES],
            buffer: vec![0; ENTRIES + 1],
            first: 0,
        }
    }

    /// The indices that a code stands for. The code that is to be defined next is the one before,
    /// with its first index repeated.
    fn expand(&mut self, code: usize, is_next: bool, before: usize, clear: usize) -> Option<&[u8]> {
        let mut at = self.buffer.len();
        let mut code = code;
        if is_next {
            at -= 1;
            self.buffer[at] = self.first;
            code = before;
        }
        while code >= clear {
            at = at.checked_sub(1)?;
            self.buffer[at] = *self.suffix.get(code)?;
            code = usize::from(self.prefix[code]);
        }
        at = at.checked_sub(1)?;
        self.buffer[at] = code as u8;
        self.first = code as u8;
        Some(&self.buffer[at..])
    }
}
