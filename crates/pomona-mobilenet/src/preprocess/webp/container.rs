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

/// An image's data, the contents of its chunks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Coded<'a> {
    pub(super) alpha: Option<&'a [u8]>,
    pub(super) lossy: Option<&'a [u8]>,
    pub(super) lossless: Option<&'a [u8]>,
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
        let (name, first) = chunks.next().ok_or_else(truncated)?;
        let mut container = match &name {
            b"VP8X" => Self::extended(first)?,
            _ => {
                let mut image = Coded::default();
                image.take(&name, first);
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
        for (name, data) in chunks {
            match &name {
                b"EXIF" => container.exif = container.exif.or(Some(data)),
                b"XMP " => container.xmp = container.xmp.or(Some(data)),
                b"ANMF" if animated && container.frame.is_none() => container.animated(data)?,
                _ if !animated => container.image.take(&name, data),
                _ => {}
            }
        }
        if animated && container.frame.is_none() {
            return Err(ImageError::corrupt(FORMAT, "an animation without a frame"));
        }
        container.image.header()?;
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
        for (name, data) in Chunks(&data[16..]) {
            self.image.take(&name, data);
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
    fn take(&mut self, name: &[u8; 4], data: &'a [u8]) {
        match name {
            b"ALPH" => self.alpha = self.alpha.or(Some(data)),
            b"VP8 " => self.lossy = self.lossy.or(Some(data)),
            b"VP8L" => self.lossless = self.lossless.or(Some(data)),
            _ => {}
        }
    }

    /// Width, height and whether there is alpha, from the bitstream.
    fn header(&self) -> Result<(u32, u32, bool), ImageError> {
        let truncated = ImageError::Truncated { format: FORMAT };
        if let Some(data) = self.lossless {
            let &[signature, b0, b1, b2, b3] = data.first_chunk().ok_or(truncated)?;
            if signature != 0x2f {
                return Err(ImageError::corrupt(FORMAT, "an invalid lossless signature"));
            }
            let bits = u32::from_le_bytes([b0, b1, b2, b3]);
            return Ok((
                (bits & 0x3fff) + 1,
                (bits >> 14 & 0x3fff) + 1,
                bits >> 28 & 1 == 1,
            ));
        }
        let Some(data) = self.lossy else {
            return Err(ImageError::corrupt(FORMAT, "there is no image in it"));
        };
        let tag = data.first().copied().unwrap_or(0);
        if tag & 1 != 0 || tag >> 1 & 7 > 3 || tag & 0x10 == 0 {
            return Err(ImageError::corrupt(FORMAT, "a frame that is not shown"));
        }
        let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] = data.first_chunk().ok_or(truncated)?
        else {
            return Err(ImageError::corrupt(FORMAT, "an invalid start code"));
        };
        let size = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
        Ok((size(w0, w1), size(h0, h1), self.alpha.is_some()))
    }

    /// The image as a still file of its own.
    pub(super) fn as_file(&self) -> Result<Vec<u8>, ImageError> {
        let (width, height, _) = self.header()?;
        let mut body = b"WEBP".to_vec();
        let mut push = |name: &[u8; 4], data: &[u8]| {
            body.extend(name);
            body.extend((data.len() as u32).to_le_bytes());
            body.extend(data);
            if data.len() % 2 == 1 {
                body.push(0);
            }
        };
        match (self.lossless, self.lossy, self.alpha) {
            (Some(data), _, _) => push(b"VP8L", data),
            (None, Some(data), None) => push(b"VP8 ", data),
            (None, Some(data), Some(alpha)) => {
                let mut header = vec![0x10, 0, 0, 0];
                header.extend(&(width - 1).to_le_bytes()[..3]);
                header.extend(&(height - 1).to_le_bytes()[..3]);
                push(b"VP8X", &header);
                push(b"ALPH", alpha);
                push(b"VP8 ", data);
            }
            (None, None, _) => {}
        }
        let mut file = b"RIFF".to_vec();
        file.extend((body.len() as u32).to_le_bytes());
        file.extend(body);
        Ok(file)
    }

    /// Bytes of the data.
    pub(super) fn len(&self) -> u64 {
        [self.alpha, self.lossy, self.lossless]
            .iter()
            .flatten()
            .map(|data| data.len() as u64)
            .sum()
    }
}

/// A number of three bytes.
fn long(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0])
}

/// Names and contents, each padded to an even length.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [n0, n1, n2, n3, l0, l1, l2, l3] = *self.0.first_chunk()?;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let rest = &self.0[8..];
        let data = rest.get(..length)?;
        self.0 = rest.get(length + length % 2..).unwrap_or(&[]);
        Some(([n0, n1, n2, n3], data))
    }
}
