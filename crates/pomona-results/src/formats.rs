//! [`Formats`]: in which formats a run writes its rows.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The formats that a run is asked for.
///
/// The features and the metadata are in Parquet whatever is asked for: a later run continues from
/// the former, and the statistics and the report are made of the latter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Formats {
    /// Parquet alone.
    Parquet,
    /// CSV of features, metadata and projection.
    Csv,
    /// Both of all three.
    ParquetAndCsv,
}

impl Formats {
    /// The stages over all rows, in their order. What is not asked for is the usual: Parquet, and
    /// CSV of all but the features, which are large.
    pub fn stages(formats: Option<Self>) -> Vec<&'static str> {
        let is_written = |stage: &&str| match (*stage, formats) {
            ("features_csv", formats) => {
                matches!(formats, Some(Self::Csv | Self::ParquetAndCsv))
            }
            ("metadata_csv" | "pca_csv", formats) => formats != Some(Self::Parquet),
            ("pca_transform", formats) => formats != Some(Self::Csv),
            _ => true,
        };
        let all = [
            "metadata",
            "metadata_csv",
            "stats",
            "errors",
            "features_csv",
            "pca_fit",
            "pca_transform",
            "pca_csv",
        ];
        all.into_iter().filter(is_written).collect()
    }
}

impl Display for Formats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::ParquetAndCsv => "parquet,csv",
        })
    }
}

impl FromStr for Formats {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut parquet, mut csv) = (false, false);
        for format in text.split(',') {
            match format.trim() {
                "parquet" => parquet = true,
                "csv" => csv = true,
                other => {
                    return Err(format!(
                        "'{other}' is not a format: give parquet, csv or parquet,csv"
                    ));
                }
            }
        }
        Ok(match (parquet, csv) {
            (true, true) => Self::ParquetAndCsv,
            (true, false) => Self::Parquet,
            _ => Self::Csv,
        })
    }
}

impl TryFrom<String> for Formats {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Formats> for String {
    fn from(formats: Formats) -> Self {
        formats.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_order() {
        for (text, formats) in [
            ("parquet", Formats::Parquet),
            ("csv", Formats::Csv),
            ("parquet,csv", Formats::ParquetAndCsv),
            ("csv, parquet", Formats::ParquetAndCsv),
        ] {
            assert_eq!(text.parse(), Ok(formats), "{text}");
            assert_eq!(formats.to_string().parse(), Ok(formats));
        }
        for text in ["", "json", "parquet,", "Parquet"] {
            assert!(text.parse::<Formats>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_set_of_stages_has_the_model() {
        let all = [
            None,
            Some(Formats::Parquet),
            Some(Formats::Csv),
            Some(Formats::ParquetAndCsv),
        ];
        for formats in all {
            let stages = Formats::stages(formats);
            for stage in ["metadata", "stats", "errors", "pca_fit"] {
                assert!(stages.contains(&stage), "{formats:?}");
            }
            let writes = |stage| stages.contains(&stage);
            assert!(writes("pca_transform") || writes("pca_csv"), "{formats:?}");
        }
        assert_eq!(Formats::stages(Some(Formats::ParquetAndCsv)).len(), 8);
        assert!(!Formats::stages(None).contains(&"features_csv"));
    }
}
