//! [`bad_images`]: how many images of this process had no features, by the kind of the reason.

use std::sync::atomic::{AtomicU64, Ordering};

use pomona_mobilenet::ImageError;

/// The kinds, in the order of [`COUNTS`].
const KINDS: [&str; 6] = [
    "not an image",
    "unsupported",
    "truncated",
    "damaged",
    "too large",
    "too slow",
];

static COUNTS: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];

/// The kind of an error of an image.
fn kind(error: &ImageError) -> usize {
    use ImageError as E;
    match error {
        E::Empty | E::NotAnImage { .. } => 0,
        E::UnsupportedFormat { .. } | E::NotBuiltIn { .. } | E::UnsupportedFeature { .. } => 1,
        E::Truncated { .. } => 2,
        E::TooManyPixels { .. }
        | E::TooManyBytes { .. }
        | E::TooManyScans { .. }
        | E::OverMemoryLimit { .. } => 4,
        E::TimedOut { .. } => 5,
        _ => 3,
    }
}

/// Counts an image that has no features.
pub(crate) fn count(error: &ImageError) {
    COUNTS[kind(error)].fetch_add(1, Ordering::Relaxed);
}

/// The images of this process that a network could not make features of, by the kind of the reason, since it
/// started. Images that fail a query are among them.
pub fn bad_images() -> Vec<(&'static str, u64)> {
    let counts = COUNTS.iter().map(|count| count.load(Ordering::Relaxed));
    KINDS.into_iter().zip(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_names() {
        assert_eq!(KINDS[kind(&ImageError::Empty)], "not an image");
        let claims = ImageError::TooManyPixels {
            width: 1,
            height: 1,
            limit: 0,
        };
        assert_eq!(KINDS[kind(&claims)], "too large");
        let before = bad_images()[0].1;
        count(&ImageError::Empty);
        assert!(bad_images()[0].1 > before);
    }
}
