//! Divides a listing among partitions.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::listing::ListedObject;

/// Divides objects among at most `partitions` partitions so that their bytes are about equal: the
/// largest object first, each to the partition with the fewest bytes, then the fewest objects.
/// This is longest-processing-time-first scheduling, at most 4/3 from the best division (Graham,
/// 1969). No partition is empty, unless there is no object at all, and each keeps the order of
/// `objects`. The same listing is always divided the same way.
pub(crate) fn assign(objects: Vec<ListedObject>, partitions: usize) -> Vec<Vec<ListedObject>> {
    let count = partitions.min(objects.len()).max(1);
    let mut largest_first: Vec<usize> = (0..objects.len()).collect();
    // What has no known length counts as nothing: the numbers of objects decide.
    let length = |i: usize| objects[i].length.unwrap_or_default();
    largest_first.sort_by_key(|&i| Reverse(length(i)));

    let mut loads: BinaryHeap<_> = (0..count).map(|p| Reverse((0_u64, 0_usize, p))).collect();
    let mut assigned = vec![0; objects.len()];
    for i in largest_first {
        let Some(Reverse((bytes, rows, partition))) = loads.pop() else {
            break;
        };
        assigned[i] = partition;
        loads.push(Reverse((bytes + length(i), rows + 1, partition)));
    }

    let mut divided = vec![Vec::with_capacity(objects.len() / count + 1); count];
    for (object, partition) in objects.into_iter().zip(assigned) {
        divided[partition].push(object);
    }
    divided
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use object_store::ObjectMeta;

    use super::*;

    fn objects(lengths: &[u64]) -> Vec<ListedObject> {
        let meta = |(i, &size): (usize, &u64)| ObjectMeta {
            location: format!("{i:04}.jpg").into(),
            last_modified: Utc::now(),
            size,
            e_tag: None,
            version: None,
        };
        let metas = lengths.iter().enumerate().map(meta);
        metas
            .map(|meta| ListedObject::new("s3://b/", meta))
            .collect()
    }

    fn lengths(partition: &[ListedObject]) -> Vec<u64> {
        partition
            .iter()
            .map(|object| object.length.unwrap())
            .collect()
    }

    #[test]
    fn bytes_are_balanced_and_order_is_kept() {
        let divided = assign(objects(&[1, 7, 2, 5, 3, 6]), 3);
        let divided: Vec<_> = divided.iter().map(|partition| lengths(partition)).collect();
        assert_eq!(divided, [vec![1, 7], vec![2, 6], vec![5, 3]]);
    }

    #[test]
    fn partitions_are_never_empty_and_never_none() {
        assert_eq!(assign(objects(&[4, 4]), 16).len(), 2);
        assert_eq!(assign(objects(&[]), 16), vec![vec![]]);
        assert_eq!(assign(objects(&[1, 2]), 0).len(), 1);
        let zeros = assign(objects(&[0; 8]), 4);
        assert!(zeros.iter().all(|partition| partition.len() == 2));
    }

    #[test]
    fn the_heaviest_is_within_four_thirds_of_the_mean() {
        let sizes: Vec<u64> = (0..1_000).map(|i| 3_000 + (i * 7_919) % 5_000).collect();
        let total: u64 = sizes.iter().sum();
        let divided = assign(objects(&sizes), 7);
        let heaviest = divided
            .iter()
            .map(|p| lengths(p).iter().sum::<u64>())
            .max()
            .unwrap();
        assert!(heaviest * 7 * 3 <= total * 4, "{heaviest} of {total}");
    }
}
