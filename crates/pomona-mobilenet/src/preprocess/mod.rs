//! From the bytes of an image file to the 8-bit RGB square that the network takes.
//!
//! Every byte equals what `PIL.Image.open(...).convert('RGB').resize((n, n))` gives, because the
//! features are compared with those of Keras and a different decoder or filter moves them by 0.8.
//!
//! ```text
//! bytes ── format ──> jpeg | png | webp | bmp | gif | tiff ──> RgbImage ── resize ──> n x n x 3
//! ```

mod bmp;
mod chroma;
mod decode;
mod destination;
mod format;
mod gif;
mod image;
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "stores of vectors, each a third of an array")]
mod interleave_avx2;
mod jpeg;
#[cfg(feature = "more-formats")]
mod jpeg2000;
#[cfg(feature = "more-formats")]
mod jxl;
mod limits;
mod memory;
mod orientation;
mod pixels;
mod png;
#[cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector instructions, behind checks of the processor and of every range"
    )
)]
pub mod resize;
mod tiff;
mod webp;

pub(crate) use decode::decode_holding;
pub use decode::{
    DecodeCost, check_image, decode_cost, decode_rgb, decode_rgb_with, image_info, image_info_with,
};
pub use format::{Color, ImageFormat, ImageInfo};
pub use image::RgbImage;
pub use limits::{
    DecodeLimits, DecodeOptions, Decoding, ExifOrientation, Interrupt, TruncatedData,
};
pub use memory::DecodeMemory;
pub use resize::Resizer;

use crate::ImageError;
use decode::decode_rows;
use destination::Rows;

/// Turns encoded images into squares of 8-bit RGB, and keeps its buffers from one to the next.
///
/// One a thread: it is `Send`, and [`run`](Self::run) takes it mutably.
#[derive(Debug)]
pub struct Preprocessor {
    decoding: Decoding,
    decoded: RgbImage,
    resizer: Resizer,
    output_len: usize,
}

impl Preprocessor {
    /// A preprocessor for squares of `input_size` pixels a side.
    pub fn new(input_size: usize, limits: DecodeLimits) -> Self {
        Self::with(input_size, limits.into())
    }

    /// As [`new`](Self::new), with options and an interrupt.
    pub fn with(input_size: usize, decoding: Decoding) -> Self {
        Self {
            decoding,
            decoded: RgbImage::default(),
            resizer: Resizer::new(input_size, input_size),
            output_len: input_size * input_size * 3,
        }
    }

    /// The bytes that [`run`](Self::run) writes: `input_size * input_size * 3`.
    pub fn output_len(&self) -> usize {
        self.output_len
    }

    /// Decodes `bytes` and writes the resized image to `out`, rows from the top, three bytes a
    /// pixel.
    ///
    /// # Panics
    /// When `out` is not [`output_len`](Self::output_len) long.
    pub fn run(&mut self, bytes: &[u8], out: &mut [u8]) -> Result<(), ImageError> {
        Self::resize(
            bytes,
            &self.decoding,
            &mut self.decoded,
            &mut self.resizer,
            out,
        )
    }

    /// As [`run`](Self::run), under `decoding` in the place of what this was made with. Its memory is
    /// held until the image is resized.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_with(
        &mut self,
        bytes: &[u8],
        decoding: &Decoding,
        out: &mut [u8],
    ) -> Result<(), ImageError> {
        Self::resize(bytes, decoding, &mut self.decoded, &mut self.resizer, out)
    }

    /// Decodes `bytes` as [`check_image`] does.
    ///
    /// # Errors
    /// As [`check_image`].
    pub fn check(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        check_image(bytes, &self.decoding, &mut self.decoded)
    }

    fn resize(
        bytes: &[u8],
        decoding: &Decoding,
        decoded: &mut RgbImage,
        resizer: &mut Resizer,
        out: &mut [u8],
    ) -> Result<(), ImageError> {
        let mut rows = Resizing {
            resizer,
            begun: false,
        };
        let held = decode_rows(bytes, decoding, decoded, &mut rows)?;
        match rows {
            Resizing {
                resizer,
                begun: true,
            } => resizer.finish(out),
            Resizing { resizer, .. } => resizer.resize(decoded, out),
        }
        if held.is_counted() {
            decoded.trim();
        }
        Ok(())
    }
}

/// A resizer that takes the rows of an image as they are decoded, where it can.
struct Resizing<'a> {
    resizer: &'a mut Resizer,
    begun: bool,
}

impl Rows for Resizing<'_> {
    fn begin(&mut self, width: usize, height: usize) -> bool {
        self.begun = self.resizer.begin(width, height);
        self.begun
    }

    fn take(&mut self, pixels: &[u8]) {
        self.resizer.take(pixels);
    }
}
