//! Files that are not the images they claim to be, each with words that its error must have.

use crate::images::png;

/// A broken file.
pub struct Broken {
    /// The name of the file, with the extension of an image.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Words of the message that say what is wrong.
    pub says: &'static str,
}

/// The corpus: one file for each way in which images are found broken.
pub fn corpus() -> Vec<Broken> {
    let whole = png(1, 64, 64);
    vec![
        Broken {
            name: "empty.jpg",
            bytes: vec![],
            says: "empty",
        },
        Broken {
            name: "text.jpg",
            bytes: b"<html><body>404 Not Found</body></html>".to_vec(),
            says: "HTML",
        },
        Broken {
            name: "noise.png",
            bytes: (0..4096_u32)
                .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect(),
            says: "not an image",
        },
        Broken {
            name: "truncated.png",
            bytes: whole[..whole.len() / 2].to_vec(),
            says: "truncated",
        },
        Broken {
            name: "header_only.jpg",
            bytes: vec![
                0xFF, 0xD8, 0xFF, 0xE0, 0x00, 0x10, b'J', b'F', b'I', b'F', 0,
            ],
            says: "truncated",
        },
        Broken {
            name: "huge.png",
            bytes: png_header(60_000, 60_000),
            says: "60000 x 60000",
        },
    ]
}

/// A PNG file that claims a size in a correct header and has the beginning of its data.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for chunk in [&chunk[..], b"IDAT\x78\x9c"] {
        file.extend((chunk.len() as u32 - 4).to_be_bytes());
        file.extend(chunk);
        file.extend(crc32(chunk).to_be_bytes());
    }
    file
}

/// The CRC of PNG chunks (ISO 3309), bit by bit: it runs over few bytes.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            }
        })
    })
}
