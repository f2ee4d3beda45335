//! [`Preparer`]: image files to the square of bytes that a network reads.

use crate::ImageError;
use crate::network::{Preprocessing, Resize};
use crate::preprocess::{
    DecodeLimits, Decoding, Preprocessor, Resizer, RgbImage, decode_holding, image_info_with,
};

/// Decodes and resizes images, one at a time, with buffers that are reused.
///
/// ```text
/// file -> RGB -> both sides to S                                    Resize::Stretch
///      -> RGB -> shorter side to S / crop -> the middle square of S  Resize::CenterCrop
/// ```
#[derive(Debug)]
pub struct Preparer {
    input_size: usize,
    decoding: Decoding,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Stretch(Box<Preprocessor>),
    CenterCrop {
        crop: f64,
        decoded: RgbImage,
        resized: Vec<u8>,
    },
}

impl Preparer {
    /// A preparer for one thread.
    pub fn new(preprocessing: &Preprocessing, limits: DecodeLimits) -> Self {
        let input_size = preprocessing.input_size;
        let way = match preprocessing.resize {
            Resize::Stretch => Way::Stretch(Box::new(Preprocessor::new(input_size, limits))),
            Resize::CenterCrop { crop } => Way::CenterCrop {
                crop,
                decoded: RgbImage::default(),
                resized: Vec::new(),
            },
        };
        Self {
            input_size,
            decoding: limits.into(),
            way,
        }
    }

    /// The bytes that [`run`](Self::run) writes: `S * S * 3`.
    pub fn output_len(&self) -> usize {
        self.input_size * self.input_size * 3
    }

    /// Writes the square of an image file to `out`: rows from the top, red, green and blue.
    ///
    /// # Errors
    /// When the image cannot be decoded, and when it is so long that resizing it makes more
    /// pixels than the limit allows.
    ///
    /// # Panics
    /// When `out` is not [`output_len`](Self::output_len) long.
    pub fn run(&mut self, file: &[u8], out: &mut [u8]) -> Result<(), ImageError> {
        self.run_with(file, &self.decoding.clone(), out)
    }

    /// As [`run`](Self::run), under `decoding` in the place of the limits that this was made with.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_with(
        &mut self,
        file: &[u8],
        decoding: &Decoding,
        out: &mut [u8],
    ) -> Result<(), ImageError> {
        assert_eq!(out.len(), self.output_len(), "a square of bytes");
        let size = self.input_size;
        match &mut self.way {
            Way::Stretch(preprocessor) => preprocessor.run_with(file, decoding, out),
            Way::CenterCrop {
                crop,
                decoded,
                resized,
            } => {
                let info = image_info_with(file, &decoding.options)?;
                let from = (info.width as usize, info.height as usize);
                let (width, height) = resized_size(from, size, *crop);
                // A long image is larger after resizing than before.
                let pixels = width as u64 * height as u64;
                if pixels > decoding.limits.max_pixels {
                    return Err(ImageError::TooManyPixels {
                        width: u32::try_from(width).unwrap_or(u32::MAX),
                        height: u32::try_from(height).unwrap_or(u32::MAX),
                        limit: decoding.limits.max_pixels,
                    });
                }
                let held = decode_holding(file, decoding, pixels * 3, decoded)?;
                debug_assert_eq!((info.width, info.height), (decoded.width, decoded.height));
                resized.resize(width * height * 3, 0);
                // The size differs from image to image, so the coefficients are of one image.
                Resizer::new(width, height).resize(decoded, resized);
                let (left, top) = (middle(width, size), middle(height, size));
                for (row, out) in out.chunks_exact_mut(size * 3).enumerate() {
                    let start = ((top + row) * width + left) * 3;
                    out.copy_from_slice(&resized[start..start + size * 3]);
                }
                if held.is_counted() {
                    decoded.trim();
                    *resized = Vec::new();
                }
                Ok(())
            }
        }
    }
}

/// The size of a resized image: the shorter side `size / crop`, rounded down, the longer one in
/// proportion, rounded down.
fn resized_size((width, height): (usize, usize), size: usize, crop: f64) -> (usize, usize) {
    let short = (size as f64 / crop).floor() as usize;
    let long = |long: usize, of: usize| (short as u128 * long as u128 / of as u128) as usize;
    if width <= height {
        (short, long(height, width))
    } else {
        (long(width, height), short)
    }
}

/// Where the middle `size` of `length` begins: half of the rest, and a half of a pixel goes to the
/// even side, as Python rounds.
fn middle(length: usize, size: usize) -> usize {
    let rest = length - size;
    if rest % 2 == 1 && rest / 2 % 2 == 1 {
        rest / 2 + 1
    } else {
        rest / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_torchvision() {
        assert_eq!(resized_size((300, 260), 224, 0.95), (271, 235));
        assert_eq!(resized_size((100, 100), 224, 0.95), (235, 235));
        assert_eq!(resized_size((37, 1000), 224, 0.95), (235, 6351));
        // round(5.5) is 6 and round(6.5) is 6.
        assert_eq!(middle(235, 224), 6);
        assert_eq!(middle(237, 224), 6);
        assert_eq!(middle(256, 224), 16);
    }
}
