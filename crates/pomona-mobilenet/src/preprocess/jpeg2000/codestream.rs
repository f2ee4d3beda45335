//! What a JPEG 2000 codestream's markers say, read without decoding: size, samples, filters, and what the
//! structures over its code blocks will take.

use crate::ImageError;
use crate::preprocess::ImageFormat;

const FORMAT: ImageFormat = ImageFormat::Jpeg2000;

const START: u16 = 0xff4f;
const SIZE: u16 = 0xff51;
const CODING: u16 = 0xff52;
const COMPONENT_CODING: u16 = 0xff53;
const QUANTIZATION: u16 = 0xff5c;
const COMPONENT_QUANTIZATION: u16 = 0xff5d;
const REGION: u16 = 0xff5e;
const ORDER_CHANGE: u16 = 0xff5f;
const TILE_PART: u16 = 0xff90;
const DATA: u16 = 0xff93;
const END: u16 = 0xffd9;

/// Why a codestream is not read: its decoders need not agree on the pixels, or no decoder is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Irreversible,
    Quantized,
    Region,
    OrderChange,
    HighThroughput,
}

impl Refusal {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Irreversible => {
                "lossy compression by the irreversible filter, whose pixels would not be Pillow's"
            }
            Self::Quantized => "quantized samples behind the reversible filter",
            Self::Region => "a region of interest",
            Self::OrderChange => "a change of the progression order",
            Self::HighThroughput => "high-throughput code blocks",
        }
    }
}

/// The samples of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) bits: u8,
    pub(super) is_signed: bool,
    pub(super) is_subsampled: bool,
}

#[derive(Debug)]
pub(super) struct Codestream {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: Vec<Component>,
    pub(super) refusal: Option<Refusal>,
    tile: (u32, u32),
    tiles: u64,
    layers: u64,
    codings: Vec<Coding>,
}

/// How the blocks of a component lie.
#[derive(Debug)]
struct Coding {
    /// Exponents of the size of a code block.
    block: (u8, u8),
    /// Exponents of the size of a precinct, from the smallest resolution on.
    precincts: Vec<(u8, u8)>,
}

impl Codestream {
    /// Reads the main header, and the headers of all tile-parts for what they change.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.u16()? != START || reader.u16()? != SIZE {
            return Err(ImageError::corrupt(FORMAT, "a codestream without its size"));
        }
        let mut stream = Self::size(reader.segment()?)?;
        let mut marker = reader.u16()?;
        while marker != TILE_PART {
            stream.note(marker, reader.segment()?)?;
            marker = reader.u16()?;
        }
        if stream.codings.is_empty() {
            return Err(ImageError::corrupt(FORMAT, "no coding parameters"));
        }
        // Damage from here on is the decoder's to find.
        while marker == TILE_PART {
            let start = reader.at - 2;
            let Ok(header_len) = reader.u16() else { break };
            if header_len != 10 {
                let reason = "a tile-part whose header has another length";
                return Err(ImageError::corrupt(FORMAT, reason));
            }
            let Ok([_, _, l3, l2, l1, l0, _, _]) = reader.take() else {
                break;
            };
            let length = [l3, l2, l1, l0];
            while let Ok(next) = reader.u16()
                && next != DATA
            {
                let Ok(segment) = reader.segment() else { break };
                stream.note(next, segment)?;
            }
            // A length of zero extends to the end.
            reader.at = match u32::from_be_bytes(length) {
                0 => break,
                length => start.saturating_add(length as usize),
            };
            let Ok(next) = reader.u16() else { break };
            marker = next;
            if marker == END {
                break;
            }
        }
        Ok(stream)
    }

    fn size(segment: &[u8]) -> Result<Self, ImageError> {
        let mut reader = Reader {
            bytes: segment,
            at: 0,
        };
        // Bit 14 of the capabilities: part 15 of the standard.
        let refusal = (reader.u16()? & 0x4000 != 0).then_some(Refusal::HighThroughput);
        let mut sizes = [0; 8];
        for size in &mut sizes {
            *size = reader.u32()?;
        }
        let [x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0] = sizes;
        let inside = x0 < x1 && y0 < y1 && tile_x0 <= x0 && tile_y0 <= y0;
        if !inside || tile_width == 0 || tile_height == 0 {
            return Err(ImageError::corrupt(
                FORMAT,
                "an image that is outside its tiles",
            ));
        }
        let count = reader.u16()?;
        let components: Vec<Component> = segment[reader.at..]
            .as_chunks::<3>()
            .0
            .iter()
            .map(|[depth, dx, dy]| Component {
                bits: (depth & 0x7f) + 1,
                is_signed: depth & 0x80 != 0,
                is_subsampled: (*dx, *dy) != (1, 1),
            })
            .collect();
        if components.is_empty() || components.len() != usize::from(count) {
            return Err(ImageError::corrupt(FORMAT, "another number of components"));
        }
        let across = u64::from((x1 - tile_x0).div_ceil(tile_width));
        let down = u64::from((y1 - tile_y0).div_ceil(tile_height));
        Ok(Self {
            width: x1 - x0,
            height: y1 - y0,
            components,
            refusal,
            tile: (tile_width.min(x1 - x0), tile_height.min(y1 - y0)),
            tiles: across * down,
            layers: 1,
            codings: Vec::new(),
        })
    }

    /// What a marker of the main header or of a tile-part changes.
    fn note(&mut self, marker: u16, segment: &[u8]) -> Result<(), ImageError> {
        let index_len = if self.components.len() < 257 { 1 } else { 2 };
        let mut reader = Reader {
            bytes: segment,
            at: 0,
        };
        match marker {
            CODING => {
                let style = reader.u8()?;
                if style > 7 {
                    return Err(ImageError::corrupt(FORMAT, "an unknown coding style"));
                }
                reader.u8()?;
                self.layers = self.layers.max(reader.u16()?.into());
                reader.u8()?;
                self.coding(style, reader)?;
            }
            COMPONENT_CODING => {
                reader.at = index_len;
                let style = reader.u8()?;
                self.coding(style, reader)?;
            }
            QUANTIZATION => self.quantization(reader.u8()?),
            COMPONENT_QUANTIZATION => {
                reader.at = index_len;
                self.quantization(reader.u8()?);
            }
            REGION => self.refuse(Refusal::Region),
            ORDER_CHANGE => self.refuse(Refusal::OrderChange),
            _ => {}
        }
        Ok(())
    }

    fn coding(&mut self, style: u8, mut reader: Reader<'_>) -> Result<(), ImageError> {
        let levels = reader.u8()?;
        let block = (
            reader.u8()?.saturating_add(2),
            reader.u8()?.saturating_add(2),
        );
        let block_style = reader.u8()?;
        let filter = reader.u8()?;
        if levels > 32 || block.0 > 10 || block.1 > 10 || block.0 + block.1 > 12 {
            return Err(ImageError::corrupt(
                FORMAT,
                "coding parameters out of range",
            ));
        }
        if block_style & 0x40 != 0 {
            self.refuse(Refusal::HighThroughput);
        }
        if filter != 1 {
            self.refuse(Refusal::Irreversible);
        }
        let mut precincts = vec![(15, 15); usize::from(levels) + 1];
        if style & 1 != 0 {
            for precinct in &mut precincts {
                let exponents = reader.u8()?;
                *precinct = (exponents & 15, exponents >> 4);
            }
        }
        self.codings.push(Coding { block, precincts });
        Ok(())
    }

    fn quantization(&mut self, style: u8) {
        if style & 31 != 0 && self.refusal.is_none() {
            // Behind the irreversible filter this is usual, and that filter is the reason to name.
            self.refusal = Some(Refusal::Quantized);
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        if matches!(self.refusal, None | Some(Refusal::Quantized)) {
            self.refusal = Some(refusal);
        }
    }

    /// Bytes that the decoder allocates beside the RGB pixels: samples, coefficients, and the structures over
    /// tiles, precincts, code blocks and layers.
    pub(super) fn working_bytes(&self) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let tile = u64::from(self.tile.0) * u64::from(self.tile.1);
        let components = self.components.len() as u64;
        let structures = self.codings.iter().map(|coding| {
            let (blocks, precincts) = coding.counts(self.tile);
            let blocks = blocks.saturating_mul(BLOCK + LAYER * self.layers);
            blocks.saturating_add(precincts.saturating_mul(PRECINCT))
        });
        let structures = structures.max().unwrap_or(0).saturating_mul(components);
        (pixels.saturating_mul(4 * components))
            .saturating_add(tile.saturating_mul(TILE_SAMPLE))
            .saturating_add(structures)
            .saturating_add(self.tiles.saturating_mul(TILE_COMPONENT * components))
            .saturating_add(FIXED)
    }
}

