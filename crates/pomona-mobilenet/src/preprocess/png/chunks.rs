//! The chunks of a PNG, with Pillow's judgement of damaged ones.
//!
//! Before the image data every chunk's checksum counts, of the data itself and of what follows none
//! does, and the file may end anywhere between chunks once all rows are there. Profiles and texts are
//! stepped over, never inflated.

use crate::ImageError;
use crate::preprocess::ImageFormat;

const FORMAT: ImageFormat = ImageFormat::Png;

/// What is known when the image data begins.
#[derive(Debug, Default)]
pub(super) struct Front<'a> {
    /// Of the last `IHDR`.
    pub(super) header: Option<&'a [u8; 13]>,
    /// Of the last `PLTE`.
    pub(super) palette: Option<&'a [u8]>,
    /// Of `eXIf`.
    pub(super) exif: Option<&'a [u8]>,
    /// The packet in an `iTXt` that is not compressed.
    pub(super) xmp: Option<&'a [u8]>,
    /// Where the default image lies, if a frame control chunk stands before it.
    pub(super) frame: Option<[u32; 4]>,
    /// Whether the file is an animation.
    pub(super) animated: bool,
}

/// Steps from chunk to chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A chunk's name, and its length as the file claims it.
struct Head {
    name: [u8; 4],
    length: usize,
}

impl<'a> Chunks<'a> {
    /// Behind the signature.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 8 }
    }

    /// Reads up to the image data. `lenient` passes over the checksums of ancillary chunks.
    pub(super) fn front(&mut self, lenient: bool) -> Result<(Front<'a>, Data<'a>), ImageError> {
        let mut front = Front::default();
        loop {
            let head = self.head(lenient)?;
            match &head.name {
                b"IDAT" => {
                    let chunks = *self;
                    return Ok((front, Data::new(chunks, head.length)));
                }
                b"IEND" => return Err(ImageError::corrupt(FORMAT, "there is no image data")),
                b"fdAT" => {
                    return Err(ImageError::feature(
                        FORMAT,
                        "an animation without a default image",
                    ));
                }
                _ => {}
            }
            let data = self.data(head.length)?;
            front.take(&head.name, data, lenient)?;
            self.checksum(&head.name, data, lenient)?;
        }
    }

    /// `lenient` takes any name of ASCII.
    fn head(&mut self, lenient: bool) -> Result<Head, ImageError> {
        let head: &[u8; 8] = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk())
            .ok_or(ImageError::Truncated { format: FORMAT })?;
        let [l0, l1, l2, l3, name @ ..] = *head;
        let is_named = name
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || *b == b'_' || lenient && b.is_ascii());
        if !is_named {
            return Err(ImageError::corrupt(
                FORMAT,
                format_args!("a chunk named {}", name.escape_ascii()),
            ));
        }
        self.at += 8;
        Ok(Head {
            name,
            length: u32::from_be_bytes([l0, l1, l2, l3]) as usize,
        })
    }

    fn data(&mut self, length: usize) -> Result<&'a [u8], ImageError> {
        let data = self
            .at
            .checked_add(length)
            .and_then(|end| self.bytes.get(self.at..end))
            .ok_or(ImageError::Truncated { format: FORMAT })?;
        self.at += length;
        Ok(data)
    }

    fn checksum(&mut self, name: &[u8; 4], data: &[u8], lenient: bool) -> Result<(), ImageError> {
        let stored = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk());
        self.at += 4;
        if lenient && name[0].is_ascii_lowercase() {
            return Ok(());
        }
        let stored = u32::from_be_bytes(*stored.ok_or(ImageError::Truncated { format: FORMAT })?);
        let mut sum = flate2::Crc::new();
        sum.update(name);
        sum.update(data);
        if sum.sum() != stored {
            return Err(ImageError::corrupt(
                FORMAT,
                format_args!("CRC error in chunk {}", name.escape_ascii()),
            ));
        }
        Ok(())
    }

    /// Judges what follows the image data once all rows are there.
    fn rest(&mut self, animated: bool, lenient: bool) -> Result<(), ImageError> {
        loop {
            self.at += 4;
            let Ok(head) = self.head(lenient) else {
                return Ok(());
            };
            if &head.name == b"IEND" || (&head.name == b"fcTL" && animated) {
                return Ok(());
            }
            let data = match self.data(head.length) {
                Ok(data) => data,
                // More image data may be missing where missing data is filled.
                Err(_) if lenient && matches!(&head.name, b"IDAT" | b"fdAT") => return Ok(()),
                Err(error) => return Err(error),
            };
            Front::default().take(&head.name, data, lenient)?;
        }
    }
}

