//! What a directory says of its pixels, and which of it Pillow reads.

use super::FORMAT;
use super::directory::{Directory, Tag};
use crate::ImageError;
use crate::preprocess::pixels::Palette;
use crate::preprocess::{Color, ImageInfo};

/// How samples become RGB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Samples {
    /// 1, 2, 4 or 8 bits of grey.
    Grey {
        inverted: bool,
    },
    /// 8 bits of grey and others that are dropped.
    GreyWith,
    /// 16 bits of grey, clipped; signed or not.
    Wide {
        signed: bool,
    },
    /// 32 bits of grey, clipped: unsigned, signed, or floating-point.
    Long,
    SignedLong,
    Float,
    /// Indices of 1, 2, 4 or 8 bits, and others that are dropped.
    Indices,
    /// Red, green, blue of 8 or 16 bits, and others that are dropped.
    Rgb,
    /// Red, green, blue multiplied with the alpha behind them.
    Premultiplied,
    /// Four inks of 8 or 16 bits.
    Inks,
    /// Luminance and chroma.
    Chroma,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compression {
    None,
    Group4,
    Lzw,
    Jpeg,
    Deflate,
    PackBits,
    Zstd,
}

/// The pixels of the first page.
pub(super) struct Layout {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: u8,
    pub(super) color: Color,
    pub(super) samples: Samples,
    pub(super) compression: Compression,
    /// Bits of a sample, 1 to 32.
    pub(super) bits: u16,
    /// Samples of a pixel in one plane.
    pub(super) channels: usize,
    pub(super) planes: usize,
    /// The directory speaks of planes, be it of one.
    pub(super) is_planar: bool,
    pub(super) reversed_bits: bool,
    /// 1 for none, 2 for differences, 3 for those of floating-point numbers.
    pub(super) predictor: u8,
    /// Of strips the width is the image's.
    pub(super) chunk_width: u32,
    pub(super) chunk_height: u32,
    pub(super) tiled: bool,
}

impl Layout {
    pub(super) fn read(directory: &Directory<'_>) -> Result<Self, ImageError> {
        let one = |tag, default| directory.one(tag).unwrap_or(default);
        let size = |tag| {
            directory
                .one(tag)
                .ok_or_else(|| ImageError::corrupt(FORMAT, "there is no size in it"))
                .map(|size| u32::try_from(size).unwrap_or(u32::MAX))
        };
        let (width, height) = (size(Tag::Width)?, size(Tag::Height)?);
        let compression = compression(one(Tag::Compression, 1))?;
        let photometric = one(Tag::Photometric, 0);
        let planar = one(Tag::Planar, 1) == 2;
        let tags = Tags::read(directory, photometric, planar)?;
        let raw = compression == Compression::None;
        let (samples, color) = tags.samples(photometric, directory.big_endian, raw)?;
        let channels = tags.bits.len();
        let bits = tags.bits[0];
        let tiled =
            directory.count(Tag::StripOffsets) == 0 || !raw && directory.count(Tag::TileWidth) > 0;
        let chunk = |tag, default: u32| {
            directory
                .one(tag)
                .map_or(default, |n| u32::try_from(n).unwrap_or(u32::MAX))
        };
        let (chunk_width, chunk_height) = match tiled {
            true => (chunk(Tag::TileWidth, 0), chunk(Tag::TileHeight, 0)),
            false => (width, chunk(Tag::RowsPerStrip, height).min(height)),
        };
        if (chunk_width == 0 || chunk_height == 0) && width > 0 && height > 0 {
            return Err(ImageError::corrupt(FORMAT, "strips or tiles of no size"));
        }
        let layout = Self {
            width,
            height,
            orientation: u8::try_from(one(Tag::Orientation, 1)).unwrap_or(1),
            color: match (raw, samples) {
                (false, Samples::Chroma) => Color::Rgb,
                _ => color,
            },
            samples,
            compression,
            bits,
            channels: if planar { 1 } else { channels },
            planes: if planar { channels } else { 1 },
            is_planar: planar,
            reversed_bits: tags.reversed && compression != Compression::Jpeg,
            predictor: match compression {
                Compression::Lzw | Compression::Deflate | Compression::Zstd => {
                    one(Tag::Predictor, 1).min(255) as u8
                }
                _ => 1,
            },
            chunk_width,
            chunk_height,
            tiled,
        };
        layout.check(directory)?;
        Ok(layout)
    }

