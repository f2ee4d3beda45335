//! Lists the pictures of a table: one request a thousand objects, many folders at once.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::error::ImagesError;
use crate::io_runtime::on_io_runtime;
use crate::location::ImageLocation;
use crate::matching::ObjectMatcher;
use crate::options::ImageTableOptions;

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
    pub fn new(store: &str, meta: ObjectMeta) -> Self {
        let path = format!("{store}{}", meta.location);
        let end = path.rfind('/').unwrap_or_default();
        let start = path[..end].rfind('/').map_or(0, |slash| slash + 1);
        Self {
            label: (start, end),
            path,
            length: meta.size,
            modified: meta.last_modified,
            e_tag: meta.e_tag.or_else(|| {
                // Some servers list objects without their tags. Time and length tell versions
                // apart as well as what object_store makes up for local files does.
                let modified = meta.last_modified.timestamp_micros();
                Some(format!("{modified:x}-{:x}", meta.size))
            }),
        }
    }

    /// The name of the folder that holds the object; the bucket's at the root of a bucket.
    pub fn label(&self) -> &str {
        &self.path[self.label.0..self.label.1]
    }
}

/// All pictures of the given locations, each once, sorted by path.
pub(crate) async fn list_images(
    runtime: &Arc<RuntimeEnv>,
    locations: &[ImageLocation],
    options: &ImageTableOptions,
) -> Result<Vec<ListedObject>> {
    let mut objects = Vec::new();
    for location in locations {
        let store = runtime.object_store(location.object_store_url()?)?;
        let (location, options) = (location.clone(), options.clone());
        let listed = on_io_runtime(async move { list_location(store, &location, &options).await });
        objects.extend(listed.await??);
    }
    objects.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    objects.dedup_by(|a, b| a.path == b.path);
    Ok(objects)
}

async fn list_location(
    store: Arc<dyn ObjectStore>,
    location: &ImageLocation,
    options: &ImageTableOptions,
) -> Result<Vec<ListedObject>, ImagesError> {
    let root = location.object_path()?;
    let failed = |source| ImagesError::List {
        location: location.to_string(),
        source,
    };
    if location.is_object {
        let meta = store.head(&root).await.map_err(failed)?;
        return Ok(vec![ListedObject::new(&location.store, meta)]);
    }
    let matcher = ObjectMatcher::new(location, options)?;
    let metas = if options.recursive || location.pattern.is_some() {
        list_tree(store, root.clone()).await
    } else {
        store
            .list_with_delimiter(Some(&root))
            .await
            .map(|listed| listed.objects)
    };
    let metas = metas.map_err(failed)?;
    let markers = folder_markers(&metas);
    Ok(metas
        .iter()
        .filter(|meta| matcher.accepts(below(&root, &meta.location)))
        .filter(|meta| !markers.contains(&meta.location))
        .map(|meta| ListedObject::new(&location.store, meta.clone()))
        .collect())
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

/// Empty objects that stand for folders: consoles of S3 write an object `x.jpg/` for a folder
/// `x.jpg`, and its listing reads like an empty picture.
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
