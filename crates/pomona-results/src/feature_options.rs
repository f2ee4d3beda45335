//! [`FeatureOptions`]: the options that features depend on.

use std::fmt::{self, Display, Formatter};

use pomona_functions::PomonaOptions;
use serde::{Deserialize, Serialize};

/// What decides the features of an image beside the image and the weights. Rows of other options are
/// other features, and never stand beside these in one result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeatureOptions {
    /// `pomona.exif_orientation`
    pub exif_orientation: String,
    /// `pomona.truncated`
    pub truncated: String,
    /// `pomona.precision`
    pub precision: String,
}

impl FeatureOptions {
    /// Those of a session.
    pub fn of(options: &PomonaOptions) -> Self {
        Self {
            exif_orientation: options.exif_orientation.to_string(),
            truncated: options.truncated.to_string(),
            precision: options.precision.to_string(),
        }
    }
}

/// The defaults, with which runs were computed before there was a choice.
impl Default for FeatureOptions {
    fn default() -> Self {
        Self::of(&PomonaOptions::default())
    }
}

impl Display for FeatureOptions {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exif_orientation {}, truncated {}, precision {}",
            self.exif_orientation, self.truncated, self.precision
        )
    }
}
