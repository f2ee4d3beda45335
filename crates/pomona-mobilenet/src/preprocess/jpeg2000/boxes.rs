//! The boxes of a JP2 file that Pillow reads: which color the codestream has, and where it lies.

use crate::ImageError;
use crate::preprocess::ImageFormat;

const FORMAT: ImageFormat = ImageFormat::Jpeg2000;

/// What colors the components are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Grey,
    Rgb,
    /// Nothing is said, or a profile, which is not applied: the number of components decides.
    Unknown,
}

/// What the boxes say of the image beside its codestream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) space: Space,
    pub(super) shape: Option<Shape>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: u16,
    /// Bits a sample less one, as Pillow reads them: 127 where components differ.
    pub(super) depth: u8,
}

/// Finds the codestream. One that stands by itself has no header.
pub(super) fn codestream(bytes: &[u8]) -> Result<(&[u8], Header), ImageError> {
    let corrupt = |reason| Err(ImageError::corrupt(FORMAT, reason));
    if bytes.starts_with(b"\xff\x4f\xff\x51") {
        let header = Header {
            space: Space::Unknown,
            shape: None,
        };
        return Ok((bytes, header));
    }
    let mut header = None;
    for (at, (name, content)) in boxes(bytes).enumerate() {
        match &name {
            b"ftyp" if at == 1 => {}
            _ if at == 1 => return corrupt("no file type behind the signature"),
            b"jp2h" => header = Some(read_header(content)?),
            b"jp2c" => {
                return match header {
                    Some(header) => Ok((content, header)),
                    None => corrupt("a codestream before its header"),
                };
            }
            _ => {}
        }
    }
    Err(ImageError::Truncated { format: FORMAT })
}

fn read_header(bytes: &[u8]) -> Result<Header, ImageError> {
    let mut space = Space::Unknown;
    let mut shape = None;
    let mut is_specified = false;
    for (name, content) in boxes(bytes) {
        match (&name, content) {
            (b"ihdr", [h3, h2, h1, h0, w3, w2, w1, w0, c1, c0, depth, ..]) => {
                shape = Some(Shape {
                    width: u32::from_be_bytes([*w3, *w2, *w1, *w0]),
                    height: u32::from_be_bytes([*h3, *h2, *h1, *h0]),
                    components: u16::from_be_bytes([*c1, *c0]),
                    depth: depth & 127,
                });
            }
            // The first counts. Method 1 is a number; the others are profiles.
            (b"colr", [1, _, _, number @ ..]) if !is_specified => {
                is_specified = true;
                space = match number {
                    [0, 0, 0, 16] => Space::Rgb,
                    [0, 0, 0, 17] => Space::Grey,
                    _ => {
                        let feature = "a color space other than sRGB and grey";
                        return Err(ImageError::feature(FORMAT, feature));
                    }
                };
            }
            (b"colr", _) => is_specified = true,
            (b"pclr", _) => return Err(ImageError::feature(FORMAT, "a palette")),
            _ => {}
        }
    }
    if shape.is_none() {
        return Err(ImageError::corrupt(FORMAT, "a header without a size"));
    }
    Ok(Header { space, shape })
}

/// Names and contents of the boxes up to the first that is cut. A last one may extend to the end.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        let (content, behind) = match u32::from_be_bytes(*length) {
            0 => (after, &[][..]),
            1 => {
                let (length, after) = after.split_first_chunk()?;
                let length = usize::try_from(u64::from_be_bytes(*length).checked_sub(16)?).ok()?;
                after.split_at_checked(length)?
            }
            length => {
                let length = (length as usize).checked_sub(8)?;
                // The codestream itself may be cut: the decoder says so.
                after.split_at_checked(length).unwrap_or((after, &[]))
            }
        };
        rest = behind;
        Some((*name, content))
    })
}
