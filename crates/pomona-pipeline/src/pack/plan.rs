//! Which image goes into which shard.

use std::collections::HashSet;
use std::fmt::{self, Display, Formatter};
use std::ops::Range;

use pomona_images::Location;
use pomona_results::Listing;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::tar_shard::member_bytes;
use super::{PackError, PackOptions};

/// The kind of files that shards are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardFormat {
    /// POSIX tar, as WebDataset reads it.
    Tar,
    /// Parquet with a column `image`, a struct of bytes and path, as Hugging Face's libraries read it.
    Parquet,
}

impl Display for ShardFormat {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tar => "tar",
            Self::Parquet => "parquet",
        })
    }
}

/// A shard to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedShard {
    pub name: String,
    /// Its images, as positions in the listing.
    pub rows: Range<u64>,
    /// The bytes of the images.
    pub bytes: u64,
    /// Of the names and versions of its images: what two plans compare.
    pub fingerprint: String,
}

impl PlannedShard {
    /// The number of its images.
    pub(super) fn images(&self) -> u64 {
        self.rows.end - self.rows.start
    }
}

/// Divides a listing, in its order, which is that of paths.
pub(super) fn plan(
    listing: &Listing,
    options: &PackOptions,
) -> Result<Vec<PlannedShard>, PackError> {
    let root = root(options)?;
    let mut division = Division::new(options.shard_size, options.format);
    listing.for_each(|path, e_tag, length| {
        let name = member_name(path, &root);
        if !path.starts_with(&root) {
            division.add_bare(&name)?;
        }
        division.add(&name, e_tag.unwrap_or_default(), length);
        Ok::<_, PackError>(())
    })?;
    Ok(division.finish())
}

/// The input's folder, as paths begin with it.
pub(super) fn root(options: &PackOptions) -> Result<String, PackError> {
    Ok(Location::parse(&options.input)?.before_glob().written())
}

/// The path of an image below the input's folder.
pub(super) fn member_name(path: &str, root: &str) -> String {
    let last = || path.rsplit_once('/').map_or(path, |(_, name)| name);
    path.strip_prefix(root).unwrap_or_else(last).to_owned()
}

/// Shards of the images so far.
struct Division {
    shard_size: u64,
    format: ShardFormat,
    shards: Vec<PlannedShard>,
    /// The number of images.
    images: u64,
    /// The bytes of the last shard.
    size: u64,
    sha256: Sha256,
    /// Of each name without its folder the first half of the sha256. Names below the input are as different as the
    /// paths are, and need not be kept.
    bare: HashSet<[u8; 16]>,
}

impl Division {
    fn new(shard_size: u64, format: ShardFormat) -> Self {
        Self {
            shard_size,
            format,
            shards: vec![],
            images: 0,
            size: 0,
            sha256: Sha256::new(),
            bare: HashSet::new(),
        }
    }

    /// Notes a name that has lost its folder.
    ///
    /// # Errors
    /// When there is one like it.
    fn add_bare(&mut self, name: &str) -> Result<(), PackError> {
        let mut half = [0; 16];
        half.copy_from_slice(&Sha256::digest(name)[..16]);
        match self.bare.insert(half) {
            true => Ok(()),
            false => Err(PackError::SameName {
                name: name.to_string(),
            }),
        }
    }

    fn add(&mut self, name: &str, e_tag: &str, length: u64) {
        let row = self.images;
        let format = self.format;
        let taken = match format {
            ShardFormat::Tar => member_bytes(name, length),
            ShardFormat::Parquet => length.saturating_add(name.len() as u64 + 16),
        };
        let is_full = self.size.saturating_add(taken) > self.shard_size;
        if self.shards.is_empty() || is_full {
            self.end_shard();
            self.shards.push(PlannedShard {
                name: format!("shard-{:06}.{format}", self.shards.len()),
                rows: row..row,
                bytes: 0,
                fingerprint: String::new(),
            });
            self.size = 0;
        }
        self.images += 1;
        self.size = self.size.saturating_add(taken);
        if let Some(shard) = self.shards.last_mut() {
            self.sha256.update(name.as_bytes());
            self.sha256.update([0]);
            self.sha256.update(e_tag.as_bytes());
            self.sha256.update([0]);
            self.sha256.update(length.to_le_bytes());
            shard.rows.end = row + 1;
            shard.bytes += length;
        }
    }

    fn end_shard(&mut self) {
        let done = std::mem::take(&mut self.sha256);
        if let Some(shard) = self.shards.last_mut() {
            shard.fingerprint = format!("{:x}", done.finalize());
        }
    }

    fn finish(mut self) -> Vec<PlannedShard> {
        self.end_shard();
        self.shards
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(lengths: &[u64], size: u64) -> Vec<PlannedShard> {
        let mut division = Division::new(size, ShardFormat::Tar);
        for (i, &length) in lengths.iter().enumerate() {
            division.add(&format!("a/{i}.jpg"), "v", length);
        }
        division.finish()
    }

    #[test]
    fn shards_are_at_most_as_large_as_they_may_be() {
        let shards = divided(&[100, 600, 5000, 1, 1], 4096);
        let rows: Vec<_> = shards.iter().map(|shard| shard.rows.clone()).collect();
        // Headers and padding count: 1,024, 1,536, 5,632 and twice 1,024 bytes.
        assert_eq!(rows, [0..2, 2..3, 3..5]);
        assert_eq!(shards[2].name, "shard-000002.tar");
        assert_eq!(shards[1].bytes, 5000);
        assert_eq!(divided(&[100, 600, 5000, 1, 1], 4096), shards);
        let other = divided(&[100, 600, 5000, 1, 2], 4096);
        assert_eq!(other[0].fingerprint, shards[0].fingerprint);
        assert_ne!(other[2].fingerprint, shards[2].fingerprint);
    }

    #[test]
    fn names_are_paths_below_the_input() {
        assert_eq!(member_name("s3://b/in/A/1.jpg", "s3://b/in/"), "A/1.jpg");
        assert_eq!(member_name("s3://b/in/1.jpg", "s3://b/in/1.jpg/"), "1.jpg");
        let mut division = Division::new(9, ShardFormat::Tar);
        division.add_bare("1.jpg").unwrap();
        division.add_bare("2.jpg").unwrap();
        let error = division.add_bare("1.jpg").unwrap_err();
        assert!(matches!(error, PackError::SameName { .. }));
    }
}
