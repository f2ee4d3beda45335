//! [`KeyRange`]: a part of a bucket's keys, and [`KeySample`], which finds parts of about equal size.

use serde::{Deserialize, Serialize};

use super::ListedObject;

/// The most keys that are kept. With twice as many objects every second is dropped.
const MOST_SAMPLES: usize = 1 << 14;

/// What an object is worth beside its bytes.
const OBJECT_BYTES: u64 = 4 << 10;

/// The keys behind one and up to another, which belongs to them: to the begin and to the end where there is
/// none. Keys are in the order of their bytes, in which S3 lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyRange {
    pub after: Option<String>,
    pub until: Option<String>,
}

/// Keys that lie together, and how many there are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyPart {
    /// The first of them.
    pub first: String,
    /// The objects among them that are wanted, and their bytes.
    pub objects: u64,
    pub bytes: u64,
    /// What it takes to list them all and to read these.
    pub work: u64,
}

/// Keys of a listing, each with the bytes of those that it stands for.
#[derive(Debug)]
pub(crate) struct KeySample {
    /// How long the URL of the store is, before a key.
    store: usize,
    keys: Vec<(String, u64)>,
    /// The objects that a key stands for.
    each: usize,
    /// Objects and bytes since the last key.
    open: (usize, u64),
    objects: u64,
    bytes: u64,
    is_estimate: bool,
}

impl KeySample {
    /// A sample of the objects of a store, whose URL is `s3://bucket/`.
    pub(crate) fn new(store: &str) -> Self {
        Self {
            store: store.len(),
            keys: vec![],
            each: 1,
            open: (0, 0),
            objects: 0,
            bytes: 0,
            is_estimate: false,
        }
    }

    /// The sample of which a part stands for all of its keys.
    pub(crate) fn of_parts(mut parts: Vec<KeyPart>) -> Self {
        parts.sort_unstable_by(|a, b| a.first.cmp(&b.first));
        let mut sample = Self {
            is_estimate: true,
            ..Self::new("")
        };
        let mut work = None;
        for part in parts {
            // The work before a key stands at that key.
            if let Some(before) = work.replace(part.work) {
                sample.keys.push((part.first, before));
            }
            sample.objects += part.objects;
            sample.bytes += part.bytes;
        }
        sample.open.1 = work.unwrap_or_default();
        sample
    }

    /// Whether objects and bytes are estimates, since not all of them were listed.
    pub(crate) fn is_estimate(&self) -> bool {
        self.is_estimate
    }

    pub(crate) fn add(&mut self, object: &ListedObject) {
        let length = object.length.unwrap_or_default();
        self.objects += 1;
        self.bytes += length;
        self.open.0 += 1;
        self.open.1 += length + OBJECT_BYTES;
        if self.open.0 < self.each {
            return;
        }
        let (_, bytes) = std::mem::take(&mut self.open);
        let key = object.path.get(self.store..).unwrap_or_default();
        self.keys.push((key.to_owned(), bytes));
        if self.keys.len() == MOST_SAMPLES {
            let mut pairs = std::mem::take(&mut self.keys).into_iter();
            while let (Some((_, first)), Some((key, second))) = (pairs.next(), pairs.next()) {
                self.keys.push((key, first + second));
            }
            self.each *= 2;
        }
    }

    /// How many objects there were.
    pub(crate) fn objects(&self) -> u64 {
        self.objects
    }

