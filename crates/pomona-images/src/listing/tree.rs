//! Lists what is below a folder of a store, its folders side by side.
//!
//! A listing is sequential by nature, a thousand keys a request, and folders are what makes it
//! parallel. A folder's first page says whether opening it is worth the requests: one that shows
//! few folders is opened, and each of them is listed in turn; one that shows none, or a folder
//! every few keys, is listed to its end. So there are at most about a dozen times as many requests
//! as thousands of keys, and no folder's objects are in memory together.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, BoxStream, FuturesUnordered, StreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectStore};

use super::chooser::Entry;
use super::ranges::KeyRange;

/// How many folders are listed at once.
pub(super) const FOLDERS_AT_ONCE: usize = 16;

/// The most folders of a first page that is worth opening: with more, a request for each folder
/// lists less than an eighth of what it could.
pub(super) const MOST_FOLDERS_OF_A_PAGE: usize = 8;

/// How a store is listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Requests at once; with one, entries come in the store's order.
    pub at_once: usize,
    /// Entries of a page.
    pub page: usize,
}

/// Everything below `folder`, in pages.
pub(super) fn tree(
    store: Arc<dyn ObjectStore>,
    folder: Path,
    pace: Pace,
) -> BoxStream<'static, Vec<Entry>> {
    walk(store, Folder::New(folder, HashSet::new()), pace)
}

/// The objects that lie in `folder` itself, in pages.
pub(super) fn objects(
    store: Arc<dyn ObjectStore>,
    folder: Path,
    pace: Pace,
) -> BoxStream<'static, Vec<Entry>> {
    let at = folder.clone();
    let is_inside = move |entry: &Entry| match entry {
        Ok(meta) => folder_name(&at, &meta.location).is_none(),
        Err(_) => true,
    };
    let walk = walk(store, Folder::Objects(folder), pace);
    walk.map(move |entries| entries.into_iter().filter(&is_inside).collect::<Vec<_>>())
        .boxed()
}

struct Walk {
    store: Arc<dyn ObjectStore>,
    pace: Pace,
    waiting: VecDeque<Folder>,
    running: FuturesUnordered<BoxFuture<'static, (Vec<Entry>, Vec<Folder>)>>,
}

fn walk(store: Arc<dyn ObjectStore>, folder: Folder, pace: Pace) -> BoxStream<'static, Vec<Entry>> {
    let start = Walk {
        store,
        pace,
        waiting: VecDeque::from([folder]),
        running: FuturesUnordered::new(),
    };
    stream::unfold(start, |mut walk| async move {
        loop {
            while walk.running.len() < walk.pace.at_once
                && let Some(folder) = walk.waiting.pop_front()
            {
                let step = folder.step(Arc::clone(&walk.store), walk.pace);
                walk.running.push(step.boxed());
            }
            let (entries, folders) = walk.running.next().await?;
            for folder in folders.into_iter().rev() {
                walk.waiting.push_front(folder);
            }
            if !entries.is_empty() {
                return Some((entries, walk));
            }
        }
    })
    .boxed()
}

