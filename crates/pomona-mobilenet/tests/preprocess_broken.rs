//! Files that are not whole images: each gives its own error, none a panic or a large allocation.

mod drawn;

use drawn::{encode, jpeg, wholes};
use image::ImageFormat as Encoded;
use pomona_mobilenet::ImageError;
use pomona_mobilenet::preprocess::{
    DecodeLimits, ImageFormat, Preprocessor, RgbImage, decode_rgb, image_info,
};

#[test]
fn an_empty_file() {
    assert_eq!(failure(b""), ImageError::Empty);
    assert_eq!(failure(b"").to_string(), "the file is empty");
    assert_eq!(image_info(b""), Err(ImageError::Empty));
}

#[test]
fn text_and_noise_are_not_images() {
    assert_eq!(
        failure(b"hello, this is no image").to_string(),
        "not an image: the file starts with \"hello, this \""
    );
    assert_eq!(
        failure(&[0, 1, 2, 250]).to_string(),
        "not an image: the file starts with the bytes 00 01 02 fa"
    );
    // Pillow wants the third byte as well.
    assert_eq!(
        failure(b"\xff\xd8\x00\x00").to_string(),
        "not an image: the file starts with the bytes ff d8 00 00"
    );
}

#[test]
#[cfg(not(feature = "more-formats"))]
fn formats_that_are_not_built_in_name_the_feature_that_reads_them() {
    let cases: [(&[u8], &str); 4] = [
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 ", "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0\x2f", "JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ", "JPEG XL"),
        (b"\xff\x0a\x41\x12", "JPEG XL"),
    ];
    for (bytes, found) in cases {
        let feature = "more-formats";
        let expected = ImageError::NotBuiltIn { found, feature };
        assert_eq!(failure(bytes), expected);
        assert_eq!(
            expected.to_string(),
            format!(
                "{found} is not read by this program: build it with the Cargo feature `more-formats` \
                 (page Building of the manual)"
            )
        );
    }
}

#[test]
fn other_formats_are_named() {
    let cases: [(&[u8], &str); 12] = [
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x20ftypisom\0\0\0\0", "MP4 or QuickTime"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", "SVG"),
        (
            b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
            "an XML document",
        ),
        (b"%PDF-1.7\n", "PDF"),
        (b"\n<!DOCTYPE html><html></html>", "an HTML page"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "RIFF (AVI or WAV)"),
        (b"P6\n3 3\n255\n", "PNM"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer",
        ),
        (b"PAR1\x15\x04", "a Parquet file"),
    ];
    for (bytes, found) in cases {
        assert_eq!(failure(bytes), ImageError::UnsupportedFormat { found });
    }
    assert_eq!(
        failure(b"%PDF-1.7\n").to_string(),
        "PDF is not a supported image format (JPEG, PNG, WEBP, BMP, GIF and TIFF are)"
    );
}

#[test]
fn a_jpeg_cut_anywhere_is_truncated() {
    for progressive in [false, true] {
        let whole = jpeg(61, 47, progressive);
        decode(&whole).unwrap();
        for end in 2..whole.len() {
            assert_eq!(
                failure(&whole[..end]),
                ImageError::Truncated {
                    format: ImageFormat::Jpeg
                },
                "{end} of {} bytes, progressive: {progressive}",
                whole.len()
            );
        }
        assert_eq!(
            failure(&whole[..whole.len() / 2]).to_string(),
            "truncated JPEG: the data ends before the image does"
        );
    }
}

#[test]
fn a_jpeg_of_headers_only() {
    let whole = jpeg(61, 47, false);
    let scan = whole.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
    let mut headers = whole[..scan].to_vec();
    headers.extend([0xff, 0xd9]);
    assert_eq!(
        failure(&headers).to_string(),
        "corrupt JPEG: Invalid JPEG file structure: missing SOS marker"
    );
    let mut tables_only = b"\xff\xd8\xff\xd9".to_vec();
    assert_eq!(
        failure(&tables_only).to_string(),
        "corrupt JPEG: no image in the JPEG file"
    );
    tables_only.truncate(3);
    assert_eq!(
        failure(&tables_only),
        ImageError::Truncated {
            format: ImageFormat::Jpeg
        }
    );
}