    /// The sum of their lengths.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// At most so many ranges of about equal bytes. Together they hold every key that there can be,
    /// each once.
    pub(crate) fn ranges(mut self, count: usize) -> Vec<KeyRange> {
        self.keys.sort_unstable();
        let total: u128 = self.keys.iter().map(|(_, bytes)| u128::from(*bytes)).sum();
        let total = total + u128::from(self.open.1);
        let mut ranges = vec![];
        let (mut before, mut after) = (0_u128, None);
        for (key, bytes) in self.keys {
            before += u128::from(bytes);
            let wanted = total * (ranges.len() as u128 + 1) / count.max(1) as u128;
            if before < wanted || ranges.len() + 1 >= count {
                continue;
            }
            let until = Some(key);
            if until > after {
                let after = std::mem::replace(&mut after, until.clone());
                ranges.push(KeyRange { after, until });
            }
        }
        ranges.push(KeyRange { after, until: None });
        ranges
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use object_store::ObjectMeta;

    use super::*;

    fn sample(objects: impl Iterator<Item = (String, u64)>) -> KeySample {
        let mut sample = KeySample::new("s3://b/");
        for (key, size) in objects {
            let meta = ObjectMeta {
                location: key.into(),
                last_modified: DateTime::UNIX_EPOCH,
                size,
                e_tag: None,
                version: None,
            };
            sample.add(&ListedObject::new("s3://b/", meta));
        }
        sample
    }

    fn holds(range: &KeyRange, key: &str) -> bool {
        range.after.as_deref().is_none_or(|after| key > after)
            && range.until.as_deref().is_none_or(|until| key <= until)
    }

    #[test]
    fn ranges_have_about_the_same_bytes_whatever_the_order_of_the_listing() {
        for count in [100_u64, 20_000, 100_000] {
            // Folders that are listed side by side, a page of each in turn.
            let object = |n: u64| {
                let (page, folder) = (n / 500, n / 500 % 7);
                let number = page / 7 * 500 + n % 500;
                let size = folder * 3_000 + n * 7_919 % 5_000;
                (format!("f{folder}/{number:06}.jpg"), size)
            };
            let sample = sample((0..count).map(object));
            assert_eq!(sample.objects(), count);
            let total: u64 = (0..count).map(|n| object(n).1).sum();
            assert_eq!(sample.bytes(), total);
            assert!(sample.keys.len() < MOST_SAMPLES);
            let ranges = sample.ranges(16);
            assert_eq!(ranges.len(), 16);
            let worth = |(_, bytes): &(String, u64)| bytes + OBJECT_BYTES;
            let whole: u64 = (0..count).map(|n| worth(&object(n))).sum();
            for range in &ranges {
                let objects = (0..count).map(object);
                let inside = objects.filter(|(key, _)| holds(range, key));
                let share = inside.map(|object| worth(&object)).sum::<u64>() * 16;
                let slack = whole / 20 + 16 * 30_000;
                assert!(share.abs_diff(whole) < slack, "{share} of {whole}");
            }
        }
    }

    #[test]
    fn parts_are_divided_by_their_work() {
        let part = |first: &str, work| KeyPart {
            first: first.to_owned(),
            objects: 7,
            bytes: 70,
            work,
        };
        let parts = vec![part("c", 10), part("a", 30), part("d", 40), part("b", 40)];
        let sample = KeySample::of_parts(parts.clone());
        assert_eq!((sample.objects(), sample.bytes()), (28, 280));
        assert!(sample.is_estimate());
        let bounds = |count| {
            let ranges = KeySample::of_parts(parts.clone()).ranges(count).into_iter();
            ranges.map(|range| range.until).collect::<Vec<_>>()
        };
        assert_eq!(bounds(1), [None]);
        assert_eq!(bounds(2), [Some("c".to_owned()), None]);
        // A part is in one range.
        let three = [Some("b".to_owned()), Some("c".to_owned()), None];
        assert_eq!(bounds(4), three);
        assert_eq!(KeySample::of_parts(vec![]).ranges(3).len(), 1);
    }

    #[test]
    fn every_key_is_in_one_range() {
        for count in [0, 1, 5, 40] {
            for ranges in [1, 2, 16] {
                let sample = sample((0..count).map(|n| (format!("k/{n}"), 0)));
                let ranges = sample.ranges(ranges);
                for key in ["", "a", "k/0", "k/00", "k/3", "k/39", "k/4", "z"] {
                    let inside = ranges.iter().filter(|range| holds(range, key));
                    assert_eq!(inside.count(), 1, "{key} of {ranges:?}");
                }
            }
        }
    }
}
