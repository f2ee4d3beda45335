//! Divides images among partitions so that neighbours in a shard stay together.

use std::collections::VecDeque;

use arrow::array::{AsArray, RecordBatch, UInt32Array};
use arrow::datatypes::Int64Type;
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;

use super::place::{At, Place};
use crate::listing::ListedObject;

/// The most bytes of neighbours that a partition takes at once: what one request reads.
const RUN_BYTES: u64 = 32 << 20;

/// An image to be divided: its length, and where it is read among those of shards.
pub(crate) type Item<'a> = (u64, Option<(&'a str, (u64, u64))>);

/// The positions of the images of each partition; none is empty, unless there is no image at all.
///
/// Objects go one by one where the fewest bytes are. Images in shards are cut into runs of neighbours
/// of about equal bytes, one a partition, because each cut costs a request, and in a gzip or a row
/// group the bytes before it once more. One partition keeps the order of the images.
pub(crate) fn spread(items: &[Item<'_>], partitions: usize) -> Vec<Vec<usize>> {
    let count = partitions.min(items.len()).max(1);
    if count == 1 {
        return vec![(0..items.len()).collect()];
    }
    let mut assigned = vec![(0_u64, vec![]); count];
    let mut neighbours = vec![];
    for (position, (length, place)) in items.iter().enumerate() {
        if let Some(place) = place {
            neighbours.push((place, position));
            continue;
        }
        let least = assigned
            .iter_mut()
            .min_by_key(|(bytes, rows)| (*bytes, rows.len()));
        let Some(least) = least else { break };
        least.0 += length;
        least.1.push(position);
    }
    neighbours.sort_unstable();
    // An image without bytes is work, too.
    let weight = |position: usize| u128::from(items[position].0) + 1;
    let total: u128 = neighbours.iter().map(|&(_, at)| weight(at)).sum();
    let mut before = 0;
    for (_, position) in neighbours {
        let middle = before + weight(position) / 2;
        let partition = (middle * count as u128 / total) as usize;
        assigned[partition.min(count - 1)].1.push(position);
        before += weight(position);
    }
    assigned.retain(|(_, rows)| !rows.is_empty());
    assigned.into_iter().map(|(_, rows)| rows).collect()
}

/// The rows of each of so many partitions of a listing, which has the columns `path`, `length` and
/// `e_tag`.
///
/// # Errors
/// If a column is missing or of another type.
pub fn divide(listing: &RecordBatch, partitions: usize) -> Result<Vec<UInt32Array>> {
    let missing = || exec_datafusion_err!("a listing has the columns path, length and e_tag");
    let text = |name: &str| {
        let column = listing.column_by_name(name);
        column.and_then(|column| column.as_string_opt::<i32>())
    };
    let paths = text("path").ok_or_else(missing)?;
    let e_tags = text("e_tag").ok_or_else(missing)?;
    let lengths = listing.column_by_name("length");
    let lengths = lengths.and_then(|column| column.as_primitive_opt::<Int64Type>());
    let lengths = lengths.ok_or_else(missing)?;
    let rows = paths.iter().zip(e_tags).zip(lengths);
    let items: Vec<Item<'_>> = rows
        .map(|((path, e_tag), length)| {
            let length = length.and_then(|length| u64::try_from(length).ok());
            let place = path.zip(e_tag.and_then(Place::parse));
            let place = place.map(|(path, place)| (place.shard(path), place.order()));
            (length.unwrap_or_default(), place)
        })
        .collect();
    let partitions = spread(&items, partitions).into_iter();
    let rows = partitions.map(|rows| rows.into_iter().map(|row| row as u32));
    Ok(rows.map(UInt32Array::from_iter_values).collect())
}

/// How many of the next images a partition takes that asks for `most`: of a shard as many neighbours
/// as one request reads, and a whole gzip, which is read from its begin.
pub(crate) fn run_length(ready: &VecDeque<ListedObject>, most: usize) -> usize {
    let first = ready.front().and_then(ListedObject::place);
    let Some((object, place)) = ready.front().zip(first) else {
        return most.min(ready.len());
    };
    let shard = place.shard(&object.path);
    let most_bytes = match place.at {
        At::Gzip { .. } => u64::MAX,
        _ => RUN_BYTES,
    };
    let mut bytes = 0_u64;
    let run = ready.iter().take_while(|next| {
        bytes = bytes.saturating_add(next.length.unwrap_or_default());
        let rest = next.path.strip_prefix(shard);
        let is_inside = rest.is_some_and(|rest| rest.starts_with('/'));
        is_inside && bytes <= most_bytes
    });
    run.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_stay_together_and_partitions_are_even() {
        let items: Vec<Item<'_>> = (0..100)
            .map(|i| {
                let shard = if i % 2 == 0 { "b.tar" } else { "a.tar" };
                (10, Some((shard, (1000 - i, 0))))
            })
            .collect();
        let divided = spread(&items, 4);
        assert_eq!(divided.iter().map(Vec::len).collect::<Vec<_>>(), [25; 4]);
        // The images of a.tar with their offsets ascending, and then those of b.tar.
        assert_eq!(divided[0][..3], [99, 97, 95]);
        assert_eq!(divided[2][..3], [98, 96, 94]);
        assert_eq!(spread(&items, 1)[0][..3], [0, 1, 2]);
    }

    #[test]
    fn every_image_is_in_one_partition() {
        for count in [1, 2, 3, 7, 200] {
            let items: Vec<Item<'_>> = (0..90_u64)
                .map(|i| (i % 7 * 1000, (i % 3 > 0).then_some(("s.zip", (i, 0)))))
                .collect();
            let divided = spread(&items, count);
            assert!(divided.iter().all(|rows| !rows.is_empty()));
            let mut all: Vec<usize> = divided.concat();
            all.sort_unstable();
            assert_eq!(all, (0..90).collect::<Vec<_>>());
        }
        assert_eq!(spread(&[], 4), [Vec::<usize>::new()]);
    }
}