/// A folder and how far its listing is.
enum Folder {
    /// To be listed but for these keys, which a page of the folder above had.
    New(Path, HashSet<Path>),
    /// To be listed for the objects in it.
    Objects(Path),
    /// Its first page, with these keys, is given; the rest may be listed by its folders.
    Begun(Path, HashSet<Path>, BoxStream<'static, Entry>, Begun),
    /// To be listed to its end.
    Rest(HashSet<Path>, BoxStream<'static, Entry>),
}

/// What the rest of a folder is wanted for.
#[derive(Clone, Copy, PartialEq)]
enum Begun {
    Tree,
    Objects,
}

impl Folder {
    /// Makes a request or two: what it found, and what is left to do.
    async fn step(self, store: Arc<dyn ObjectStore>, pace: Pace) -> (Vec<Entry>, Vec<Self>) {
        match self {
            Self::New(path, seen) => {
                let rest = store.list(Some(&path));
                begun(path, seen, rest, Begun::Tree, pace).await
            }
            Self::Objects(path) => {
                let rest = store.list(Some(&path));
                begun(path, HashSet::new(), rest, Begun::Objects, pace).await
            }
            Self::Begun(path, seen, rest, wanted) => {
                if !is_worth_opening(&path, &seen, wanted, pace) {
                    return next_page(seen, rest, pace).await;
                }
                match store.list_with_delimiter(Some(&path)).await {
                    Ok(listed) => {
                        let folders = match wanted {
                            Begun::Objects => vec![],
                            Begun::Tree => listed.common_prefixes,
                        };
                        let folders = folders.into_iter().map(|folder| {
                            let inside = seen.iter().filter(|key| key.prefix_matches(&folder));
                            let inside = inside.cloned().collect();
                            Self::New(folder, inside)
                        });
                        let folders = folders.collect();
                        let objects = listed.objects.into_iter().map(Ok);
                        (without(objects.collect(), &seen), folders)
                    }
                    // A key that is no path: only the listing to the end names each of them.
                    Err(Error::InvalidPath { .. }) => next_page(seen, rest, pace).await,
                    Err(error) => (vec![Err(error)], vec![]),
                }
            }
            Self::Rest(seen, rest) => next_page(seen, rest, pace).await,
        }
    }
}

async fn begun(
    path: Path,
    seen: HashSet<Path>,
    mut rest: BoxStream<'static, Entry>,
    wanted: Begun,
    pace: Pace,
) -> (Vec<Entry>, Vec<Folder>) {
    let entries = take_page(&mut rest, pace).await;
    let is_whole = entries.len() < pace.page;
    let first: HashSet<Path> = entries
        .iter()
        .flatten()
        .map(|meta| meta.location.clone())
        .chain(seen.iter().cloned())
        .collect();
    let entries = without(entries, &seen);
    match is_whole {
        true => (entries, vec![]),
        false => (entries, vec![Folder::Begun(path, first, rest, wanted)]),
    }
}

/// Goes on with a listing whose pages so far had no keys but, perhaps, those that were seen.
async fn next_page(
    seen: HashSet<Path>,
    mut rest: BoxStream<'static, Entry>,
    pace: Pace,
) -> (Vec<Entry>, Vec<Folder>) {
    let entries = take_page(&mut rest, pace).await;
    let is_whole = entries.len() < pace.page;
    let entries = without(entries, &seen);
    match is_whole {
        true => (entries, vec![]),
        false => (entries, vec![Folder::Rest(seen, rest)]),
    }
}

async fn take_page(rest: &mut BoxStream<'static, Entry>, pace: Pace) -> Vec<Entry> {
    rest.take(pace.page).collect().await
}

fn without(mut entries: Vec<Entry>, seen: &HashSet<Path>) -> Vec<Entry> {
    if !seen.is_empty() {
        entries.retain(|entry| {
            let is_seen = |meta: &object_store::ObjectMeta| seen.contains(&meta.location);
            !entry.as_ref().is_ok_and(is_seen)
        });
    }
    entries
}

/// Whether the first page of a folder shows that its folders are better listed one by one.
fn is_worth_opening(path: &Path, first: &HashSet<Path>, wanted: Begun, pace: Pace) -> bool {
    let names = first.iter().filter_map(|key| folder_name(path, key));
    let folders = names.collect::<HashSet<_>>().len();
    match wanted {
        Begun::Objects => folders > 0,
        Begun::Tree => pace.at_once > 1 && (1..=MOST_FOLDERS_OF_A_PAGE).contains(&folders),
    }
}

/// The name of the folder in `folder` that holds `key`; none where `key` lies in `folder` itself.
fn folder_name<'a>(folder: &Path, key: &'a Path) -> Option<&'a str> {
    let relative = key.as_ref().strip_prefix(folder.as_ref())?;
    let relative = relative.strip_prefix('/').unwrap_or(relative);
    Some(relative.split_once('/')?.0)
}

/// The keys in `folder` that begin with `name`, and those below folders that do, of a store that
/// lists keys in their order: a listing of that range alone.
pub(super) fn range(
    store: &Arc<dyn ObjectStore>,
    folder: &Path,
    name: &str,
    pace: Pace,
) -> BoxStream<'static, Vec<Entry>> {
    between(store, folder, name, &KeyRange::default(), pace)
}

