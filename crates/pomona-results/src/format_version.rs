//! [`FormatVersion`]: which columns the files of a result have.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

/// The version of the files of results and checkpoints.
///
/// Version 1, of Pomona 0.1, has no number: features of path, label, e_tag, features and error.
/// Version 2 adds what the listing and the header say of an image. Deserializing fails for a version
/// that this program does not know, whatever names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FormatVersion(u32);

impl FormatVersion {
    /// The version that this program writes.
    pub const CURRENT: Self = Self(2);

    /// That of results without a number.
    pub(crate) fn first() -> Self {
        Self(1)
    }
}

impl<'de> Deserialize<'de> for FormatVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let version = Self(u32::deserialize(deserializer)?);
        if version > Self::CURRENT {
            return Err(D::Error::custom(format!(
                "format_version {} is of a later Pomona, and this one, {}, knows {} and earlier: \
                 use that version",
                version.0,
                env!("CARGO_PKG_VERSION"),
                Self::CURRENT.0
            )));
        }
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_versions_are_refused() {
        let read = |json| serde_json::from_str::<FormatVersion>(json);
        assert_eq!(read("1").unwrap(), FormatVersion::first());
        assert_eq!(read("2").unwrap(), FormatVersion::CURRENT);
        let error = read("3").unwrap_err().to_string();
        assert!(error.contains("later Pomona"), "{error}");
    }
}
