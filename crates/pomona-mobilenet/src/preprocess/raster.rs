//! Errors of the `image` crate as ours.

use super::ImageFormat;
use crate::ImageError;
use ::image::error::{ImageError as Foreign, LimitErrorKind};
use std::error::Error;
use std::io;

/// An error of the `image` crate. Its own formats differ in how they report an early end, so the
/// whole chain of causes is searched for one.
pub(super) fn failed(format: ImageFormat, error: Foreign) -> ImageError {
    if ends_early(&error) {
        return ImageError::Truncated { format };
    }
    match error {
        // Its `source` is the source of the I/O error, which `ends_early` therefore does not see.
        Foreign::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            ImageError::Truncated { format }
        }
        Foreign::Limits(e) if matches!(e.kind(), LimitErrorKind::InsufficientMemory) => {
            ImageError::OutOfMemory { format }
        }
        Foreign::Unsupported(e) => ImageError::feature(format, e),
        other => ImageError::corrupt(format, innermost(&other)),
    }
}

/// Whether some cause is an early end of the data.
fn ends_early(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::UnexpectedEof
        {
            return true;
        }
        cause = current.source();
    }
    false
}

/// The message nearest to the data; those around it repeat the format's name.
fn innermost(error: &dyn Error) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}
