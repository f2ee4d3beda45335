//! [`groups`]: rows that are read together, and in turn.

use datafusion::error::Result;
use futures::{Stream, StreamExt, stream};
use tokio::sync::oneshot;

use crate::batching::{Marked, Origin};
use crate::fetch::ListedRow;
use crate::shards::{At, Reading, Turn};

/// An object, or images of one shard that follow one another.
#[derive(Debug)]
pub(crate) struct Group {
    pub rows: Vec<ListedRow>,
    /// Where each row is in the listing.
    pub origins: Vec<Origin>,
}

impl Group {
    /// The listed bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let lengths = self.rows.iter().map(|row| row.length);
        lengths.fold(0, u64::saturating_add)
    }

    fn takes(&self, row: &ListedRow, bytes: u64, most: u64) -> bool {
        let Some(first) = self.rows.first() else {
            return true;
        };
        if first.shard().is_none() || first.shard() != row.shard() {
            return false;
        }
        let row_group = |row: &ListedRow| match row.place.as_ref()?.at {
            At::Parquet { row_group, .. } => Some(row_group),
            _ => None,
        };
        // The column of a row group may have to be read as one, so it is read for all of its rows.
        let is_of_group = row_group(first).is_some() && row_group(first) == row_group(row);
        is_of_group || bytes.saturating_add(row.length) <= most
    }
}

/// Groups of at most so many bytes, unless a row, or the rows of a row group, have more.
pub(crate) fn groups(
    rows: impl Stream<Item = Result<Marked>> + Send,
    most: u64,
) -> impl Stream<Item = Result<Group>> + Send {
    let rows = Box::pin(rows);
    stream::unfold((rows, None), move |(mut rows, mut next)| async move {
        let mut group = Group {
            rows: vec![],
            origins: vec![],
        };
        let mut bytes = 0_u64;
        loop {
            let marked = match next.take() {
                Some(marked) => Some(marked),
                None => rows.next().await,
            };
            match marked {
                Some(Ok((row, origin))) if group.takes(&row, bytes, most) => {
                    bytes = bytes.saturating_add(row.length);
                    let is_alone = row.place.is_none();
                    group.rows.push(row);
                    group.origins.push(origin);
                    // An object waits for no row that may be listed late.
                    if is_alone {
                        return Some((Ok(group), (rows, None)));
                    }
                }
                None if group.rows.is_empty() => return None,
                Some(Err(error)) if group.rows.is_empty() => {
                    return Some((Err(error), (rows, None)));
                }
                rest => return Some((Ok(group), (rows, rest))),
            }
        }
    })
}

/// Passes the reading of a gzip from one group to the next.
#[derive(Default)]
pub(crate) struct Turns {
    /// The shard of the last group, and where its reading is left.
    last: Option<(String, oneshot::Receiver<Reading>)>,
}

impl Turns {
    /// The turn of the next group, if it is of a gzip.
    pub(crate) fn next(&mut self, rows: &[ListedRow]) -> Option<Turn> {
        let first = rows.first()?;
        let is_gzip = rows.iter().any(|row| {
            let place = row.place.as_ref();
            place.is_some_and(|place| matches!(place.at, At::Gzip { .. }))
        });
        let shard = first.shard().filter(|_| is_gzip)?;
        let (after, next) = oneshot::channel();
        let before = self.last.replace((shard.to_owned(), next));
        let before = before.filter(|(last, _)| last == shard);
        Some(Turn {
            before: before.map(|(_, before)| before),
            after,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::RecordBatch;
    use arrow::datatypes::Schema;
    use futures::executor::block_on;

    use super::*;
    use crate::shards::Place;

    fn row(path: &str, length: u64, e_tag: &str) -> ListedRow {
        ListedRow {
            path: path.to_owned(),
            length,
            place: Place::parse(e_tag),
        }
    }

    fn grouped(rows: Vec<ListedRow>, most: u64) -> Vec<usize> {
        let origin = Origin {
            listing: Arc::new(RecordBatch::new_empty(Arc::new(Schema::empty()))),
            row: 0,
            is_last: false,
        };
        let rows = rows.into_iter().map(|row| Ok((row, origin.clone())));
        let rows = stream::iter(rows);
        let groups: Vec<_> = block_on(groups(rows, most).collect());
        groups
            .into_iter()
            .map(|group| group.unwrap().rows.len())
            .collect()
    }

    #[test]
    fn neighbours_in_a_shard_are_read_together() {
        let in_tar = |n: u64| row(&format!("s3://b/x.tar/{n}"), 10, &format!("tar@12:{n}:v"));
        let object = || row("s3://b/1.jpg", 10, "\"v\"");
        let other = || row("s3://b/y.tar/1", 10, "tar@12:0:v");
        assert_eq!(grouped((0..7).map(in_tar).collect(), 30), [3, 3, 1]);
        let mixed = vec![object(), in_tar(0), in_tar(1), other(), object(), object()];
        assert_eq!(grouped(mixed, 1000), [1, 2, 1, 1, 1]);
        assert!(grouped(vec![], 1000).is_empty());
        // A row that is larger than a group is one.
        assert_eq!(grouped((0..3).map(in_tar).collect(), 5), [1, 1, 1]);
        let in_parquet = |n: u64| {
            row(
                &format!("s3://b/x.p/{n}"),
                10,
                &format!("parquet@10:{}-{n}-9:v", n / 4),
            )
        };
        assert_eq!(grouped((0..10).map(in_parquet).collect(), 20), [4, 4, 2]);
    }

    #[test]
    fn a_gzip_is_read_in_turn() {
        let in_gzip = [row("s3://b/x.tgz/1", 10, "gzip@12:512-9:v")];
        let mut turns = Turns::default();
        assert!(
            turns
                .next(&in_gzip)
                .is_some_and(|turn| turn.before.is_none())
        );
        assert!(
            turns
                .next(&in_gzip)
                .is_some_and(|turn| turn.before.is_some())
        );
        let other = [row("s3://b/y.tgz/1", 10, "gzip@12:512-9:v")];
        assert!(turns.next(&other).is_some_and(|turn| turn.before.is_none()));
        assert!(turns.next(&[row("s3://b/1.jpg", 10, "v")]).is_none());
    }
}
