//! Lists the images of a table: one request a thousand objects, many folders at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::ImagesError;
use crate::io_runtime::on_io_runtime;
use crate::local_walk::walk;
use crate::location::ImageLocation;
use crate::matching::ObjectMatcher;
use crate::options::ImageTableOptions;
use crate::skipped::Skipped;

/// How many folders are listed at once. A listing is sequential by nature, a thousand keys a
/// request, and folders are what makes it parallel.
const FOLDERS_AT_ONCE: usize = 16;

/// How many levels of folders are opened in search of enough folders to list at once.
const LEVELS: usize = 3;

/// With more folders than this, one sequential listing takes fewer requests than one a folder.
const MOST_FOLDERS: usize = 1_000;

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedObject {
    /// The full URL as a person writes it.
    pub path: String,
    /// Where the folder's name is in `path`.
    label: (usize, usize),
    /// Size in bytes.
    pub length: u64,
    pub modified: DateTime<Utc>,
    pub e_tag: Option<String>,
}

impl ListedObject {
    /// Writes the object's URL. The path of a *listed* object is the literal name: neither the
    /// local file system nor S3 percent-encodes what it lists, and [`Path::parse`] takes it back.
    pub(crate) fn new(store: &str, meta: ObjectMeta) -> Self {
        let path = format!("{store}{}", meta.location);
        let end = path.rfind('/').unwrap_or_default();
        let start = path[..end].rfind('/').map_or(0, |slash| slash + 1);
        Self {
            label: (start, end),
            path,
            length: meta.size,
            modified: meta.last_modified,
            e_tag: meta.e_tag.or_else(|| {
                // Some servers list objects without their tags. Time and length distinguish
                // versions as well as the tags that object_store makes up for local files.
                let modified = meta.last_modified.timestamp_micros();
                Some(format!("{modified:x}-{:x}", meta.size))
            }),
        }
    }

    /// The name of the folder that holds the object; the bucket's at the root of a bucket.
    pub(crate) fn label(&self) -> &str {
        &self.path[self.label.0..self.label.1]
    }
}

/// The images of some locations, and what was passed over on the way.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Each image once, sorted by path.
    pub objects: Vec<ListedObject>,
    pub skipped: Skipped,
}

/// All images of the given locations.
pub(crate) async fn list_images(
    runtime: &Arc<RuntimeEnv>,
    locations: &[ImageLocation],
    options: &ImageTableOptions,
) -> Result<Listed> {
    let mut all = Listed::default();
    for location in locations {
        let store = runtime.object_store(location.object_store_url()?)?;
        let (location, options) = (location.clone(), options.clone());
        let listed = on_io_runtime(async move { list_location(store, &location, &options).await });
        let listed = listed.await??;
        all.objects.extend(listed.objects);
        all.skipped.add(listed.skipped);
    }
    all.objects.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    all.objects.dedup_by(|a, b| a.path == b.path);
    Ok(all)
}

async fn list_location(
    store: Arc<dyn ObjectStore>,
    location: &ImageLocation,
    options: &ImageTableOptions,
) -> Result<Listed, ImagesError> {
    let root = location.object_path()?;
    let failed = |source| ImagesError::List {
        location: location.to_string(),
        source,
    };
    if location.is_object {
        let meta = store.head(&root).await.map_err(failed)?;
        return Ok(Listed {
            objects: vec![ListedObject::new(&location.store, meta)],
            skipped: Skipped::default(),
        });
    }
    let matcher = ObjectMatcher::new(location, options)?;
    let recursive = options.recursive || location.pattern.is_some();
    let mut skipped = Skipped::default();
    let metas = match location.local_path() {
        Some(folder) => {
            let root = root.clone();
            let walk = tokio::task::spawn_blocking(move || {
                let files = walk(&folder, &root, recursive, &mut skipped);
                files.map(|files| (files, skipped))
            });
            let walked = walk.await.unwrap_or_else(|stopped| Err(stopped.into()));
            let (files, passed) = walked.map_err(|source| {
                failed(object_store::Error::Generic {
                    store: "LocalFileSystem",
                    source: source.into(),
                })
            })?;
            skipped = passed;
            files
        }
        None if recursive => list_tree(store, root.clone()).await.map_err(failed)?,
        None => {
            let listed = store.list_with_delimiter(Some(&root)).await;
            listed.map_err(failed)?.objects
        }
    };
    let markers = folder_markers(&metas);
    let mut objects = Vec::with_capacity(metas.len());
    for meta in metas {
        let relative = below(&root, &meta.location);
        if markers.contains(&meta.location) {
        } else if matcher.accepts(relative) {
            objects.push(ListedObject::new(&location.store, meta));
        } else if matcher.is_stranger(relative) {
            skipped.no_image(relative);
        }
    }
    Ok(Listed { objects, skipped })
}

