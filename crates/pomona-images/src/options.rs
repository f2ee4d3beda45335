//! The OPTIONS of an image table.

use std::num::NonZeroUsize;
use std::str::FromStr;

use glob::Pattern;
use serde::{Deserialize, Serialize};

use crate::documentation::OPTIONS;
use crate::error::ImagesError;
use crate::shards::Sidecar;

const MIB: usize = 1 << 20;

/// The largest `batch_bytes`: offsets of a Binary column are `i32`, and objects may grow a little
/// between listing and fetch.
const MAX_BATCH_BYTES: usize = 1 << 30;

/// What a scan does with an object that vanishes, or turns out to be forbidden, after it was
/// listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The query fails and names the object.
    #[default]
    Error,
    /// The object's row stays, with NULL content.
    Null,
}

/// Whether archives and Parquet files are taken for what they hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shards {
    /// Where the location names them, and in a folder that has them and no image.
    #[default]
    Auto,
    /// Wherever they are.
    Always,
    /// Nowhere.
    Never,
}

/// The options of an image table, as `CREATE EXTERNAL TABLE ... OPTIONS (...)` gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageTableOptions {
    /// Which objects are images. A pattern without `/` is matched against the file name at any
    /// depth (`*.jpg`), one with `/` against the path below the location (`*/*_100.jpg`,
    /// `**/*.png`). `None` stands for the extensions jpg, jpeg, jpe, jfif, png, webp, bmp, gif, tif and tiff
    /// in any case.
    pub glob: Option<String>,
    /// Whether folders below the location are searched too. Default true.
    pub recursive: bool,
    /// How many levels of folders below the location are searched, where that is known: a condition
    /// on `label` then lists the folders of that name alone. `recursive: false` is 0.
    #[serde(default)]
    pub depth: Option<usize>,
    /// How many requests of a partition are in flight at once. Default `None`: as many as bring rows
    /// sooner, which the partitions of a process share.
    #[serde(default)]
    pub concurrency: Option<NonZeroUsize>,
    /// How many bytes of content a batch holds at most, unless a single object is larger.
    /// Default 32 MiB. A partition holds at most twice as much that is not yet consumed.
    pub batch_bytes: NonZeroUsize,
    /// What to do with an object that cannot be read although it was listed.
    pub missing: Missing,
    /// Whether shards are read.
    #[serde(default)]
    pub shards: Shards,
    /// The sidecars of images in shards that are columns, in the order of [`Sidecar::ALL`].
    #[serde(default)]
    pub sidecars: Vec<Sidecar>,
    /// The file that lists the images of the folder, which is then not listed itself.
    #[serde(default)]
    pub listing: Option<String>,
    /// The column of paths in a listing that is a CSV or a Parquet file.
    #[serde(default)]
    pub path_column: Option<String>,
}

impl Default for ImageTableOptions {
    fn default() -> Self {
        Self {
            glob: None,
            recursive: true,
            depth: None,
            concurrency: None,
            batch_bytes: NonZeroUsize::new(32 * MIB).expect("32 MiB is not zero"),
            missing: Missing::Error,
            shards: Shards::Auto,
            sidecars: vec![],
            listing: None,
            path_column: None,
        }
    }
}

impl ImageTableOptions {
    /// Reads options as DataFusion delivers them: it lowercases keys and puts `format.` before
    /// each that has no dot.
    ///
    /// # Errors
    /// [`ImagesError::UnknownOption`] and [`ImagesError::InvalidOption`].
    pub fn parse<'a>(
        options: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Result<Self, ImagesError> {
        let mut parsed = Self::default();
        for (key, value) in options {
            let key = key.to_lowercase();
            let name = key
                .strip_prefix("format.")
                .or_else(|| key.strip_prefix("images."));
            parsed.set(name.unwrap_or(&key), value.trim())?;
        }
        Ok(parsed)
    }