#[test]
fn a_jpeg_of_a_kind_that_is_not_read() {
    let mut twelve_bits = jpeg(16, 16, false);
    let frame = twelve_bits
        .windows(2)
        .position(|w| w == [0xff, 0xc0])
        .unwrap();
    twelve_bits[frame + 4] = 12;
    assert_eq!(
        failure(&twelve_bits).to_string(),
        "unsupported JPEG: Unsupported JPEG data precision 12"
    );
    // A frame of the arithmetic-coded and of the lossless kind.
    for kind in [0xc9, 0xc3] {
        let mut other = jpeg(16, 16, false);
        other[frame + 1] = kind;
        assert!(
            matches!(
                failure(&other),
                ImageError::UnsupportedFeature {
                    format: ImageFormat::Jpeg,
                    ..
                }
            ),
            "{}",
            failure(&other)
        );
    }
    let mut flat = jpeg(16, 16, false);
    flat[frame + 5..frame + 7].fill(0);
    assert!(matches!(
        failure(&flat),
        ImageError::Corrupt {
            format: ImageFormat::Jpeg,
            ..
        }
    ));
}

#[test]
fn a_header_that_claims_too_many_pixels_allocates_nothing() {
    let expected = ImageError::TooManyPixels {
        width: 60_000,
        height: 60_000,
        limit: 178_956_970,
    };
    let mut claims: Vec<Vec<u8>> = vec![png(60_000, 60_000, &[0; 20])];
    let mut large = jpeg(16, 16, false);
    let frame = large.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    large[frame + 5..frame + 9].copy_from_slice(&[0xea, 0x60, 0xea, 0x60]);
    claims.push(large);
    let mut gif = encode(Encoded::Gif);
    gif[6..10].copy_from_slice(&[0x60, 0xea, 0x60, 0xea]);
    claims.push(gif);
    claims.push(tiff(
        &[
            (256, 60_000),
            (257, 60_000),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, 8),
            (277, 1),
            (278, 60_000),
            (279, 100),
        ],
        0,
    ));
    for bytes in &claims {
        assert_eq!(failure(bytes), expected);
        // The header itself is readable.
        assert_eq!(image_info(bytes).unwrap().width, 60_000);
    }
    assert_eq!(
        expected.to_string(),
        "too many pixels: 60000 x 60000, more than the limit of 178956970 (option `pomona.max_pixels`)"
    );
    let small = DecodeLimits {
        max_pixels: 61 * 47 - 1,
        ..DecodeLimits::default()
    };
    for bytes in wholes() {
        let error = decode_rgb(&bytes, &small, &mut RgbImage::default()).unwrap_err();
        assert_eq!(
            error,
            ImageError::TooManyPixels {
                width: 61,
                height: 47,
                limit: 61 * 47 - 1
            }
        );
        let just = DecodeLimits {
            max_pixels: 61 * 47,
            ..DecodeLimits::default()
        };
        decode_rgb(&bytes, &just, &mut RgbImage::default()).unwrap();
    }
}

#[test]
fn damaged_pngs() {
    let whole = encode(Encoded::Png);
    let mut checksum = whole.clone();
    checksum[29] ^= 0xff;
    assert!(
        failure(&checksum)
            .to_string()
            .starts_with("corrupt PNG: CRC error"),
        "{}",
        failure(&checksum)
    );
    assert_eq!(
        failure(&png(0, 10, &[])),
        ImageError::ZeroDimension {
            format: ImageFormat::Png,
            width: 0,
            height: 10
        }
    );
    assert_eq!(
        failure(&png(0, 10, &[])).to_string(),
        "the PNG header claims an image of 0 x 10 pixels"
    );
    let mut kind = whole.clone();
    kind[25] = 5;
    let sum = crc(&kind[12..29]).to_be_bytes();
    kind[29..33].copy_from_slice(&sum);
    assert_eq!(
        failure(&kind).to_string(),
        "corrupt PNG: color type 5 with 8 bits"
    );
    let mut first = whole.clone();
    first[12..16].copy_from_slice(b"IDAT");
    assert_eq!(
        failure(&first).to_string(),
        "corrupt PNG: the first chunk is not IHDR"
    );
}

