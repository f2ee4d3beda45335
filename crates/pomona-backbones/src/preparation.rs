//! What timm makes of a picture before it enters a network.
//!
//! ```text
//! file -> RGB -> shorter side to input_size / crop (Pillow's bicubic) -> middle square
//!      -> (value / 255 - mean) / deviation -> 3 x input_size x input_size f32
//! ```

use pomona_mobilenet::ImageError;
use pomona_mobilenet::preprocess::{DecodeLimits, Resizer, RgbImage, decode_rgb};

/// The sizes and numbers of a network's preparation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preparation {
    /// The side of the square that enters, in pixels.
    pub input_size: usize,
    /// How much of the resized shorter side the square is.
    pub crop: f64,
    /// Subtracted from red, green and blue, which go from 0 to 1.
    pub mean: [f32; 3],
    /// What they are divided by afterwards.
    pub deviation: [f32; 3],
}

/// Prepares pictures, one at a time; buffers are kept from one to the next.
#[derive(Debug)]
pub struct Preparer {
    preparation: Preparation,
    limits: DecodeLimits,
    decoded: RgbImage,
    resized: Vec<u8>,
}

impl Preparer {
    /// A preparer for one thread.
    pub fn new(preparation: Preparation, limits: DecodeLimits) -> Self {
        Self {
            preparation,
            limits,
            decoded: RgbImage::default(),
            resized: Vec::new(),
        }
    }

    /// What it prepares for, and what bounds it.
    pub fn serves(&self, preparation: &Preparation, limits: &DecodeLimits) -> bool {
        self.preparation == *preparation && self.limits == *limits
    }

    /// The values of a picture file: three planes of `input_size` rows, red first.
    ///
    /// # Errors
    /// When the picture cannot be decoded, and when it is so long that resizing it makes more
    /// pixels than the limit allows.
    pub fn run(&mut self, file: &[u8]) -> Result<Vec<f32>, ImageError> {
        decode_rgb(file, &self.limits, &mut self.decoded)?;
        let size = self.preparation.input_size;
        let (width, height) = self
            .preparation
            .resized(self.decoded.width as usize, self.decoded.height as usize);
        let pixels = width as u64 * height as u64;
        if pixels > self.limits.max_pixels {
            return Err(ImageError::TooManyPixels {
                width: u32::try_from(width).unwrap_or(u32::MAX),
                height: u32::try_from(height).unwrap_or(u32::MAX),
                limit: self.limits.max_pixels,
            });
        }
        self.resized.resize(width * height * 3, 0);
        // The size differs from picture to picture, so the coefficients are of one picture.
        Resizer::new(width, height).resize(&self.decoded, &mut self.resized);
        let (left, top) = (middle(width, size), middle(height, size));
        let mut values = Vec::with_capacity(3 * size * size);
        for channel in 0..3 {
            let mean = self.preparation.mean[channel];
            let deviation = self.preparation.deviation[channel];
            for y in top..top + size {
                let row = &self.resized[(y * width + left) * 3..][..size * 3];
                let (pixels, _) = row.as_chunks::<3>();
                values.extend(
                    pixels
                        .iter()
                        .map(|pixel| (f32::from(pixel[channel]) / 255.0 - mean) / deviation),
                );
            }
        }
        Ok(values)
    }
}

impl Preparation {
    /// The size of a resized picture: the shorter side as wanted, the longer one in proportion,
    /// rounded down.
    fn resized(&self, width: usize, height: usize) -> (usize, usize) {
        let short = (self.input_size as f64 / self.crop).floor() as usize;
        let long = |long: usize, of: usize| (short as u128 * long as u128 / of as u128) as usize;
        if width <= height {
            (short, long(height, width))
        } else {
            (long(width, height), short)
        }
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
        let preparation = crate::Backbone::Resnet18.preparation();
        assert_eq!(preparation.resized(300, 260), (271, 235));
        assert_eq!(preparation.resized(100, 100), (235, 235));
        assert_eq!(preparation.resized(37, 1000), (235, 6351));
        // round(5.5) is 6 and round(6.5) is 6.
        assert_eq!(middle(235, 224), 6);
        assert_eq!(middle(237, 224), 6);
        assert_eq!(middle(256, 224), 16);
    }
}
