//! [`FileSize`]: how large files of rows are to be, and which are written together for that.

use datafusion::common::Result;
use datafusion::config::ConfigNonZeroUsize;
use datafusion::prelude::SessionContext;
use pomona_functions::FEATURE_LEN;
use pomona_session::configure;

/// What a row of features takes at most, in bytes: the vector, and the text beside it.
pub const FEATURES_ROW_BYTES: u64 = 4 * FEATURE_LEN as u64 + PLAIN_ROW_BYTES;

/// What a row of features takes as text: a number has up to eleven digits and a comma.
pub const FEATURES_CSV_ROW_BYTES: u64 = 12 * FEATURE_LEN as u64 + PLAIN_ROW_BYTES;

/// What a row without a vector takes.
pub const PLAIN_ROW_BYTES: u64 = 256;

/// The encoded bytes of a row group, which a writer holds in memory until it is complete.
pub const ROW_GROUP_BYTES: u64 = 64 << 20;

/// DataFusion's own limit of the rows of a group.
const ROW_GROUP_ROWS: u64 = 1 << 20;

/// The size that files of rows aim at, in bytes: from half of it to twice it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSize(pub u64);

impl Default for FileSize {
    /// 128 MiB, so that files have 64 to 256.
    fn default() -> Self {
        Self(128 << 20)
    }
}

/// Rows that may be written again: those of a file, or some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// What the rows take in a file, in bytes.
    pub bytes: u64,
    /// Whether they are all rows of a file, which can stay as it is.
    pub is_file: bool,
}

impl FileSize {
    fn smallest(self) -> u64 {
        self.0 / 2
    }

    fn largest(self) -> u64 {
        self.0.saturating_mul(2)
    }

    /// Makes a session write files of rows no larger than the largest, given what a row takes at
    /// most, and one at a time.
    pub fn apply(self, ctx: &SessionContext, row_bytes: u64) -> Result<()> {
        let rows = |bytes: u64| (bytes / row_bytes.max(1)).max(1);
        configure(ctx, |options| {
            let options = &mut options.execution;
            // The files of a statement are written side by side, so that each of several is smaller.
            options.minimum_parallel_output_files = ConfigNonZeroUsize::try_new(1)?;
            options.soft_max_rows_per_output_file =
                ConfigNonZeroUsize::try_new(rows(self.largest()) as usize)?;
            options.parquet.max_row_group_size = rows(ROW_GROUP_BYTES).min(ROW_GROUP_ROWS) as usize;
            Ok(())
        })
    }

    /// Which pieces are to be written together, a file each group, so that no file is smaller than
    /// the smallest but the last one. Pieces in no group stay as they are.
    pub fn groups(self, pieces: &[Piece]) -> Vec<Vec<usize>> {
        let loose =
            (0..pieces.len()).filter(|&i| !pieces[i].is_file || pieces[i].bytes < self.smallest());
        let (large, small): (Vec<_>, Vec<_>) =
            loose.partition(|&piece| pieces[piece].bytes >= self.smallest());
        let mut groups: Vec<(u64, Vec<usize>)> = vec![];
        for piece in small {
            let bytes = pieces[piece].bytes;
            match groups.last_mut() {
                Some((sum, group)) if *sum < self.0 => {
                    *sum += bytes;
                    group.push(piece);
                }
                _ => groups.push((bytes, vec![piece])),
            }
        }
        let rest = groups.pop_if(|(sum, _)| *sum < self.smallest());
        groups.extend(
            large
                .into_iter()
                .map(|piece| (pieces[piece].bytes, vec![piece])),
        );
        // What is left over goes where there is room.
        if let Some((sum, rest)) = rest {
            let room = |(bytes, _): &&mut (u64, Vec<usize>)| *bytes + sum <= self.largest();
            match groups.iter_mut().find(room) {
                Some((_, group)) => group.extend(rest),
                None => groups.push((sum, rest)),
            }
        }
        let groups = groups.into_iter().map(|(_, group)| group);
        // A small file that is alone in its group gains nothing from being written again.
        groups
            .filter(|group| group.len() > 1 || !pieces[group[0]].is_file)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: FileSize = FileSize(100);

    fn files(bytes: &[u64]) -> Vec<Piece> {
        let file = |&bytes| Piece {
            bytes,
            is_file: true,
        };
        bytes.iter().map(file).collect()
    }

    #[test]
    fn files_of_the_right_size_stay() {
        assert!(SIZE.groups(&files(&[50, 200, 130, 300])).is_empty());
        assert!(SIZE.groups(&files(&[120, 10])).is_empty());
        assert!(SIZE.groups(&[]).is_empty());
    }

    #[test]
    fn small_files_are_written_together() {
        assert_eq!(SIZE.groups(&files(&[10, 120, 20, 5])), [[0, 2, 3]]);
        let groups = SIZE.groups(&files(&[40; 7]));
        assert_eq!(groups, [vec![0, 1, 2, 6], vec![3, 4, 5]]);
    }

    #[test]
    fn what_is_left_of_a_file_is_written_even_alone() {
        let part = Piece {
            bytes: 150,
            is_file: false,
        };
        assert_eq!(SIZE.groups(&[part]), [[0]]);
    }

    #[test]
    fn groups_make_files_between_the_smallest_and_the_largest() {
        // Any sizes will do: these are the residues of a power.
        let mut number = 7_u64;
        for count in 1..200_usize {
            let mut pieces = vec![];
            for _ in 0..count {
                number = number * 48_271 % 2_147_483_647;
                pieces.push(Piece {
                    bytes: number % 220,
                    is_file: !number.is_multiple_of(3),
                });
            }
            let groups = SIZE.groups(&pieces);
            let mut small = 0;
            let mut seen = vec![false; count];
            for group in &groups {
                let bytes: u64 = group.iter().map(|&piece| pieces[piece].bytes).sum();
                assert!(bytes <= SIZE.largest() || group.len() == 1, "{bytes}");
                small += usize::from(bytes < SIZE.smallest());
                for &piece in group {
                    assert!(!std::mem::replace(&mut seen[piece], true));
                }
            }
            let stay = (0..count).filter(|&piece| !seen[piece]);
            small += stay
                .filter(|&piece| pieces[piece].bytes < SIZE.smallest())
                .count();
            assert!(small <= 1, "{small} small files of {pieces:?}");
        }
    }
}
