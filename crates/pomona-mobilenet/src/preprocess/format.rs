//! Recognises the format of a file by its first bytes.

use crate::ImageError;
use std::fmt;

/// The formats that are decoded. Displayed as Pillow names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    /// Baseline and progressive JPEG, Huffman-coded, 8 bits a sample.
    Jpeg,
    /// Portable Network Graphics; of an animation, the default image.
    Png,
    /// WebP, lossy and lossless; of an animation, the first frame.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// GIF; of an animation, the first frame.
    Gif,
    /// TIFF and BigTIFF; of several pages, the first.
    Tiff,
    /// JPEG 2000 behind the reversible filter.
    #[cfg(feature = "more-formats")]
    Jpeg2000,
    /// JPEG XL of whole samples; of an animation, the first frame.
    #[cfg(feature = "more-formats")]
    JpegXl,
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WEBP",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Tiff => "TIFF",
            #[cfg(feature = "more-formats")]
            Self::Jpeg2000 => "JPEG2000",
            #[cfg(feature = "more-formats")]
            Self::JpegXl => "JXL",
        })
    }
}

/// How a file stores its pixels. Displayed as Pillow's mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Color {
    /// `1`: black and white.
    Bilevel,
    /// `L`: 8-bit grey, and fewer bits scaled to it.
    L,
    /// `LA`: grey with alpha.
    La,
    /// `I;16`: 16-bit grey.
    I16,
    /// `I;16B`: 16-bit grey, the high byte first.
    I16Be,
    /// `I`: 32-bit grey, or 16-bit grey with a sign.
    I,
    /// `F`: floating-point grey.
    F,
    /// `P`: a palette.
    P,
    /// `RGB`.
    Rgb,
    /// `RGBA`.
    Rgba,
    /// `CMYK`.
    Cmyk,
    /// `YCbCr`.
    YCbCr,
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Bilevel => "1",
            Self::L => "L",
            Self::La => "LA",
            Self::I16 => "I;16",
            Self::I16Be => "I;16B",
            Self::I => "I",
            Self::F => "F",
            Self::P => "P",
            Self::Rgb => "RGB",
            Self::Rgba => "RGBA",
            Self::Cmyk => "CMYK",
            Self::YCbCr => "YCbCr",
        })
    }
}

/// What a header says of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageInfo {
    /// The file's format.
    pub format: ImageFormat,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// How its pixels are stored.
    pub color: Color,
}

/// The format of a file, or what it is instead of an image.
pub(super) fn recognise(bytes: &[u8]) -> Result<ImageFormat, ImageError> {
    if bytes.is_empty() {
        return Err(ImageError::Empty);
    }
    for (signature, format) in SIGNATURES {
        if bytes.starts_with(signature) {
            if *format == ImageFormat::WebP && bytes.get(8..12).is_some_and(|id| id != b"WEBP") {
                return Err(ImageError::UnsupportedFormat {
                    found: "RIFF (AVI or WAV)",
                });
            }
            return Ok(*format);
        }
        // Two bytes of a signature say enough, unless they are zeros: the rest was lost.
        if bytes.len() >= 2 && signature.starts_with(bytes) && bytes != [0; 3] && bytes != [0; 2] {
            return Err(ImageError::Truncated { format: *format });
        }
    }
    #[cfg(not(feature = "more-formats"))]
    if let Some((_, found)) = NOT_BUILT_IN
        .iter()
        .find(|(start, _)| bytes.starts_with(start))
    {
        return Err(ImageError::NotBuiltIn {
            found,
            feature: "more-formats",
        });
    }
    Err(match foreign(bytes) {
        Some(found) => ImageError::UnsupportedFormat { found },
        None => ImageError::NotAnImage {
            start: printable(&bytes[..bytes.len().min(12)]),
        },
    })
}

/// The prefixes that Pillow's plug-ins accept.
const SIGNATURES: &[(&[u8], ImageFormat)] = &[
    (b"\xff\xd8\xff", ImageFormat::Jpeg),
    (b"\x89PNG\r\n\x1a\n", ImageFormat::Png),
    (b"RIFF", ImageFormat::WebP),
    (b"GIF87a", ImageFormat::Gif),
    (b"GIF89a", ImageFormat::Gif),
    (b"BM", ImageFormat::Bmp),
    (b"II*\0", ImageFormat::Tiff),
    (b"MM\0*", ImageFormat::Tiff),
    (b"II+\0", ImageFormat::Tiff),
    (b"MM\0+", ImageFormat::Tiff),
    #[cfg(feature = "more-formats")]
    (b"\0\0\0\x0cjP  \r\n\x87\n", ImageFormat::Jpeg2000),
    #[cfg(feature = "more-formats")]
    (b"\xff\x4f\xff\x51", ImageFormat::Jpeg2000),
    #[cfg(feature = "more-formats")]
    (b"\0\0\0\x0cJXL \r\n\x87\n", ImageFormat::JpegXl),
    #[cfg(feature = "more-formats")]
    (b"\xff\x0a", ImageFormat::JpegXl),
];

/// The formats of the feature `more-formats`, where it is not built in.
#[cfg(not(feature = "more-formats"))]
const NOT_BUILT_IN: &[(&[u8], &str)] = &[
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
];

/// Names what people find among their images that is not one of ours.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    const PREFIXES: &[(&[u8], &str)] = &[
        (b"%PDF", "PDF"),
        (b"8BPS", "Photoshop (PSD)"),
        (b"\0\0\x01\0", "a Windows icon (ICO)"),
        (b"DDS ", "DDS"),
        (b"qoif", "QOI"),
        (b"v/1\x01", "OpenEXR"),
        (b"#?RADIANCE", "Radiance HDR"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b", "gzip data"),
        (b"PAR1", "a Parquet file"),
        (b"version https://git-lfs", "a Git LFS pointer"),
    ];
    if let Some((_, name)) = PREFIXES
        .iter()
        .find(|(prefix, _)| bytes.starts_with(prefix))
    {
        return Some(name);
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(match bytes.get(8..12)? {
            b"avif" | b"avis" => "AVIF",
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => "HEIC",
            _ => "MP4 or QuickTime",
        });
    }
    if let [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t', ..] = bytes {
        return Some("PNM");
    }
    markup(bytes)
}

/// SVG, and the error pages that are saved under an image's name.
fn markup(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = text[..text.len().min(1024)].trim_ascii_start();
    let text = text.to_ascii_lowercase();
    let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    if !text.starts_with(b"<") {
        return None;
    }
    if text.starts_with(b"<!doctype html") || text.starts_with(b"<html") {
        Some("an HTML page")
    } else if has(b"<svg") {
        Some("SVG")
    } else if text.starts_with(b"<?xml") || text.starts_with(b"<error") {
        Some("an XML document")
    } else {
        None
    }
}

/// Text as text in quotes, anything else as hexadecimal bytes.
fn printable(bytes: &[u8]) -> String {
    if bytes.iter().all(|b| b.is_ascii_graphic() || *b == b' ') {
        format!("\"{}\"", String::from_utf8_lossy(bytes))
    } else {
        let hex: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
        format!("the bytes {}", hex.join(" "))
    }
}