/// Everything below `root`, its folders side by side.
async fn list_tree(
    store: Arc<dyn ObjectStore>,
    root: Path,
) -> object_store::Result<Vec<ObjectMeta>> {
    let mut objects = Vec::new();
    let mut folders = vec![root.clone()];
    for _ in 0..LEVELS {
        let mut opened = stream::iter(folders)
            .map(|folder| {
                let store = Arc::clone(&store);
                async move { store.list_with_delimiter(Some(&folder)).await }
            })
            .buffer_unordered(FOLDERS_AT_ONCE);
        let mut below = Vec::new();
        while let Some(listed) = opened.try_next().await? {
            objects.extend(listed.objects);
            below.extend(listed.common_prefixes);
        }
        folders = below;
        if folders.is_empty() || folders.len() >= FOLDERS_AT_ONCE {
            break;
        }
    }
    if folders.len() > MOST_FOLDERS {
        return store.list(Some(&root)).try_collect().await;
    }
    let listings = stream::iter(folders)
        .map(|folder| store.list(Some(&folder)).try_collect::<Vec<_>>())
        .buffer_unordered(FOLDERS_AT_ONCE);
    objects.extend(listings.try_concat().await?);
    Ok(objects)
}

/// The LIST requests that a listing of these objects takes, given their paths below the listed
/// folder, where there is nothing but them: a request a thousand keys of a folder.
pub fn list_requests<'a>(paths: impl Iterator<Item = &'a str>) -> u64 {
    const KEYS: u64 = 1_000;
    let mut below = Folder::default();
    for path in paths {
        let mut folder = &mut below;
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            folder.objects += 1;
            if parts.peek().is_some() {
                folder = folder.folders.entry(part).or_default();
            } else {
                folder.own += 1;
            }
        }
    }
    let pages = |keys: u64| keys.div_ceil(KEYS).max(1);
    let mut requests = 0;
    let mut folders = vec![&below];
    for _ in 0..LEVELS {
        let mut next = vec![];
        for folder in folders {
            requests += pages(folder.own + folder.folders.len() as u64);
            next.extend(folder.folders.values());
        }
        folders = next;
        if folders.is_empty() || folders.len() >= FOLDERS_AT_ONCE {
            break;
        }
    }
    if folders.len() > MOST_FOLDERS {
        return requests + pages(below.objects);
    }
    requests
        + folders
            .iter()
            .map(|folder| pages(folder.objects))
            .sum::<u64>()
}

/// A folder of a listing.
#[derive(Default)]
struct Folder<'a> {
    /// Objects in it and below it.
    objects: u64,
    /// Objects in it.
    own: u64,
    folders: HashMap<&'a str, Folder<'a>>,
}

/// Empty objects that stand for folders: consoles of S3 write an object `x.jpg/` for a folder
/// `x.jpg`, and its listing reads like an empty image.
fn folder_markers(metas: &[ObjectMeta]) -> HashSet<Path> {
    let empty: HashSet<&str> = metas
        .iter()
        .filter(|meta| meta.size == 0)
        .map(|meta| meta.location.as_ref())
        .collect();
    if empty.is_empty() {
        return HashSet::new();
    }
    let ancestors = metas.iter().flat_map(|meta| {
        let path = meta.location.as_ref();
        path.match_indices('/').map(|(end, _)| &path[..end])
    });
    ancestors
        .filter(|folder| empty.contains(folder))
        .filter_map(|folder| Path::parse(folder).ok())
        .collect()
}

/// `path` without `root`.
fn below<'a>(root: &Path, path: &'a Path) -> &'a str {
    let path = path
        .as_ref()
        .strip_prefix(root.as_ref())
        .unwrap_or_default();
    path.strip_prefix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::list_requests;

    fn requests(folders: &[(&str, u32)]) -> u64 {
        let paths: Vec<String> = folders
            .iter()
            .flat_map(|(folder, count)| (0..*count).map(move |n| format!("{folder}{n}.jpg")))
            .collect();
        list_requests(paths.iter().map(String::as_str))
    }

    #[test]
    fn a_request_lists_a_thousand_keys_of_a_folder() {
        assert_eq!(requests(&[("", 1)]), 1);
        assert_eq!(requests(&[("", 1000)]), 1);
        assert_eq!(requests(&[("", 1001)]), 2);
        // The root, then the folder as a folder, since there are few of them.
        assert_eq!(requests(&[("a/", 1500)]), 1 + 2);
        // The root, then twenty folders.
        let labels: Vec<_> = (0..20).map(|n| format!("label {n}/")).collect();
        let folders: Vec<_> = labels.iter().map(|label| (label.as_str(), 1001)).collect();
        assert_eq!(requests(&folders), 1 + 20 * 2);
        // More folders than are worth a request each: the root's thousands, and all in one listing.
        let labels: Vec<_> = (0..1500).map(|n| format!("label {n}/")).collect();
        let folders: Vec<_> = labels.iter().map(|label| (label.as_str(), 2)).collect();
        assert_eq!(requests(&folders), 2 + 3);
    }
}
