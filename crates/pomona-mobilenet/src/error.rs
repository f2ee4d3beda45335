//! Why an image cannot be read: one enum for everything between the file's bytes and its pixels.

use crate::preprocess::ImageFormat;
use std::time::Duration;

/// Why an image file cannot be decoded. Users read the message: it is the result of
/// `image_error(content)`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file has no bytes at all.
    #[error("the file is empty")]
    Empty,

    /// The file starts like no image format.
    #[error("not an image: the file starts with {start}")]
    NotAnImage {
        /// The first bytes, as text where they are printable.
        start: String,
    },

    /// The file has a recognised format that is not supported.
    #[error("{found} is not a supported image format (JPEG, PNG, WEBP, BMP, GIF and TIFF are)")]
    UnsupportedFormat {
        /// What the file is, for instance `HEIC` or `an HTML page`.
        found: &'static str,
    },

    /// The file has a format that is read where the program was built with a Cargo feature, and it was not.
    #[error(
        "{found} is not read by this program: build it with the Cargo feature `{feature}` (page Building of the manual)"
    )]
    NotBuiltIn {
        /// The format of the file.
        found: &'static str,
        /// The feature.
        feature: &'static str,
    },

    /// The format is supported; this variety of it is not.
    #[error("unsupported {format}: {feature}")]
    UnsupportedFeature {
        /// The format of the file.
        format: ImageFormat,
        /// What the file uses.
        feature: String,
    },

    /// The data ends before the last pixel.
    #[error("truncated {format}: the data ends before the image does")]
    Truncated {
        /// The format of the file.
        format: ImageFormat,
    },

    /// The header claims more pixels than are allowed; nothing was allocated for them.
    #[error(
        "too many pixels: {width} x {height}, more than the limit of {limit} (option `pomona.max_pixels`)"
    )]
    TooManyPixels {
        /// Width in pixels, as the header claims.
        width: u32,
        /// Height in pixels, as the header claims.
        height: u32,
        /// The limit, in pixels.
        limit: u64,
    },

    /// Decoding would allocate more bytes than are allowed; none were allocated.
    #[error(
        "too many bytes: decoding this {format} takes {needed}, more than the limit of {limit} (option `pomona.max_decode_bytes`)"
    )]
    TooManyBytes {
        /// The format of the file.
        format: ImageFormat,
        /// Bytes that decoding would allocate, from the header.
        needed: u64,
        /// The limit, in bytes.
        limit: u64,
    },

    /// The file is coded in more passes over the image than are allowed.
    #[error("too many scans: {scans}, more than the limit of {limit}")]
    TooManyScans {
        /// Scans in the file.
        scans: u32,
        /// The limit.
        limit: u32,
    },

    /// Decoding took longer than is allowed.
    #[error("decoding took longer than {timeout:?} (option `pomona.decode_timeout`)")]
    TimedOut {
        /// The limit.
        timeout: Duration,
    },

    /// Decoding would allocate more bytes than all of a query may hold; none were allocated.
    #[error(
        "no memory: decoding this {format} takes {needed} bytes, and a task may hold {limit} \
         (--memory-limit, of an executor --memory-pool-size)"
    )]
    OverMemoryLimit {
        /// The format of the file.
        format: ImageFormat,
        /// Bytes that decoding would allocate, from the header.
        needed: u64,
        /// What a task may hold, in bytes.
        limit: u64,
    },

    /// Decoding was stopped from outside. This says nothing about the image.
    #[error("decoding was interrupted")]
    Interrupted,

    /// The bytes that decoding needs are held by others, who do not decode and do not release them.
    /// This says nothing about the image.
    #[error(
        "decoding this {format} takes {needed} bytes of the {limit} that a task may hold, and other \
         operators hold too much of them: raise --memory-limit (of an executor --memory-pool-size)"
    )]
    MemoryHeld {
        /// The format of the file.
        format: ImageFormat,
        /// Bytes that decoding would allocate, from the header.
        needed: u64,
        /// What a task may hold, in bytes.
        limit: u64,
    },

    /// The header claims an image of no width or no height.
    #[error("the {format} header claims an image of {width} x {height} pixels")]
    ZeroDimension {
        /// The format of the file.
        format: ImageFormat,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },

    /// The data contradicts its format.
    #[error("corrupt {format}: {reason}")]
    Corrupt {
        /// The format of the file.
        format: ImageFormat,
        /// What the decoder says.
        reason: String,
    },

    /// The pixels are within the limit and the machine has no memory for them.
    #[error("not enough memory to decode {format}")]
    OutOfMemory {
        /// The format of the file.
        format: ImageFormat,
    },
}

impl ImageError {
    /// Whether the image is the reason. The other errors would come of any image at that moment, and
    /// must not be recorded as a property of this one.
    pub fn is_of_image(&self) -> bool {
        !matches!(self, Self::Interrupted | Self::MemoryHeld { .. })
    }

    /// The error of a format whose data contradicts itself.
    pub(crate) fn corrupt(format: ImageFormat, reason: impl ToString) -> Self {
        Self::Corrupt {
            format,
            reason: reason.to_string(),
        }
    }

    /// The error of a variety that is not read.
    pub(crate) fn feature(format: ImageFormat, feature: impl ToString) -> Self {
        Self::UnsupportedFeature {
            format,
            feature: feature.to_string(),
        }
    }
}
