//! [`sample_keys`]: finds parts of about equal size of a long listing without listing it.
//!
//! A store lists from any key on, a thousand keys a request, and does not say how many there are. So
//! the keys are taken for a tree by their characters: `d/class 0` has the branches `d/class 00` to
//! `d/class 09`. A request behind the last key that a branch can have finds the next branch, and its
//! first keys. The branches that seem largest are opened, until none is more than a fraction of a
//! range, or as many requests were made as are worth it. How large a branch is, is guessed: from how
//! many branches there are beside it, and how far its first thousand keys reach into it.
//!
//! A wrong guess makes ranges uneven, and nothing else: ranges are all keys, whatever their bounds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::{DataFusionError, Result};
use futures::{StreamExt, TryStreamExt, stream};

use crate::io_runtime::on_io_runtime;
use crate::listing::{DividedKeys, KeyPart, KeyRange, KeySample, PAGE, Source};
use crate::selection::Selection;

/// Branches that are opened at once.
const AT_ONCE: usize = 16;

/// The requests for any number of ranges, and those for each.
const REQUESTS: usize = 64;
const REQUESTS_OF_A_RANGE: usize = 16;

/// A branch is small that has less than this fraction of a range.
const BRANCHES_OF_A_RANGE: u64 = 4;

/// Behind all keys with what stands before it: the last character that texts have.
const LAST: char = '\u{10FFFD}';

/// What a key is worth that is listed, and one that is selected, beside the bytes of its object.
const KEY_WORK: u64 = 64;
const OBJECT_WORK: u64 = 4 << 10;

/// A sample of the keys of a location that is [`divisible`](Source::divisible), for so many ranges: by
/// the images that are selected.
///
/// # Errors
/// If the store cannot be listed.
pub(crate) async fn sample_keys(
    source: &Source,
    selection: &Selection,
    ranges: usize,
) -> Result<KeySample> {
    let Some(location) = source.divisible() else {
        return Ok(KeySample::of_parts(vec![]));
    };
    let search = Search {
        keys: source.divided_keys()?,
        store: location.store.len(),
        selection: selection.clone(),
        requests: AtomicUsize::new(0),
        most: REQUESTS + REQUESTS_OF_A_RANGE * ranges,
    };
    let parts = on_io_runtime(async move { search.run(ranges as u64).await }).await??;
    Ok(KeySample::of_parts(parts))
}

struct Search {
    keys: DividedKeys,
    /// How long the URL of the store is, before a key.
    store: usize,
    selection: Selection,
    requests: AtomicUsize,
    /// After so many requests nothing more is opened.
    most: usize,
}

/// A key, and the bytes of its object if that is an image which is selected.
#[derive(Debug, Clone)]
struct Key {
    key: String,
    selected: Option<u64>,
}

/// The keys of a part of the location that begin with a text.
#[derive(Debug)]
struct Branch {
    part: usize,
    begin: String,
    /// The first of them, and no others in between.
    first: Vec<Key>,
    /// Whether there may be more.
    is_open: bool,
    size: KeyPart,
}

impl Branch {
    /// A branch that is one of so many of another one; none where there are no keys.
    fn new(
        part: usize,
        begin: String,
        first: Vec<Key>,
        is_open: bool,
        siblings: usize,
    ) -> Option<Self> {
        let seen = first.len() as u64;
        let mut next: Vec<_> = first
            .iter()
            .map(|key| key.key[begin.len()..].chars().next())
            .collect();
        next.dedup();
        let reached = next.len().max(1) as u64;
        // As if it had as many branches as the one that it is of, all as large as those reached.
        let keys = match is_open {
            true => seen * (siblings as u64).max(reached + 1) / reached,
            false => seen,
        };
        let selected = first.iter().filter_map(|key| key.selected);
        let objects = selected.clone().count() as u64;
        let bytes: u64 = selected.sum();
        let work = seen * KEY_WORK + objects * OBJECT_WORK + bytes;
        let scaled = |value: u64| {
            let scaled = u128::from(value) * u128::from(keys) / u128::from(seen.max(1));
            u64::try_from(scaled).unwrap_or(u64::MAX)
        };
        let size = KeyPart {
            first: first.first()?.key.clone(),
            objects: scaled(objects),
            bytes: scaled(bytes),
            work: scaled(work),
        };
        Some(Self {
            part,
            begin,
            first,
            is_open,
            size,
        })
    }
}