#[test]
fn damaged_gifs() {
    let whole = encode(Encoded::Gif);
    // The screen and its palette, then the end.
    let palette = if whole[10] & 0x80 != 0 {
        3 << ((whole[10] & 7) + 1)
    } else {
        0
    };
    let mut none = whole[..13 + palette].to_vec();
    none.push(b';');
    assert_eq!(
        failure(&none).to_string(),
        "corrupt GIF: there is no frame in it"
    );
    let flat = b"GIF89a\0\0\0\0\x80\0\0abcdef,\0\0\0\0\0\0\0\0\0\x02\x01\x2c\0;";
    assert_eq!(
        failure(flat),
        ImageError::ZeroDimension {
            format: ImageFormat::Gif,
            width: 0,
            height: 0
        }
    );
}

#[test]
fn bitmaps_of_absurd_sizes() {
    let whole = encode(Encoded::Bmp);
    for (width, height) in [
        (i32::MAX, i32::MAX),
        (-5, 10),
        (10, i32::MIN),
        (0, 10),
        (1 << 20, 1 << 20),
    ] {
        let mut absurd = whole.clone();
        absurd[18..22].copy_from_slice(&width.to_le_bytes());
        absurd[22..26].copy_from_slice(&height.to_le_bytes());
        let error = failure(&absurd);
        assert!(
            matches!(
                error,
                ImageError::Corrupt {
                    format: ImageFormat::Bmp,
                    ..
                } | ImageError::ZeroDimension {
                    format: ImageFormat::Bmp,
                    ..
                } | ImageError::TooManyPixels { .. }
            ),
            "{width} x {height}: {error}"
        );
    }
}

