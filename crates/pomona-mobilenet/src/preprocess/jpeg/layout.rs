//! What a JPEG's markers say of the work behind them: size, sampling, scans.

use crate::ImageError;
use crate::preprocess::ImageFormat;

/// The frame and its scans, read without decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) components: u8,
    /// Horizontal and vertical sampling factors of the first four components.
    sampling: [(u8, u8); 4],
    /// Whether the coefficients of the whole image are held until the last scan is read.
    pub(super) buffered: bool,
    /// Scans up to the end of the image; 1 where libjpeg stops after the first.
    pub(super) scans: u32,
}

impl Layout {
    /// Reads the markers. What is between segments is skipped as libjpeg skips it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        let format = ImageFormat::Jpeg;
        let mut layout = None;
        let mut progressive = false;
        let mut at = 2;
        let mut scans = 0;
        while let Some(marker) = next_marker(bytes, &mut at) {
            match marker {
                // Without a segment: restarts (within a scan), TEM, and the start of another image.
                0xd0..=0xd8 | 0x01 => continue,
                END => break,
                _ => {}
            }
            let Some(segment) = segment(bytes, &mut at) else {
                break;
            };
            match marker {
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    progressive = matches!(marker, 0xc2 | 0xc6 | 0xca | 0xce);
                    layout = Some(Self::frame(segment)?);
                }
                SCAN => {
                    let Some(layout) = &mut layout else {
                        return Err(ImageError::corrupt(format, "a scan before its frame"));
                    };
                    scans += 1;
                    if scans == 1 {
                        let first = segment.first().copied().unwrap_or(0);
                        layout.buffered = progressive || first < layout.components;
                        if !layout.buffered {
                            break;
                        }
                    }
                }
                _ => {}
            }
        }
        let mut layout = layout.ok_or(ImageError::Truncated { format })?;
        layout.scans = scans;
        Ok(layout)
    }

    fn frame(segment: &[u8]) -> Result<Self, ImageError> {
        let format = ImageFormat::Jpeg;
        let [_, h1, h0, w1, w0, components, rest @ ..] = segment else {
            return Err(ImageError::corrupt(
                format,
                "a frame header that is too short",
            ));
        };
        let mut sampling = [(1, 1); 4];
        for (factors, component) in sampling.iter_mut().zip(rest.chunks_exact(3)) {
            // libjpeg refuses what is not 1 to 4.
            *factors = (
                (component[1] >> 4).clamp(1, 4),
                (component[1] & 15).clamp(1, 4),
            );
        }
        Ok(Self {
            width: u16::from_be_bytes([*w1, *w0]),
            height: u16::from_be_bytes([*h1, *h0]),
            components: *components,
            sampling,
            buffered: false,
            scans: 0,
        })
    }

    /// Bytes that libjpeg allocates beside the pixels that it returns: tables, rows of blocks on their
    /// way through upsampling, and the coefficients of the whole image where they are held.
    pub(super) fn working_bytes(&self) -> u64 {
        let used = &self.sampling[..usize::from(self.components).min(4)];
        let most_h = used.iter().map(|s| u64::from(s.0)).max().unwrap_or(1);
        let most_v = used.iter().map(|s| u64::from(s.1)).max().unwrap_or(1);
        let mcus_across = u64::from(self.width).div_ceil(8 * most_h);
        let mcus_down = u64::from(self.height).div_ceil(8 * most_v);
        let mut bytes = TABLES;
        for (h, v) in used {
            let (across, down) = (mcus_across * u64::from(*h), mcus_down * u64::from(*v));
            // Two bytes a coefficient, 64 in a block, and a pointer to each row of blocks.
            if self.buffered {
                bytes += across * down * 128 + down * 8 + POOL_SLACK;
            }
            // Rows of blocks for the context of upsampling (five fifths of a row group, twice), and
            // the upsampled rows themselves.
            bytes += across * 8 * u64::from(*v) * 8 * 3;
            bytes += mcus_across * most_h * 8 * most_v * 3;
        }
        bytes
    }
}

/// What a camera or an editor recorded before the first scan.
#[derive(Default)]
pub(super) struct Metadata<'a> {
    pub(super) exif: Option<&'a [u8]>,
    pub(super) xmp: Option<&'a [u8]>,
}

/// Reads the application segments.
pub(super) fn metadata(bytes: &[u8]) -> Metadata<'_> {
    let mut found = Metadata::default();
    let mut at = 2;
    while let Some(marker) = next_marker(bytes, &mut at) {
        if matches!(marker, END | SCAN) {
            break;
        }
        if matches!(marker, 0xd0..=0xd8 | 0x01) {
            continue;
        }
        let Some(segment) = segment(bytes, &mut at) else {
            break;
        };
        if marker != 0xe1 {
            continue;
        }
        if segment.starts_with(b"Exif\0\0") {
            found.exif = found.exif.or(Some(segment));
        } else if let Some(xmp) = segment.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
            found.xmp = Some(xmp);
        }
    }
    found
}

/// What libjpeg allocates for any image: its state, Huffman and color tables, and the lookup for
/// clamping. Measured, and rounded up.
const TABLES: u64 = 192 << 10;

/// What its pools leave unused at the end of the arrays of one component.
const POOL_SLACK: u64 = 64 << 10;

const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// The next marker's code; `at` is left behind it.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let rest = bytes.get(*at..)?;
        *at += rest.iter().position(|byte| *byte == 0xff)?;
        let code = bytes[*at..].iter().position(|byte| *byte != 0xff)?;
        *at += code + 1;
        match bytes[*at - 1] {
            0 => continue,
            code => return Some(code),
        }
    }
}

/// The segment behind a marker, without its length; `at` is left behind it.
fn segment<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let length = u16::from_be_bytes(*bytes.get(*at..)?.first_chunk()?);
    let segment = bytes.get(*at + 2..*at + usize::from(length).max(2))?;
    *at += usize::from(length).max(2);
    Some(segment)
}