impl Search {
    async fn run(&self, ranges: u64) -> Result<Vec<KeyPart>> {
        let begins = self.keys.begins().enumerate();
        let whole = begins.map(|(part, begin)| async move {
            let (first, is_open) = self.list(part, &begin, None).await?;
            Ok::<_, DataFusionError>(Branch::new(part, begin, first, is_open, 1))
        });
        let whole = stream::iter(whole.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        let whole: Vec<Option<Branch>> = whole.try_collect().await?;
        let mut branches: Vec<_> = whole.into_iter().flatten().collect();
        loop {
            let work: u128 = branches.iter().map(|one| u128::from(one.size.work)).sum();
            let small = work / u128::from((ranges * BRANCHES_OF_A_RANGE).max(1));
            let is_large = |one: &Branch| one.is_open && u128::from(one.size.work) > small;
            let (mut large, rest): (Vec<_>, Vec<_>) = branches.into_iter().partition(is_large);
            branches = rest;
            if large.is_empty() || self.is_spent() {
                branches.extend(large);
                let parts = branches.into_iter().map(|branch| branch.size);
                return Ok(parts.collect());
            }
            large.sort_unstable_by_key(|branch| std::cmp::Reverse(branch.size.work));
            branches.extend(large.split_off(large.len().min(AT_ONCE)));
            let opened = large.into_iter().map(|branch| self.open(branch));
            let opened = stream::iter(opened.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
            let opened: Vec<Vec<Branch>> = opened.try_collect().await?;
            branches.extend(opened.into_iter().flatten());
        }
    }

    fn is_spent(&self) -> bool {
        self.requests.load(Ordering::Relaxed) >= self.most
    }

    /// The branches of a branch. Where no more requests are to be made, the last one stands for those
    /// behind it.
    async fn open(&self, branch: Branch) -> Result<Vec<Branch>> {
        let Branch {
            part,
            begin,
            first: mut keys,
            is_open: mut has_more,
            ..
        } = branch;
        if keys.len() < 2 * PAGE
            && let Some(last) = keys.last()
        {
            // Many folders have little more than a page.
            let after = last.key.clone();
            let (more, has_more) = self.list(part, &begin, Some(after)).await?;
            keys.extend(more);
            if !has_more {
                let branch = Branch::new(part, begin, keys, false, 1);
                return Ok(branch.into_iter().collect());
            }
        }
        let mut found: Vec<(String, Vec<Key>, bool)> = vec![];
        while let Some(Key { key, .. }) = keys.first() {
            let next = key[begin.len()..].chars().next();
            let (inner, inside, behind) = match next {
                Some(next) => {
                    let inner = format!("{begin}{next}");
                    let inside = keys.iter().take_while(|key| key.key.starts_with(&inner));
                    let inside = inside.count();
                    let behind = format!("{inner}{LAST}");
                    (inner, inside, behind)
                }
                // A key that others begin with.
                None => (begin.clone(), 1, key.clone()),
            };
            let rest = keys.split_off(inside);
            let is_last = rest.is_empty() && has_more;
            let mut is_open = is_last && next.is_some();
            if is_open && keys.len() < PAGE / 2 && !self.is_spent() {
                // The few that a page of other keys ends with say little.
                let after = keys[0].key.clone();
                let (more, has_more) = self.list(part, &inner, Some(after)).await?;
                keys.truncate(1);
                keys.extend(more);
                is_open = has_more;
            }
            found.push((inner, keys, is_open));
            keys = rest;
            if is_last {
                if self.is_spent() {
                    break;
                }
                (keys, has_more) = self.list(part, &begin, Some(behind)).await?;
            }
        }
        let siblings = found.len();
        let branches = found.into_iter();
        let branches = branches.filter_map(|(begin, first, is_open)| {
            Branch::new(part, begin, first, is_open, siblings)
        });
        Ok(branches.collect())
    }

    /// The next keys of a part that begin with a text, and whether there may be more: one request.
    async fn list(
        &self,
        part: usize,
        begin: &str,
        after: Option<String>,
    ) -> Result<(Vec<Key>, bool)> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let range = KeyRange { after, until: None };
        let entries = self.keys.between(part, &range).next().await;
        let entries = entries.unwrap_or_default();
        let is_full = entries.len() >= PAGE;
        let listed = entries.iter().flatten();
        let mut keys: Vec<Key> = listed
            .map(|meta| Key {
                key: meta.location.to_string(),
                selected: None,
            })
            .collect();
        let page = self.keys.page(entries)?;
        let selected = self.selection.select(page.objects)?.into_iter();
        let selected: HashMap<String, u64> = selected
            .filter_map(|object| {
                let key = object.path.get(self.store..)?.to_owned();
                Some((key, object.length.unwrap_or_default()))
            })
            .collect();
        let is_inside = |key: &Key| {
            let is_behind = range.after.as_ref().is_none_or(|after| key.key > *after);
            is_behind && key.key.starts_with(begin)
        };
        let has_more = is_full && keys.last().is_some_and(is_inside);
        keys.retain(is_inside);
        for key in &mut keys {
            key.selected = selected.get(&key.key).copied();
        }
        Ok((keys, has_more))
    }
}
