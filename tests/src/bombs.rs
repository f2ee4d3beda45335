//! Small files that stand for much memory or much work, made by code.

use flate2::{Compress, Compression, Crc, FlushCompress};

/// The side of the largest square below the limit of pixels.
pub const SIDE: u32 = 13_300;

/// A name and a file.
pub type Bomb = (&'static str, Vec<u8>);

/// All of them.
pub fn all() -> Vec<Bomb> {
    vec![
        ("grey JPEG of 100 scans", jpeg(SIDE, 1, 100)),
        ("CMYK JPEG of 10 scans", jpeg(SIDE, 4, 10)),
        ("grey JPEG of 2,000 scans", jpeg(2000, 1, 2000)),
        (
            "grey JPEG of 100 scans within the bytes",
            jpeg(9000, 1, 100),
        ),
        ("lossless WebP of one color", webp()),
        ("lossy WebP of zeros", lossy_webp(SIDE)),
        ("lossy WebP of zeros within the bytes", lossy_webp(6000)),
        ("GIF of one pixel on a large screen", gif(SIDE as u16, 1)),
        (
            "GIF with a large frame and no data",
            gif(SIDE as u16, SIDE as u16),
        ),
        ("BMP header", bmp(SIDE, 24, 0)),
        ("BMP header with runs", bmp(SIDE, 8, 1)),
        ("1-bit PNG", png(SIDE, 1, 0, &[])),
        ("RGB PNG", png(SIDE, 8, 2, &[])),
        (
            "PNG with a profile of zeros",
            png(64, 8, 2, &compressed_chunk(b"iCCP", b"a\0\0")),
        ),
        (
            "PNG with a text of zeros",
            png(64, 8, 2, &compressed_chunk(b"zTXt", b"a\0\0")),
        ),
        (
            "PNG with an international text of zeros",
            png(64, 8, 2, &compressed_chunk(b"iTXt", b"a\0\x01\0\0\0")),
        ),
        ("TIFF header", tiff(1, 24, &[0; 100])),
        ("TIFF header, deflated", tiff(8, 24, &zeros(1000))),
        (
            "TIFF of deflated zeros",
            tiff(
                8,
                1,
                &zeros(SIDE as usize * SIDE as usize / 8 + SIDE as usize),
            ),
        ),
        ("TIFF header, LZW", tiff(5, 24, &[0x80, 0x0b, 0x60])),
        (
            "TIFF header, PackBits",
            tiff(32773, 24, &[0x81, 0, 0x81, 0]),
        ),
    ]
}

/// A progressive JPEG without a single coefficient: 32,767 blocks end in 15 bits.
pub fn jpeg(side: u32, components: u8, scans: usize) -> Vec<u8> {
    let [h, l] = (side as u16).to_be_bytes();
    let mut file = vec![0xff, 0xd8];
    file.extend([0xff, 0xdb, 0, 67, 0]);
    file.extend([1; 64]);
    file.extend([0xff, 0xc2, 0, 8 + 3 * components, 8, h, l, h, l, components]);
    for component in 1..=components {
        file.extend([component, 0x11, 0]);
    }
    // One code of one bit: the end of 2^14 and more blocks.
    file.extend([0xff, 0xc4, 0, 20, 0x10, 1]);
    file.extend([0; 15]);
    file.push(0xe0);
    let blocks = u64::from(side.div_ceil(8)).pow(2);
    let mut bits = String::new();
    for _ in 0..blocks.div_ceil(32_767) {
        bits += "011111111111111";
    }
    while !bits.len().is_multiple_of(8) {
        bits.push('1');
    }
    let data: Vec<u8> = (0..bits.len())
        .step_by(8)
        .map(|at| u8::from_str_radix(&bits[at..at + 8], 2).unwrap())
        .flat_map(|byte| match byte {
            0xff => vec![0xff, 0],
            byte => vec![byte],
        })
        .collect();
    for scan in 0..scans {
        let component = scan % usize::from(components) + 1;
        // A first pass of each component, then refinements.
        let approximation = if scan < usize::from(components) {
            1
        } else {
            0x10
        };
        file.extend([
            0xff,
            0xda,
            0,
            8,
            1,
            component as u8,
            0,
            1,
            63,
            approximation,
        ]);
        file.extend(&data);
    }
    file.extend([0xff, 0xd9]);
    file
}

/// Every code has one symbol and so no bits.
pub fn webp() -> Vec<u8> {
    let mut file = b"RIFF\x1a\0\0\0WEBPVP8L\x0e\0\0\0".to_vec();
    file.extend([
        0x2f, 0xf3, 0xf3, 0xfc, 0x0c, 0x07, 0x10, 0x11, 0xfd, 0x0f, 0x44, 0x44, 0xff, 0x03,
    ]);
    file
}

/// A frame of VP8 whose bits are all zero: no block has a coefficient, and each takes a byte.
pub fn lossy_webp(side: u32) -> Vec<u8> {
    let blocks = side.div_ceil(16).pow(2);
    let (modes, coefficients) = (blocks * 5 / 8 + 1000, blocks + 1000);
    let len = 10 + modes + coefficients;
    let mut file = b"RIFF".to_vec();
    file.extend((len + len % 2 + 12).to_le_bytes());
    file.extend(b"WEBPVP8 ");
    file.extend(len.to_le_bytes());
    // A key frame that is shown, and the length of its modes.
    file.extend(&(0x10 | modes << 5).to_le_bytes()[..3]);
    file.extend([0x9d, 0x01, 0x2a]);
    file.extend([side as u16; 2].map(u16::to_le_bytes).concat());
    file.resize(20 + (len + len % 2) as usize, 0);
    file
}

fn gif(screen: u16, frame: u16) -> Vec<u8> {
    let mut file = b"GIF89a".to_vec();
    let (screen, frame) = (screen.to_le_bytes(), frame.to_le_bytes());
    file.extend([screen, screen].concat());
    file.extend([0x80, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, b',', 0, 0, 0, 0]);
    file.extend([frame, frame].concat());
    file.extend([0, 2, 2, 0x44, 1, 0, b';']);
    file
}

fn bmp(side: u32, bits: u16, compression: u32) -> Vec<u8> {
    let mut file = b"BM\x9a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    file.extend([side.to_le_bytes(), side.to_le_bytes()].concat());
    file.extend([1u16.to_le_bytes(), bits.to_le_bytes()].concat());
    file.extend(compression.to_le_bytes());
    file.extend([0; 20]);
    file.extend([0; 100]);
    file
}

/// A PNG of zeros with chunks before its data.
pub fn png(side: u32, depth: u8, kind: u8, before: &[u8]) -> Vec<u8> {
    let channels = match kind {
        2 => 3,
        6 => 4,
        _ => 1,
    };
    let row = (side as usize * usize::from(depth) * channels).div_ceil(8) + 1;
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [side.to_be_bytes(), side.to_be_bytes()].concat();
    header.extend([depth, kind, 0, 0, 0]);
    file.extend(chunk(b"IHDR", &header));
    file.extend(before);
    file.extend(chunk(b"IDAT", &zeros(row * side as usize)));
    file.extend(chunk(b"IEND", b""));
    file
}

/// A hundred megabytes of zeros, deflated, behind `start`.
pub fn compressed_chunk(name: &[u8; 4], start: &[u8]) -> Vec<u8> {
    chunk(name, &[start, &zeros(100 << 20)].concat())
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = Crc::new();
    sum.update(name);
    sum.update(data);
    let mut chunk = (data.len() as u32).to_be_bytes().to_vec();
    chunk.extend(name);
    chunk.extend(data);
    chunk.extend(sum.sum().to_be_bytes());
    chunk
}

/// So many zeros, deflated.
fn zeros(len: usize) -> Vec<u8> {
    let block = vec![0; 1 << 20];
    let mut deflater = Compress::new(Compression::fast(), true);
    let mut out = Vec::with_capacity(len / 200 + 1024);
    let mut left = len;
    while left > 0 {
        let now = left.min(block.len());
        let before = deflater.total_in();
        deflater
            .compress_vec(&block[..now], &mut out, FlushCompress::None)
            .unwrap();
        left -= (deflater.total_in() - before) as usize;
        out.reserve(64 << 10);
    }
    deflater
        .compress_vec(&[], &mut out, FlushCompress::Finish)
        .unwrap();
    out
}

/// One strip of `SIDE` x `SIDE`, of 1-bit grey or of RGB.
fn tiff(compression: u32, bits_per_pixel: u32, data: &[u8]) -> Vec<u8> {
    let (bits, samples, photometric) = match bits_per_pixel {
        24 => (8, 3, 2),
        bits => (bits, 1, 1),
    };
    let tags = [
        (256, SIDE),
        (257, SIDE),
        (258, bits),
        (259, compression),
        (262, photometric),
        (273, 8 + 2 + 9 * 12 + 4),
        (277, samples),
        (278, SIDE),
        (279, data.len() as u32),
    ];
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((tags.len() as u16).to_le_bytes());
    for (tag, value) in tags {
        file.extend((tag as u16).to_le_bytes());
        file.extend(4u16.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file.extend(data);
    file
}
