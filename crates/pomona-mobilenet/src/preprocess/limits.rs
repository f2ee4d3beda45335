//! What decoding one image may take: pixels, bytes, scans and time; and how to stop it from outside.

use super::memory::DecodeMemory;
use crate::ImageError;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What one image may take before it is refused. All but the time is compared with the header,
/// before memory is allocated for the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Width times height.
    pub max_pixels: u64,
    /// Bytes that decoding allocates in total, as [`decode_cost`](super::decode_cost) states them:
    /// the decoder's working memory, its raster and the RGB pixels.
    pub max_decode_bytes: u64,
    /// Scans of a JPEG. Each is a pass over every block, whatever the few bytes it is coded in. Above
    /// five megapixels it is fewer: 2^29 divided by the pixels, but not below the 20 that encoders
    /// write.
    pub max_scans: u32,
    /// Wall-clock time of one image. It is checked between rows, scans and reads, so an image may
    /// take some milliseconds longer.
    pub timeout: Option<Duration>,
}

impl DecodeLimits {
    /// The default, for constants.
    ///
    /// The pixels at which Pillow raises `DecompressionBombError` (twice 89,478,485), half a
    /// gigabyte (the RGB of that many pixels is that large), the 100 scans at which Skia stops, and
    /// a minute, which nothing within the other limits takes on a machine that is not overloaded.
    pub const DEFAULT: Self = Self {
        max_pixels: 178_956_970,
        max_decode_bytes: 512 << 20,
        max_scans: 100,
        timeout: Some(Duration::from_secs(60)),
    };
}

impl Default for DecodeLimits {
    /// [`DecodeLimits::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What to do with the orientation that a camera recorded in the metadata of a JPEG, PNG or WebP.
/// That of a TIFF is part of the format and always applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExifOrientation {
    /// The pixels as they are stored, as `PIL.Image.open` and Keras return them.
    #[default]
    Ignore,
    /// The pixels upright, as `PIL.ImageOps.exif_transpose` returns them.
    Apply,
}

/// What to do with an image whose data ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TruncatedData {
    /// Fail, as Pillow does by default.
    #[default]
    Error,
    /// Fill what is missing, as Pillow does where `ImageFile.LOAD_TRUNCATED_IMAGES` is true. What
    /// ends within its header is an error still, as are WebP and compressed TIFF.
    Pad,
}

/// Choices between behaviours of Pillow. The default is what `PIL.Image.open(...).convert('RGB')`
/// does, which is what Keras reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeOptions {
    /// Whether the recorded orientation is applied.
    pub exif_orientation: ExifOrientation,
    /// Whether data that ends early is an error.
    pub truncated: TruncatedData,
}

impl DecodeOptions {
    /// Whether missing data is filled.
    pub(super) fn pads(&self) -> bool {
        self.truncated == TruncatedData::Pad
    }
}

/// Stops decoding from another thread. Clones share the state.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// A handle that has not been raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes every image that is being decoded under this handle fail with
    /// [`ImageError::Interrupted`], and each that starts later.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was raised.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Limits, options, interrupt and memory: the input of decoding beside the bytes.
#[derive(Debug, Clone, Default)]
pub struct Decoding {
    /// What the image may take.
    pub limits: DecodeLimits,
    /// Which of Pillow's behaviours.
    pub options: DecodeOptions,
    /// What stops it from outside.
    pub interrupt: Option<Interrupt>,
    /// Where the bytes of an image are reserved; nowhere if `None`.
    pub memory: Option<Arc<dyn DecodeMemory>>,
}

impl From<DecodeLimits> for Decoding {
    fn from(limits: DecodeLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }
}

impl From<&DecodeLimits> for Decoding {
    fn from(limits: &DecodeLimits) -> Self {
        Self::from(*limits)
    }
}

/// The time and the interrupt of one image, asked by the decoders between rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch<'a> {
    decoding: &'a Decoding,
    started: &'a Cell<Instant>,
}

impl<'a> Watch<'a> {
    /// The clock in `started`, which is running.
    pub(super) fn new(decoding: &'a Decoding, started: &'a Cell<Instant>) -> Self {
        Self { decoding, started }
    }

    /// Starts the clock again: what went before was not this image's time.
    pub(super) fn restart(&self) {
        self.started.set(Instant::now());
    }

    /// Whether decoding may go on.
    pub(super) fn check(&self) -> Result<(), ImageError> {
        self.check_interrupt()?;
        match self.decoding.limits.timeout {
            Some(timeout) if self.started.get().elapsed() >= timeout => {
                Err(ImageError::TimedOut { timeout })
            }
            _ => Ok(()),
        }
    }

    /// Whether anybody wants the image still.
    pub(super) fn check_interrupt(&self) -> Result<(), ImageError> {
        match &self.decoding.interrupt {
            Some(interrupt) if interrupt.is_raised() => Err(ImageError::Interrupted),
            _ => Ok(()),
        }
    }
}