    /// Refuses by name what would not come out as Pillow's.
    fn check(&self, directory: &Directory<'_>) -> Result<(), ImageError> {
        let refuse = |feature: &str| Err(ImageError::feature(FORMAT, feature));
        let raw = self.compression == Compression::None;
        if self.planes > 1 && self.bits != 8 {
            return refuse("planes of other than 8 bits");
        }
        let is_read = match (self.samples, self.planes) {
            (Samples::Rgb, 3) => true,
            (Samples::Rgb, 4) => raw || directory.count(Tag::ExtraSamples) > 0,
            (Samples::GreyWith, 2) => !raw,
            _ => self.planes == 1,
        };
        if !is_read {
            return refuse("planes of this color");
        }
        if self.planes > 1 && self.compression == Compression::Jpeg {
            return refuse("planes of JPEG data");
        }
        // libtiff converts it with tables of its own, also where the compression is JPEG.
        if !raw && self.samples == Samples::Chroma {
            return refuse("compressed YCbCr");
        }
        if raw && self.samples == Samples::Chroma {
            let factors = directory.numbers(Tag::Subsampling, 2).unwrap_or(vec![1, 1]);
            if factors.iter().any(|factor| *factor != 1) {
                return refuse("subsampled YCbCr");
            }
        }
        let wide = matches!(
            self.samples,
            Samples::Wide { signed: true } | Samples::Long | Samples::SignedLong | Samples::Float
        );
        if !raw && wide && directory.big_endian {
            return refuse("compressed big-endian numbers");
        }
        match (self.predictor, self.bits) {
            (1, _) | (2, 8 | 16 | 32) => {}
            (3, 32) if self.samples == Samples::Float => {}
            _ => return refuse("this predictor with these samples"),
        }
        if self.compression == Compression::Jpeg && self.bits != 8 {
            return refuse("JPEG data of other than 8 bits");
        }
        Ok(())
    }

    /// The description, of the image turned upright.
    pub(super) fn info(&self) -> ImageInfo {
        ImageInfo {
            format: FORMAT,
            width: self.width,
            height: self.height,
            color: self.color,
        }
    }

    /// Bytes of a row of a strip or tile in one plane.
    pub(super) fn row_bytes(&self, width: u32) -> usize {
        (width as usize * self.channels * usize::from(self.bits)).div_ceil(8)
    }

    pub(super) fn chunks_across(&self) -> usize {
        self.width.div_ceil(self.chunk_width) as usize
    }

    pub(super) fn chunks_down(&self) -> usize {
        self.height.div_ceil(self.chunk_height) as usize
    }
}

fn compression(number: u64) -> Result<Compression, ImageError> {
    let name = match number {
        1 => return Ok(Compression::None),
        4 => return Ok(Compression::Group4),
        5 => return Ok(Compression::Lzw),
        7 => return Ok(Compression::Jpeg),
        8 | 32946 => return Ok(Compression::Deflate),
        32773 => return Ok(Compression::PackBits),
        50000 => return Ok(Compression::Zstd),
        2 => "CCITT run-length compression",
        3 => "CCITT group 3 compression",
        6 => "old-style JPEG compression",
        32809 => "ThunderScan compression",
        34676 | 34677 => "LogLuv compression",
        34887 => "LERC compression",
        34925 => "LZMA compression",
        50001 => "WebP compression",
        other => {
            return Err(ImageError::feature(
                FORMAT,
                format_args!("compression {other}"),
            ));
        }
    };
    Err(ImageError::feature(FORMAT, name))
}

/// What Pillow's table of kinds is looked up with.
struct Tags {
    bits: Vec<u16>,
    extra: Vec<u64>,
    format: u64,
    reversed: bool,
}

impl Tags {
    fn read(directory: &Directory<'_>, photometric: u64, planar: bool) -> Result<Self, ImageError> {
        let unknown = || ImageError::corrupt(FORMAT, "an unknown organization of samples");
        // Pillow refuses more samples than six.
        const MOST: usize = 6;
        let mut bits = directory
            .numbers(Tag::BitsPerSample, MOST + 1)
            .unwrap_or(vec![1]);
        let mut extra = directory
            .numbers(Tag::ExtraSamples, MOST + 1)
            .unwrap_or_default();
        let mut samples = directory.one(Tag::SamplesPerPixel).unwrap_or(1) as usize;
        if planar && !extra.is_empty() && extra.iter().all(|kind| *kind == 0) {
            bits.truncate(bits.len().saturating_sub(extra.len()));
            samples = samples.saturating_sub(extra.len());
            extra.clear();
        }
        if samples > MOST {
            return Err(unknown());
        }
        bits.truncate(samples);
        if let [only] = bits[..] {
            bits = vec![only; samples];
        }
        if bits.len() != samples || samples == 0 {
            return Err(unknown());
        }
        let formats = directory
            .numbers(Tag::SampleFormat, MOST + 1)
            .unwrap_or(vec![1]);
        let first = formats.first().copied().unwrap_or(1);
        let fill = directory.one(Tag::FillOrder).unwrap_or(1);
        let uniform = bits.iter().all(|other| *other == bits[0]);
        if formats.iter().any(|other| *other != first) || !uniform || !matches!(fill, 1 | 2) {
            return Err(ImageError::feature(
                FORMAT,
                format_args!("samples of several kinds (photometric {photometric})"),
            ));
        }
        Ok(Self {
            bits: bits.iter().map(|bits| (*bits).min(999) as u16).collect(),
            extra,
            format: first,
            reversed: fill == 2,
        })
    }

