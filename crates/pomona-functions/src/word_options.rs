//! Options whose values are a few words.

use std::fmt::{self, Display, Formatter};

use datafusion::common::config_err;
use datafusion::config::{ConfigField, Visit};
use datafusion::error::Result;
use pomona_mobilenet::network::Precision;
use pomona_mobilenet::preprocess::{ExifOrientation, TruncatedData};

/// An option of [`PomonaOptions`](crate::PomonaOptions) and the words for its values.
macro_rules! word_option {
    ($(#[$documentation:meta])* $name:ident($value:ty), $option:literal: $first:literal => $first_value:path, $second:literal => $second_value:path) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name(pub $value);

        impl Display for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str(match self.0 {
                    $first_value => $first,
                    $second_value => $second,
                })
            }
        }

        impl ConfigField for $name {
            fn visit<V: Visit>(&self, v: &mut V, key: &str, description: &'static str) {
                v.some(key, self, description);
            }

            fn set(&mut self, _key: &str, value: &str) -> Result<()> {
                self.0 = match value {
                    $first => $first_value,
                    $second => $second_value,
                    _ => {
                        return config_err!(
                            "pomona.{} is '{}' or '{}', not '{value}'",
                            $option,
                            $first,
                            $second
                        );
                    }
                };
                Ok(())
            }
        }
    };
}

word_option! {
    /// What the network computes in.
    PrecisionOption(Precision), "precision": "f32" => Precision::F32, "bf16" => Precision::Bf16
}

word_option! {
    /// What becomes of the orientation that a camera recorded.
    ExifOrientationOption(ExifOrientation), "exif_orientation":
    "ignore" => ExifOrientation::Ignore, "apply" => ExifOrientation::Apply
}

word_option! {
    /// What becomes of an image whose data ends early.
    TruncatedOption(TruncatedData), "truncated":
    "error" => TruncatedData::Error, "pad" => TruncatedData::Pad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_not_one_of_them_is_refused_by_name() {
        let mut truncated = TruncatedOption::default();
        truncated.set("", "pad").unwrap();
        assert_eq!(truncated.to_string(), "pad");
        let error = truncated.set("", "Pad").unwrap_err().to_string();
        assert!(
            error.contains("pomona.truncated is 'error' or 'pad', not 'Pad'"),
            "{error}"
        );
        assert_eq!(truncated.0, TruncatedData::Pad);
    }
}