impl<'a> Front<'a> {
    fn take(&mut self, name: &[u8; 4], data: &'a [u8], lenient: bool) -> Result<(), ImageError> {
        let least = match name {
            b"IHDR" => 13,
            b"gAMA" => 4,
            b"cHRM" => 32,
            b"sRGB" => 1,
            b"pHYs" => 9,
            b"acTL" => 8,
            b"fcTL" => 26,
            b"tRNS" => self.least_transparency(),
            _ => 0,
        };
        if data.len() < least {
            if lenient {
                return Ok(());
            }
            return Err(ImageError::corrupt(
                FORMAT,
                format_args!("chunk {} is too short", name.escape_ascii()),
            ));
        }
        match name {
            b"IHDR" => {
                let header = data.first_chunk().expect("its length was checked");
                if header[11] != 0 {
                    return Err(ImageError::corrupt(FORMAT, "an unknown filter method"));
                }
                self.header = Some(header);
            }
            // Kept only if the header before it speaks of a palette.
            b"PLTE" if self.header.is_some_and(|header| header[9] == 3) => {
                self.palette = Some(data);
            }
            b"eXIf" => self.exif = Some(data),
            b"iTXt" => {
                let packet = data.strip_prefix(b"XML:com.adobe.xmp\0\0\0".as_slice());
                let behind = |text: &'a [u8]| Some(&text[text.iter().position(|b| *b == 0)? + 1..]);
                self.xmp = packet.and_then(behind).and_then(behind).or(self.xmp);
            }
            b"iCCP" | b"zTXt" => {
                let method = data
                    .iter()
                    .position(|b| *b == 0)
                    .map(|end| data.get(end + 1));
                match method {
                    Some(Some(0)) => {}
                    Some(None) | None if name == b"zTXt" => {}
                    _ => {
                        return Err(ImageError::corrupt(
                            FORMAT,
                            format_args!("chunk {} is not deflated", name.escape_ascii()),
                        ));
                    }
                }
            }
            b"acTL" => {
                let frames = u32::from_be_bytes(*data.first_chunk().expect("checked"));
                self.animated = !self.animated && (1..=0x8000_0000).contains(&frames);
            }
            b"fcTL" => {
                let number = |at: usize| {
                    u32::from_be_bytes(*data[at..].first_chunk().expect("26 bytes are there"))
                };
                self.frame = Some([number(12), number(16), number(4), number(8)]);
            }
            _ => {}
        }
        Ok(())
    }

    fn least_transparency(&self) -> usize {
        match self.header.map(|header| header[9]) {
            Some(2) => 6,
            Some(0) => 2,
            _ => 0,
        }
    }
}

/// The image data: the chunks' contents one after the other, in the pieces in which Pillow reads
/// them. What is inflated beyond the last row, and so whether its checksum is seen, depends on them.
pub(super) struct Data<'a> {
    chunks: Chunks<'a>,
    /// Bytes of the current chunk that were not handed over, as the file claims them.
    left: usize,
}

impl<'a> Data<'a> {
    const PIECE: usize = 65_536;

    fn new(chunks: Chunks<'a>, left: usize) -> Self {
        Self { chunks, left }
    }

    /// The next piece; an early end is an error.
    pub(super) fn next(&mut self) -> Result<&'a [u8], ImageError> {
        while self.left == 0 {
            let behind = self.chunks;
            self.chunks.at += 4;
            let head = self.chunks.head(false);
            match head {
                Ok(head) if matches!(&head.name, b"IDAT" | b"DDAT") => self.left = head.length,
                other => {
                    // It is judged with what follows the data.
                    self.chunks = behind;
                    let truncated = ImageError::Truncated { format: FORMAT };
                    return Err(other.err().unwrap_or(truncated));
                }
            }
        }
        let claimed = self.left.min(Self::PIECE);
        let rest = self.chunks.bytes.get(self.chunks.at..).unwrap_or(&[]);
        let piece = &rest[..claimed.min(rest.len())];
        if piece.is_empty() {
            return Err(ImageError::Truncated { format: FORMAT });
        }
        self.left -= claimed;
        self.chunks.at += piece.len();
        Ok(piece)
    }

    /// EXIF and XMP behind the image data.
    pub(super) fn metadata(&self) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
        let mut chunks = self.chunks;
        chunks.at = chunks.at.saturating_add(self.left);
        let mut found = Front::default();
        loop {
            chunks.at = chunks.at.saturating_add(4);
            let Ok(head) = chunks.head(false) else {
                break;
            };
            let Ok(data) = chunks.data(head.length) else {
                break;
            };
            if &head.name == b"IEND" || found.take(&head.name, data, true).is_err() {
                break;
            }
        }
        (found.exif, found.xmp)
    }

    /// Judges what follows once all rows are there.
    pub(super) fn finish(mut self, animated: bool, lenient: bool) -> Result<(), ImageError> {
        self.chunks.at = self.chunks.at.saturating_add(self.left);
        self.chunks.rest(animated, lenient)
    }
}