impl Coding {
    /// Code blocks and precincts of one component in a tile, at most.
    fn counts(&self, tile: (u32, u32)) -> (u64, u64) {
        let along = |samples: u64, exponent: u8| (samples >> exponent) + 2;
        let (mut blocks, mut precincts) = (0_u64, 0_u64);
        let highest = self.precincts.len() - 1;
        for (resolution, (x, y)) in self.precincts.iter().enumerate() {
            // The size of this resolution, and of its bands.
            let halvings = highest - resolution;
            let at = |side: u32, halvings: usize| u64::from(side) >> halvings.min(32);
            let (width, height) = (at(tile.0, halvings) + 1, at(tile.1, halvings) + 1);
            precincts += along(width, *x).saturating_mul(along(height, *y));
            let (bands, halved) = if resolution == 0 { (1, 0) } else { (3, 1) };
            let across = along(width >> halved, self.block.0.min(x.saturating_sub(halved)));
            let down = along(height >> halved, self.block.1.min(y.saturating_sub(halved)));
            blocks = blocks.saturating_add(across.saturating_mul(down).saturating_mul(bands));
        }
        (blocks, precincts.saturating_mul(3))
    }
}

/// Coefficients and the two buffers of the wavelet transform, four bytes each.
const TILE_SAMPLE: u64 = 12;
/// A code block with its nodes in two tag trees.
const BLOCK: u64 = 256;
/// A layer of a code block, and the segment in it.
const LAYER: u64 = 96;
/// A precinct of one band, with two tag trees.
const PRECINCT: u64 = 256;
/// A tile's copy of a component's parameters.
const TILE_COMPONENT: u64 = 1024;
/// State of the decoder.
const FIXED: u64 = 1 << 20;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ImageError> {
        let bytes = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk());
        self.at += N;
        bytes
            .copied()
            .ok_or(ImageError::Truncated { format: FORMAT })
    }

    fn u8(&mut self) -> Result<u8, ImageError> {
        self.take().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, ImageError> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, ImageError> {
        self.take().map(u32::from_be_bytes)
    }

    /// The segment behind a marker, without its length.
    fn segment(&mut self) -> Result<&'a [u8], ImageError> {
        let start = self.at + 2;
        let end = self.at + usize::from(self.u16()?).max(2);
        self.at = end;
        self.bytes
            .get(start..end)
            .ok_or(ImageError::Truncated { format: FORMAT })
    }
}