    /// How many levels of folders below the location are searched; none where all are.
    pub fn levels(&self) -> Option<usize> {
        match self.recursive {
            true => self.depth,
            false => Some(0),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), ImagesError> {
        match name {
            "glob" => {
                Pattern::new(value)
                    .map_err(|e| invalid("glob", value, format!("a glob such as '*.jpg' ({e})")))?;
                self.glob = Some(value.to_owned());
            }
            "recursive" => {
                self.recursive = match value.to_lowercase().as_str() {
                    "true" => true,
                    "false" => false,
                    _ => return Err(invalid("recursive", value, "'true' or 'false'")),
                };
            }
            "depth" => {
                let expected = "a whole number of folders from 0 on";
                self.depth = Some(
                    value
                        .parse()
                        .map_err(|_| invalid("depth", value, expected))?,
                );
            }
            "concurrency" => {
                let expected = "a whole number from 1 on, or 'auto'";
                self.concurrency = match value.to_lowercase().as_str() {
                    "auto" => None,
                    number => Some(
                        number
                            .parse()
                            .map_err(|_| invalid("concurrency", value, expected))?,
                    ),
                };
            }
            "batch_bytes" => {
                self.batch_bytes = parse_bytes(value)
                    .filter(|bytes| bytes.get() <= MAX_BATCH_BYTES)
                    .ok_or_else(|| {
                        let expected = "bytes from 1 to 1 GiB, such as '33554432' or '32 MiB'";
                        invalid("batch_bytes", value, expected)
                    })?;
            }
            "missing" => {
                self.missing = match value.to_lowercase().as_str() {
                    "error" => Missing::Error,
                    "null" => Missing::Null,
                    _ => return Err(invalid("missing", value, "'error' or 'null'")),
                };
            }
            "shards" => {
                self.shards = match value.to_lowercase().as_str() {
                    "auto" => Shards::Auto,
                    "true" => Shards::Always,
                    "false" => Shards::Never,
                    _ => return Err(invalid("shards", value, "'auto', 'true' or 'false'")),
                };
            }
            "sidecars" => {
                let wanted = value.split(',').map(str::trim);
                let wanted: Vec<_> = wanted.filter(|name| !["", "none"].contains(name)).collect();
                let is_wanted = |sidecar: &Sidecar| wanted.contains(&sidecar.name());
                self.sidecars = Sidecar::ALL.into_iter().filter(is_wanted).collect();
                if self.sidecars.len() != wanted.len() {
                    let expected = "some of json, cls and txt, each once, as in 'json,cls'";
                    return Err(invalid("sidecars", value, expected));
                }
            }
            "listing" if value.is_empty() => {
                return Err(invalid("listing", value, "the location of a file"));
            }
            "listing" => self.listing = Some(value.to_owned()),
            "path_column" if value.is_empty() => {
                return Err(invalid("path_column", value, "the name of a column"));
            }
            "path_column" => self.path_column = Some(value.to_owned()),
            _ => return Err(unknown(name)),
        }
        Ok(())
    }
}

fn invalid(name: &'static str, value: &str, expected: impl Into<String>) -> ImagesError {
    ImagesError::InvalidOption {
        name,
        value: value.to_owned(),
        expected: expected.into(),
    }
}

fn unknown(name: &str) -> ImagesError {
    let advice = match name.split_once('.') {
        Some(("aws" | "gcp" | "azure" | "s3", _)) => {
            "region and credentials come from the environment of each machine (AWS_REGION, an \
             instance profile, ...), so that no secret is written into a plan"
                .to_owned()
        }
        _ => format!(
            "the options are {}",
            OPTIONS.map(|option| option.name).join(", ")
        ),
    };
    ImagesError::UnknownOption {
        name: name.to_owned(),
        advice,
    }
}

/// Reads `33554432`, `32 MiB` or `32MB`.
fn parse_bytes(value: &str) -> Option<NonZeroUsize> {
    let digits = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let unit: usize = match unit.trim().to_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => MIB,
        "gib" | "g" => 1 << 30,
        _ => return None,
    };
    NonZeroUsize::new(usize::from_str(number).ok()?.checked_mul(unit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<ImageTableOptions, ImagesError> {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        ImageTableOptions::parse(pairs.iter().map(|(k, v)| (k, v)))
    }

    #[test]
    fn options_are_read_with_and_without_prefix() {
        let options = parse(&[
            ("format.glob", "**/*.png"),
            ("images.recursive", "FALSE"),
            ("concurrency", "8"),
            ("format.batch_bytes", "2 MiB"),
            ("format.missing", "null"),
            ("shards", "True"),
            ("sidecars", "cls, json"),
        ])
        .unwrap();
        assert_eq!(options.glob.as_deref(), Some("**/*.png"));
        assert!(!options.recursive);
        assert_eq!(options.concurrency.map(NonZeroUsize::get), Some(8));
        assert_eq!(options.batch_bytes.get(), 2 << 20);
        assert_eq!(options.missing, Missing::Null);
        assert_eq!(options.shards, Shards::Always);
        assert_eq!(options.sidecars, [Sidecar::Json, Sidecar::Cls]);
    }

    #[test]
    fn documented_defaults_are_the_defaults() {
        for option in OPTIONS {
            let default = option.default.trim_matches('`');
            // Some defaults are described in words.
            if option.default.starts_with('`') {
                let parsed = parse(&[(option.name, default)]).unwrap();
                assert_eq!(parsed, ImageTableOptions::default(), "{}", option.name);
            }
        }
    }

    #[test]
    fn an_unknown_option_is_named_with_the_known_ones() {
        let error = parse(&[("format.globb", "*")]).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"unknown option 'globb' of an image table: the options are glob, recursive, depth, concurrency, batch_bytes, missing, shards, sidecars, listing, path_column");
        let error = parse(&[("aws.region", "eu-west-1")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("AWS_REGION"), "{error}");
    }

    #[test]
    fn a_bad_value_is_named_with_what_is_expected() {
        for (name, value) in [
            ("glob", "[a"),
            ("recursive", "maybe"),
            ("depth", "-1"),
            ("concurrency", "0"),
            ("concurrency", "-1"),
            ("batch_bytes", "0"),
            ("batch_bytes", "2 GiB"),
            ("batch_bytes", "lots"),
            ("missing", "skip"),
            ("shards", "tar"),
            ("sidecars", "xml"),
            ("sidecars", "cls, cls"),
            ("listing", ""),
            ("path_column", ""),
        ] {
            let error = parse(&[(name, value)]).unwrap_err();
            assert!(
                matches!(error, ImagesError::InvalidOption { .. }),
                "{name}={value}"
            );
            let text = error.to_string();
            assert!(text.contains(name) && text.contains(value), "{text}");
        }
    }
}