    /// The kinds that Pillow knows.
    fn samples(
        &self,
        photometric: u64,
        big_endian: bool,
        raw: bool,
    ) -> Result<(Samples, Color), ImageError> {
        let count = self.bits.len();
        let found = match (
            photometric,
            self.format,
            self.bits[0],
            count,
            &self.extra[..],
        ) {
            (0 | 1, 1, 1, 1, []) => (
                Samples::Grey {
                    inverted: photometric == 0,
                },
                Color::Bilevel,
            ),
            (1, 2, 8, 1, []) if !self.reversed => (Samples::Grey { inverted: false }, Color::L),
            // Luminance without chroma.
            (6, 1, 8, 1, []) if !self.reversed && raw => {
                (Samples::Grey { inverted: false }, Color::L)
            }
            (1, 1, 16, 1, []) if !(self.reversed && big_endian) => {
                let color = if big_endian { Color::I16Be } else { Color::I16 };
                (Samples::Wide { signed: false }, color)
            }
            // Pillow does not invert it.
            (0, 1, 16, 1, []) if !self.reversed && !big_endian => {
                (Samples::Wide { signed: false }, Color::I16)
            }
            (1, 2, 16, 1, []) if !self.reversed => (Samples::Wide { signed: true }, Color::I),
            (1, 1, 32, 1, []) if !self.reversed && !big_endian => (Samples::Long, Color::I),
            (1, 2, 32, 1, []) if !self.reversed => (Samples::SignedLong, Color::I),
            (0 | 1, 3, 32, 1, []) if !self.reversed => (Samples::Float, Color::F),
            (1, 1, 8, 2, [0]) if !self.reversed => (Samples::GreyWith, Color::L),
            (1, 1, 8, 2, [2]) if !self.reversed => (Samples::GreyWith, Color::La),
            (2, 1, 8, 3, []) => (Samples::Rgb, Color::Rgb),
            (2, 1, 8, 4, [0]) | (2, 1, 8, 5, [0, 0]) | (2, 1, 8, 6, [0, 0, 0])
                if !self.reversed =>
            {
                (Samples::Rgb, Color::Rgb)
            }
            (2, 1, 8, 4, [] | [2] | [999]) | (2, 1, 8, 5, [2, 0]) | (2, 1, 8, 6, [2, 0, 0])
                if !self.reversed =>
            {
                (Samples::Rgb, Color::Rgba)
            }
            (2, 1, 8, 4, [1]) | (2, 1, 8, 5, [1, 0]) | (2, 1, 8, 6, [1, 0, 0])
                if !self.reversed =>
            {
                (Samples::Premultiplied, Color::Rgba)
            }
            (2, 1, 16, 3, []) | (2, 1, 16, 4, [0]) if !self.reversed => (Samples::Rgb, Color::Rgb),
            (2, 1, 16, 4, [] | [2]) if !self.reversed => (Samples::Rgb, Color::Rgba),
            (2, 1, 16, 4, [1]) if !self.reversed => (Samples::Premultiplied, Color::Rgba),
            // Pillow's own reading has no such raw modes, libtiff's needs none.
            (0, 1, 8, 1, []) | (3, 1, 1 | 2 | 4, 1, []) if self.reversed && raw => {
                return Err(ImageError::feature(
                    FORMAT,
                    "reversed bits of these samples",
                ));
            }
            (0 | 1, 1, 2 | 4 | 8, 1, []) => (
                Samples::Grey {
                    inverted: photometric == 0,
                },
                Color::L,
            ),
            (3, 1, 1 | 2 | 4 | 8, 1, []) => (Samples::Indices, Color::P),
            (3, 1, 8, 2, [0]) if !self.reversed => (Samples::Indices, Color::P),
            (5, 1, 8 | 16, 4, []) | (5, 1, 8, 5, [0]) | (5, 1, 8, 6, [0, 0]) if !self.reversed => {
                (Samples::Inks, Color::Cmyk)
            }
            (6, 1, 8, 3, []) if !self.reversed => (Samples::Chroma, Color::YCbCr),
            _ => {
                let kind = match photometric {
                    0 | 1 => "grey",
                    2 => "RGB",
                    3 => "palette",
                    5 => "CMYK",
                    6 => "YCbCr",
                    8 | 9 => "CIELab",
                    _ => "unknown",
                };
                return Err(ImageError::feature(
                    FORMAT,
                    format_args!(
                        "{kind} color with {count} samples of {} bits, format {}, extra samples {:?}",
                        self.bits[0], self.format, self.extra
                    ),
                ));
            }
        };
        Ok(found)
    }
}

/// The palette of an image of indices.
pub(super) fn palette(directory: &Directory<'_>) -> Result<Palette, ImageError> {
    // All reds, then all greens, then all blues, 16 bits each.
    let colors = directory
        .numbers(Tag::ColorMap, 3 * 256)
        .ok_or_else(|| ImageError::corrupt(FORMAT, "there is no color map"))?;
    let plane = colors.len() / 3;
    let triples: Vec<u8> = (0..plane)
        .flat_map(|i| [i, plane + i, plane * 2 + i])
        .map(|at| (colors[at] / 256).min(255) as u8)
        .collect();
    Ok(Palette::new(&triples))
}
