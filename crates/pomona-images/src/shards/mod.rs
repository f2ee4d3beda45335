//! Images inside archives: tar, gzipped tar, zip and Parquet files, as `s3://bucket/shard-000.tar/0001.jpg`.
//!
//! ```text
//! listing: chooser -> expand -> index (tar, zip or Parquet) -> members -> rows with a Place in e_tag
//! reading: rows of a shard -> division -> spans -> read -> content
//! ```
//!
//! A row of a shard has the columns of any other, and in its `e_tag` the [`Place`] of its bytes: so
//! that a row that travels, or was listed by an earlier run, is read without the index of its shard.
//!
//! The readers of tar and zip are written here, because the crates for them read from one `Read`
//! from the first byte on, and a store is read in ranges, many members in one.

mod blocks;
mod division;
mod expand;
mod gzip;
mod members;
mod names;
mod object;
mod parquet;
mod parquet_columns;
mod place;
mod read;
mod requests;
mod sidecar;
mod tar;
mod tar_header;
mod zip;
mod zip_entries;

pub use division::divide;
pub(crate) use division::{run_length, spread};
pub(crate) use expand::{Expansion, with_members};
pub(crate) use members::MemberMatcher;
pub(crate) use object::ShardObject;
pub(crate) use parquet::Footers;
pub(crate) use place::{At, Place};
pub(crate) use read::{Reading, Turn, Wanted, read};
pub use requests::{ReadRequests, listed_object};
pub use sidecar::Sidecar;

/// What holds images, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShardKind {
    Tar,
    TarGzip,
    Zip,
    Parquet,
}

impl ShardKind {
    /// The kind of a file of this name; none where it is no shard.
    pub(crate) fn of_name(path: &str) -> Option<Self> {
        const ENDINGS: [(&str, ShardKind); 5] = [
            (".tar", ShardKind::Tar),
            (".tar.gz", ShardKind::TarGzip),
            (".tgz", ShardKind::TarGzip),
            (".zip", ShardKind::Zip),
            (".parquet", ShardKind::Parquet),
        ];
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        let ends_in = |ending: &str| {
            let start = name.len().checked_sub(ending.len());
            start
                .filter(|&start| start > 0)
                .and_then(|start| name.get(start..))
                .is_some_and(|end| end.eq_ignore_ascii_case(ending))
        };
        let found = ENDINGS.into_iter().find(|(ending, _)| ends_in(ending));
        found.map(|(_, kind)| kind)
    }
}

/// Whether a file of this name is an archive: a tar, gzipped or not, or a zip. Parquet files are
/// tables first.
pub fn is_archive_name(path: &str) -> bool {
    ShardKind::of_name(path).is_some_and(|kind| kind != ShardKind::Parquet)
}

/// Whether a path may be that of an image in a shard: one of its folders is called like a shard.
pub fn may_be_in_shard(path: &str) -> bool {
    let folders = path.rsplit('/').skip(1);
    folders
        .into_iter()
        .any(|name| ShardKind::of_name(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_known_by_their_names() {
        for (name, kind) in [
            ("s3://b/shard-000.tar", Some(ShardKind::Tar)),
            ("a/B.TAR.GZ", Some(ShardKind::TarGzip)),
            ("b.tgz", Some(ShardKind::TarGzip)),
            ("c.zip", Some(ShardKind::Zip)),
            ("train-00000-of-00002.parquet", Some(ShardKind::Parquet)),
            ("d.gz", None),
            (".tar", None),
            ("a.tar/b.jpg", None),
            ("é.ta", None),
        ] {
            assert_eq!(ShardKind::of_name(name), kind, "{name}");
        }
        assert!(is_archive_name("x.zip") && !is_archive_name("x.parquet"));
        assert!(may_be_in_shard("s3://b/x.tar/1.jpg"));
        assert!(!may_be_in_shard("s3://b/x/1.tar"));
    }
}