#[test]
fn a_tiff_that_points_at_itself() {
    // The strip lies in the directory, and the next directory is this one.
    let looped = tiff(
        &[
            (256, 4),
            (257, 4),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, 8),
            (277, 1),
            (278, 4),
            (279, 16),
        ],
        8,
    );
    // Of several pages the first is read, so that does not matter.
    assert_eq!(
        decode(&looped).unwrap().pixels[..12],
        looped[8..12]
            .iter()
            .flat_map(|v| [*v; 3])
            .collect::<Vec<u8>>()
    );
    // No directory at all, one behind the end, and one without a size.
    for broken in [
        &b"II*\0\0\0\0\0"[..],
        b"II*\0\xff\xff\xff\x7f",
        &tiff(&[(258, 8)], 0),
    ] {
        let error = failure(broken);
        assert!(
            matches!(
                error,
                ImageError::Corrupt {
                    format: ImageFormat::Tiff,
                    ..
                } | ImageError::Truncated {
                    format: ImageFormat::Tiff
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn varieties_of_tiff_that_would_come_out_otherwise_are_refused() {
    let sized = [(256, 4), (257, 4), (273, 8), (278, 4), (279, 16)];
    let cases: [(&[(u16, u32)], &str); 3] = [
        (
            &[(258, 8), (259, 6), (262, 1), (277, 1)],
            "old-style JPEG compression",
        ),
        (
            &[(258, 8), (259, 34925), (262, 1), (277, 1)],
            "LZMA compression",
        ),
        (&[(258, 8), (259, 1), (262, 8), (277, 1)], "CIELab"),
    ];
    for (tags, feature) in cases {
        let mut all = sized.to_vec();
        all.extend(tags);
        all.sort_unstable();
        let error = failure(&tiff(&all, 0));
        assert!(
            matches!(&error, ImageError::UnsupportedFeature { format: ImageFormat::Tiff, feature: found } if found.contains(feature)),
            "{error}"
        );
    }
}

#[test]
fn other_formats_cut_short() {
    for (format, encoded) in [
        (ImageFormat::Png, Encoded::Png),
        (ImageFormat::Gif, Encoded::Gif),
        (ImageFormat::WebP, Encoded::WebP),
        (ImageFormat::Bmp, Encoded::Bmp),
        (ImageFormat::Tiff, Encoded::Tiff),
    ] {
        let whole = encode(encoded);
        decode(&whole).unwrap();
        let mut ends: Vec<usize> = (4..whole.len() / 2).step_by(7).collect();
        ends.extend(whole.len() / 2..whole.len() * 9 / 10);
        for end in ends {
            let error = failure(&whole[..end]);
            assert_eq!(
                error,
                ImageError::Truncated { format },
                "{end} of {}",
                whole.len()
            );
        }
    }
}

#[test]
fn after_an_error_the_next_image_is_right() {
    let whole = jpeg(61, 47, false);
    let mut preprocessor = Preprocessor::new(32, DecodeLimits::default());
    let mut expected = vec![0; preprocessor.output_len()];
    preprocessor.run(&whole, &mut expected).unwrap();
    for end in [0, 3, 100, whole.len() / 2, whole.len() - 1] {
        let mut out = vec![0; preprocessor.output_len()];
        preprocessor.run(&whole[..end], &mut out).unwrap_err();
        assert!(preprocessor.check(&whole[..end]).is_err());
        preprocessor.run(&whole, &mut out).unwrap();
        assert!(out == expected);
        preprocessor.check(&whole).unwrap();
    }
}

fn decode(bytes: &[u8]) -> Result<RgbImage, ImageError> {
    let mut image = RgbImage::default();
    decode_rgb(bytes, &DecodeLimits::default(), &mut image).map(|()| image)
}

/// The decoder of JPEG has no color of two channels, and panics.
#[test]
fn jpeg_data_of_two_channels_in_a_tiff_is_refused() {
    let data = b"\xff\xd8\xff\xc0\x00\x0e\x08\x00\x08\x00\x08\x02\x01\x11\x00\x02\x11\x00\
        \xff\xda\x00\x0a\x02\x01\x00\x02\x00\x00\x3f\x00\xff\xd9";
    let with_samples = |samples: u32, extra: &[(u16, u32)]| {
        let start = 8 + 2 + (9 + extra.len() as u32) * 12 + 4;
        let sizes = [(256, 8), (257, 8), (258, 8), (259, 7), (262, 1)];
        let places = [
            (273, start),
            (277, samples),
            (278, 8),
            (279, data.len() as u32),
        ];
        let mut file = tiff(&[&sizes[..], &places, extra].concat(), 0);
        file.extend(data);
        failure(&file).to_string()
    };
    for refused in [with_samples(2, &[(338, 2)]), with_samples(1, &[])] {
        assert!(refused.contains("JPEG data of 2 channels"), "{refused}");
    }
}

fn failure(bytes: &[u8]) -> ImageError {
    decode(bytes).unwrap_err()
}

/// A PNG of 8-bit RGB with any size and data.
fn png(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 2, 0, 0, 0]);
    for (name, data) in [(b"IHDR", &header[..]), (b"IDAT", data), (b"IEND", b"")] {
        file.extend((data.len() as u32).to_be_bytes());
        let start = file.len();
        file.extend(name);
        file.extend(data);
        let checksum = crc(&file[start..]);
        file.extend(checksum.to_be_bytes());
    }
    file
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}

/// A little-endian TIFF of one directory, its values as 32-bit numbers.
fn tiff(tags: &[(u16, u32)], next: u32) -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0".to_vec();
    file.extend((tags.len() as u16).to_le_bytes());
    for (tag, value) in tags {
        file.extend(tag.to_le_bytes());
        file.extend(4u16.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend(next.to_le_bytes());
    file
}