/// What those keys begin with.
pub(super) fn begin(folder: &Path, name: &str) -> String {
    match folder.as_ref() {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// Of those keys the ones that are in a range.
pub(super) fn between(
    store: &Arc<dyn ObjectStore>,
    folder: &Path,
    name: &str,
    range: &KeyRange,
    pace: Pace,
) -> BoxStream<'static, Vec<Entry>> {
    let begin = begin(folder, name);
    let after = range
        .after
        .as_deref()
        .filter(|after| *after >= begin.as_str());
    let is_before = range.until.as_ref().is_some_and(|until| *until < begin);
    if is_before || after.is_some_and(|after| !after.starts_with(&begin)) {
        return stream::empty().boxed();
    }
    // The bounds of ranges are paths.
    let after = after.and_then(|after| Path::parse(after).ok());
    let listing = match after.or_else(|| before(&begin)) {
        Some(offset) => store.list_with_offset(Some(folder), &offset),
        None => store.list(Some(folder)),
    };
    let until = range.until.clone();
    let is_in_range = move |entry: &Entry| {
        let is_behind = entry.as_ref().is_ok_and(|meta| {
            let key = meta.location.as_ref();
            let is_after = until.as_ref().is_some_and(|until| key > until.as_str());
            is_after || key > begin.as_str() && !key.starts_with(&begin)
        });
        std::future::ready(!is_behind)
    };
    listing.take_while(is_in_range).chunks(pace.page).boxed()
}

/// A path before all that begin with `text`, and behind nearly all that are less.
fn before(text: &str) -> Option<Path> {
    let last = text.chars().last()?;
    let rest = &text[..text.len() - last.len_utf8()];
    let previous = (' '..last).next_back()?;
    Path::parse(format!("{rest}{previous}\u{10FFFD}")).ok()
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    async fn store(keys: impl IntoIterator<Item = String>) -> Arc<dyn ObjectStore> {
        let store = InMemory::new();
        for key in keys {
            let path = Path::parse(key).unwrap();
            store.put(&path, "x".into()).await.unwrap();
        }
        Arc::new(store)
    }

    async fn keys(pages: BoxStream<'static, Vec<Entry>>) -> Vec<String> {
        let entries: Vec<_> = pages.flat_map(stream::iter).collect().await;
        let keys = entries
            .into_iter()
            .map(|entry| entry.unwrap().location.to_string());
        let mut keys: Vec<_> = keys.collect();
        keys.sort();
        keys
    }

    fn pace(at_once: usize, page: usize) -> Pace {
        Pace { at_once, page }
    }

    #[tokio::test]
    async fn every_key_is_listed_once_in_trees_of_all_shapes() {
        let flat = |n: usize| (0..n).map(|i| format!("r/{i:03}")).collect::<Vec<_>>();
        let folders = |n: usize, each: usize| {
            let key = move |i| format!("r/{}/{:02}", i % n, i / n);
            (0..n * each).map(key).collect::<Vec<_>>()
        };
        let mut mixed = folders(3, 20);
        mixed.extend(flat(30));
        mixed.extend((0..25).map(|i| format!("r/1/deep/{i}")));
        mixed.extend(["r/z/y/x/w/v".to_owned(), "r/1.jpg".to_owned()]);
        for listed in [
            vec![],
            flat(9),
            flat(10),
            flat(11),
            folders(4, 25),
            folders(40, 2),
            mixed,
        ] {
            let mut all = listed.clone();
            all.push("s/other".to_owned());
            let store = store(all).await;
            let mut expected = listed;
            expected.sort();
            for at_once in [1, 16] {
                let pages = tree(Arc::clone(&store), "r".into(), pace(at_once, 10));
                assert_eq!(keys(pages).await, expected);
            }
            expected.retain(|key| key.matches('/').count() == 1);
            let pages = objects(Arc::clone(&store), "r".into(), pace(1, 10));
            assert_eq!(keys(pages).await, expected);
        }
    }

    #[tokio::test]
    async fn a_range_is_what_begins_with_its_name() {
        let names = ["a", "ab", "ab/1", "ab0", "abc/2", "ac", "b/3"];
        let store = store(names.map(|name| format!("r/{name}"))).await;
        let pages = range(&store, &"r".into(), "ab", pace(1, 2));
        assert_eq!(keys(pages).await, ["r/ab", "r/ab/1", "r/ab0", "r/abc/2"]);
        let within = |name: &str, after: Option<&str>, until: Option<&str>| {
            let range = KeyRange {
                after: after.map(str::to_owned),
                until: until.map(str::to_owned),
            };
            keys(between(&store, &"r".into(), name, &range, pace(1, 2)))
        };
        assert_eq!(within("", None, Some("r/ab")).await, ["r/a", "r/ab"]);
        let middle = within("", Some("r/ab"), Some("r/abc/2")).await;
        assert_eq!(middle, ["r/ab/1", "r/ab0", "r/abc/2"]);
        assert_eq!(within("", Some("r/abc/2"), None).await, ["r/ac", "r/b/3"]);
        assert_eq!(within("ab", Some("r/ab0"), None).await, ["r/abc/2"]);
        assert!(within("ab", Some("r/ac"), None).await.is_empty());
        assert!(within("ab", None, Some("r/a")).await.is_empty());
        assert_eq!(within("ab", Some("a"), Some("r/ab")).await, ["r/ab"]);
        assert!(before("r/ ").is_none());
        assert!(before("r/0").is_none(), "no path ends in a slash");
        for text in ["r/ab", "r/a0", "r/é", "r/a."] {
            let offset = before(text).unwrap().to_string();
            assert!(offset.as_str() < text, "{offset}");
        }
    }
}
