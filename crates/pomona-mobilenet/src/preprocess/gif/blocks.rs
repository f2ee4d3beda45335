//! The blocks of a GIF up to its first frame, with Pillow's tolerance: bytes between blocks are
//! skipped.

use super::FORMAT;
use crate::ImageError;

/// The screen and the first frame's descriptor.
pub(super) struct Frame<'a> {
    screen: (u16, u16),
    pub(super) left: u16,
    pub(super) top: u16,
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) interlaced: bool,
    /// The colors, unless there are none or each is its own grey: such an image is grey.
    pub(super) palette: Option<&'a [u8]>,
    /// Whether Pillow calls the image grey. Where the frame's own colors are greys it is one in name
    /// alone: the screen's colors apply, if there are some.
    pub(super) is_grey: bool,
    pub(super) transparent: Option<u8>,
    /// Bits of a color index, which is a bit less than the first codes have.
    pub(super) code_bits: u8,
    /// The sub-blocks of codes, and whatever follows.
    pub(super) data: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads up to the first frame's data.
    pub(super) fn first(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let mut reader = Reader { bytes, at: 13 };
        let header: &[u8; 13] = bytes.first_chunk().ok_or_else(truncated)?;
        let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let global = match header[10] {
            flags if flags & 0x80 != 0 => reader.colors(flags)?,
            _ => None,
        };
        let mut transparent = None;
        loop {
            match reader.byte() {
                None => return Err(truncated()),
                Some(b';') => return Err(ImageError::corrupt(FORMAT, "there is no frame in it")),
                Some(b'!') => reader.extension(&mut transparent)?,
                Some(b',') => break,
                Some(_) => {}
            }
        }
        let descriptor: [u8; 9] = *reader.take(9)?.first_chunk().expect("nine bytes");
        let number = |at: usize| u16::from_le_bytes([descriptor[at], descriptor[at + 1]]);
        let flags = descriptor[8];
        let (palette, is_grey) = match flags & 0x80 != 0 {
            true => match reader.colors(flags)? {
                Some(local) => (Some(local), false),
                None => (global, true),
            },
            false => (global, global.is_none()),
        };
        let code_bits = reader.byte().ok_or_else(truncated)?;
        Ok(Self {
            screen: (short(6), short(8)),
            left: number(0),
            top: number(2),
            width: number(4),
            height: number(6),
            interlaced: flags & 0x40 != 0,
            palette,
            is_grey,
            transparent,
            code_bits,
            data: &bytes[reader.at..],
        })
    }

    /// The screen, widened where the first frame reaches past it.
    pub(super) fn screen(&self) -> (u32, u32) {
        let reach = |start: u16, length: u16| u32::from(start) + u32::from(length);
        (
            u32::from(self.screen.0).max(reach(self.left, self.width)),
            u32::from(self.screen.1).max(reach(self.top, self.height)),
        )
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at)?;
        self.at += 1;
        Some(*byte)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], ImageError> {
        let taken = self
            .bytes
            .get(self.at..self.at + len)
            .ok_or_else(truncated)?;
        self.at += len;
        Ok(taken)
    }

    /// A sub-block; none for the empty one that ends them, and at the end of the file.
    fn sub_block(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.byte()?);
        if len == 0 {
            return None;
        }
        let block = &self.bytes[self.at..self.bytes.len().min(self.at + len)];
        self.at += block.len();
        Some(block)
    }

    fn extension(&mut self, transparent: &mut Option<u8>) -> Result<(), ImageError> {
        const GRAPHIC_CONTROL: u8 = 0xf9;
        const COMMENT: u8 = 0xfe;
        let label = self.byte().ok_or_else(truncated)?;
        let first = self.sub_block();
        match (label, first) {
            (GRAPHIC_CONTROL, Some(block)) => {
                let [flags, _, _, index, ..] = block else {
                    return Err(truncated());
                };
                if flags & 1 != 0 {
                    *transparent = Some(*index);
                }
            }
            // A comment without text ends with its first block, which the others do not.
            (COMMENT, None) => return Ok(()),
            _ => {}
        }
        while self.sub_block().is_some() {}
        Ok(())
    }

    fn colors(&mut self, flags: u8) -> Result<Option<&'a [u8]>, ImageError> {
        let colors = self.take(6 << (flags & 7))?;
        let is_ramp = colors
            .as_chunks::<3>()
            .0
            .iter()
            .enumerate()
            .all(|(i, color)| color.iter().all(|value| usize::from(*value) == i));
        Ok((!is_ramp).then_some(colors))
    }
}

fn truncated() -> ImageError {
    ImageError::Truncated { format: FORMAT }
}
