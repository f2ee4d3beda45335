//! The chunks of a WebP: which of them make the first image, and where on the canvas it lies.

use super::FORMAT;
use crate::ImageError;

/// The canvas and its first image.
pub(super) struct Container<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) has_alpha: bool,
    /// The first frame of an animation; none of a still image.
    pub(super) frame: Option<Frame>,
    pub(super) image: Coded<'a>,
    pub(super) exif: Option<&'a [u8]>,
    pub(super) xmp: Option<&'a [u8]>,
}

/// Where a frame lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// An image's data, in chunks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Coded<'a> {
    alpha: Option<Chunk<'a>>,
    lossy: Option<Chunk<'a>>,
    lossless: Option<Chunk<'a>>,
}

/// What an image is decoded from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Data<'a> {
    /// A chunk of VP8, and the contents of a chunk of alpha.
    Lossy {
        chunk: Chunk<'a>,
        alpha: Option<&'a [u8]>,
    },
    /// The contents of a chunk of lossless VP8.
    Lossless(&'a [u8]),
}

/// A chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk<'a> {
    /// Name, length and contents.
    pub(super) whole: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// The contents.
    pub(super) fn data(&self) -> &'a [u8] {
        &self.whole[8..]
    }
}

impl<'a> Container<'a> {
    /// Reads the chunks. A file shorter than it claims is cut.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let truncated = || ImageError::Truncated { format: FORMAT };
        let length: &[u8; 4] = bytes
            .get(4..)
            .and_then(|rest| rest.first_chunk())
            .ok_or_else(truncated)?;
        let length = u32::from_le_bytes(*length) as usize;
        let body = bytes
            .get(12..length.saturating_add(8).max(12))
            .ok_or_else(truncated)?;
        let mut chunks = Chunks(body);
        let (name, chunk) = chunks.next().ok_or_else(truncated)?;
        let first = chunk.data();
        let mut container = match &name {
            b"VP8X" => Self::extended(first)?,
            _ => {
                let mut image = Coded::default();
                image.take(&name, chunk);
                let (width, height, has_alpha) = image.header()?;
                return Ok(Self {
                    width,
                    height,
                    has_alpha,
                    frame: None,
                    image,
                    exif: None,
                    xmp: None,
                });
            }
        };
        let animated = first[0] & 2 != 0;
        for (name, chunk) in chunks {
            let data = chunk.data();
            match &name {
                b"EXIF" => container.exif = container.exif.or(Some(data)),
                b"XMP " => container.xmp = container.xmp.or(Some(data)),
                b"ANMF" if animated && container.frame.is_none() => container.animated(data)?,
                _ if !animated => container.image.take(&name, chunk),
                _ => {}
            }
        }
        if animated && container.frame.is_none() {
            return Err(ImageError::corrupt(FORMAT, "an animation without a frame"));
        }
        let (width, height, _) = container.image.header()?;
        if !animated && (width, height) != (container.width, container.height) {
            return Err(ImageError::corrupt(FORMAT, "an image of another size"));
        }
        Ok(container)
    }

    fn extended(header: &[u8]) -> Result<Self, ImageError> {
        let Some(header) = header.first_chunk::<10>() else {
            return Err(ImageError::Truncated { format: FORMAT });
        };
        Ok(Self {
            width: long(&header[4..]) + 1,
            height: long(&header[7..]) + 1,
            has_alpha: header[0] & 0x10 != 0,
            frame: None,
            image: Coded::default(),
            exif: None,
            xmp: None,
        })
    }

    fn animated(&mut self, data: &'a [u8]) -> Result<(), ImageError> {
        let Some(header) = data.first_chunk::<16>() else {
            return Err(ImageError::Truncated { format: FORMAT });
        };
        let frame = Frame {
            left: long(header) * 2,
            top: long(&header[3..]) * 2,
            width: long(&header[6..]) + 1,
            height: long(&header[9..]) + 1,
        };
        if frame.left + frame.width > self.width || frame.top + frame.height > self.height {
            return Err(ImageError::corrupt(FORMAT, "a frame outside its canvas"));
        }
        for (name, chunk) in Chunks(&data[16..]) {
            self.image.take(&name, chunk);
        }
        let (width, height, _) = self.image.header()?;
        if (width, height) != (frame.width, frame.height) {
            return Err(ImageError::corrupt(FORMAT, "a frame of another size"));
        }
        self.frame = Some(frame);
        Ok(())
    }
}

impl<'a> Coded<'a> {
    fn take(&mut self, name: &[u8; 4], chunk: Chunk<'a>) {
        let place = match name {
            b"ALPH" => &mut self.alpha,
            b"VP8 " => &mut self.lossy,
            b"VP8L" => &mut self.lossless,
            _ => return,
        };
        *place = place.or(Some(chunk));
    }

    /// The data.
    pub(super) fn data(&self) -> Result<Data<'a>, ImageError> {
        match (self.lossless, self.lossy) {
            (Some(chunk), _) => Ok(Data::Lossless(chunk.data())),
            (None, Some(chunk)) => Ok(Data::Lossy {
                chunk,
                alpha: self.alpha.map(|alpha| alpha.data()),
            }),
            (None, None) => Err(ImageError::corrupt(FORMAT, "there is no image in it")),
        }
    }

    /// Width, height and whether there is alpha, from the bitstream.
    fn header(&self) -> Result<(u32, u32, bool), ImageError> {
        match self.data()? {
            Data::Lossless(data) => lossless_header(data),
            Data::Lossy { chunk, alpha } => {
                let (width, height) = lossy_header(chunk.data())?;
                Ok((width, height, alpha.is_some()))
            }
        }
    }

    /// Bytes of the data.
    pub(super) fn len(&self) -> u64 {
        [self.alpha, self.lossy, self.lossless]
            .iter()
            .flatten()
            .map(|chunk| chunk.whole.len() as u64)
            .sum()
    }
}

fn lossless_header(data: &[u8]) -> Result<(u32, u32, bool), ImageError> {
    let &[signature, b0, b1, b2, b3] = data
        .first_chunk()
        .ok_or(ImageError::Truncated { format: FORMAT })?;
    if signature != 0x2f {
        return Err(ImageError::corrupt(FORMAT, "an invalid lossless signature"));
    }
    let bits = u32::from_le_bytes([b0, b1, b2, b3]);
    Ok((
        (bits & 0x3fff) + 1,
        (bits >> 14 & 0x3fff) + 1,
        bits >> 28 & 1 == 1,
    ))
}

fn lossy_header(data: &[u8]) -> Result<(u32, u32), ImageError> {
    let tag = data.first().copied().unwrap_or(0);
    if tag & 1 != 0 || tag >> 1 & 7 > 3 || tag & 0x10 == 0 {
        return Err(ImageError::corrupt(FORMAT, "a frame that is not shown"));
    }
    let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = data
        .first_chunk()
        .ok_or(ImageError::Truncated { format: FORMAT })?
    else {
        return Err(ImageError::corrupt(FORMAT, "an invalid start code"));
    };
    let size = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Ok((size(w0, w1), size(h0, h1)))
}

/// A number of three bytes.
fn long(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
}

/// Names and chunks, each padded to an even length.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], Chunk<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let [n0, n1, n2, n3, l0, l1, l2, l3] = *self.0.first_chunk()?;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let end = length.checked_add(8)?;
        let whole = self.0.get(..end)?;
        self.0 = self.0.get(end + length % 2..).unwrap_or(&[]);
        Some(([n0, n1, n2, n3], Chunk { whole }))
    }
}
