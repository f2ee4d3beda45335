//! Asks the stores what the locations of a new table are, so that a wrong one fails at CREATE.
//!
//! A location says by its name, or by the first page of its listing, whether shards are read there: a
//! folder of images may hold an archive of the same images, and a folder of shards holds no image.

use std::collections::VecDeque;
use std::fs;
use std::path::Path as FilePath;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::ImagesError;
use crate::image_location::ImageLocation;
use crate::io_runtime::on_io_runtime;
use crate::listing::PAGE;
use crate::location::Location;
use crate::matching::is_image_name;
use crate::shards::ShardKind;

/// Finds out whether `text` names an object, a folder, or a glob below a folder.
///
/// What exists under the literal name wins over reading it as a glob, so a folder named
/// `photos [2019]` needs no escaping.
///
/// # Errors
/// If the location cannot be understood, does not exist, or cannot be asked for.
pub async fn resolve(runtime: &Arc<RuntimeEnv>, text: &str) -> Result<ImageLocation> {
    let written = Location::parse(text)?;
    let literal = written.literal(false);
    let store = runtime.object_store(literal.object_store_url()?)?;
    on_io_runtime(async move {
        if !written.is_folder {
            let object = written.literal(true);
            // A store that forbids HEAD, or reports a folder as an odd kind of object, says so
            // again when it is asked to list.
            if store.head(&object.object_path()?).await.is_ok() {
                // In a bucket both may be there; who names an image means the image.
                let is_shard = ShardKind::of_name(&object.path).is_some();
                let Some(found) =
                    (match is_image_name(&object.path) || is_shard || object.local_path().is_some()
                    {
                        true => None,
                        false => folder(store.as_ref(), &literal).await?,
                    })
                else {
                    return Ok(with_shards(object, is_shard));
                };
                log::warn!(
                    "{object} is an object and a folder: what is read is the folder, {literal}"
                );
                return Ok(with_shards(literal, found.has_shards_alone));
            }
        }
        if let Some(found) = folder(store.as_ref(), &literal).await? {
            return Ok(with_shards(literal, found.has_shards_alone));
        }
        for shard in written.shards() {
            if store.head(&shard.object_path()?).await.is_ok() {
                return Ok(shard);
            }
        }
        match written.glob() {
            Some(glob) if folder(store.as_ref(), &glob).await?.is_some() => {
                let names_shards = glob.pattern().and_then(ShardKind::of_name).is_some();
                Ok(with_shards(glob, names_shards))
            }
            Some(glob) => Err(absent(&glob)),
            None => Err(absent(&literal)),
        }
    })
    .await?
    .map_err(Into::into)
}

fn with_shards(mut location: ImageLocation, are_read: bool) -> ImageLocation {
    location.read_shards(are_read);
    location
}

/// What the first page of a folder shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Folder {
    has_shards_alone: bool,
}

impl Folder {
    /// Of names in the folder, of which those with a dot before are nobody's.
    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let is_hidden = |name: &&str| name.split('/').any(|name| name.starts_with('.'));
        let names: Vec<&str> = names.filter(|name| !is_hidden(name)).collect();
        let has_shards = names.iter().any(|name| ShardKind::of_name(name).is_some());
        Self {
            has_shards_alone: has_shards && !names.iter().any(|name| is_image_name(name)),
        }
    }
}

/// A folder exists if an object is below it; on the local file system it may also be empty.
async fn folder(
    store: &dyn ObjectStore,
    location: &ImageLocation,
) -> Result<Option<Folder>, ImagesError> {
    if let Some(folder) = location.local_path() {
        let names = || Folder::of(first_names(&folder).iter().map(String::as_str));
        return Ok(folder.is_dir().then(names));
    }
    let root = location.object_path()?;
    // As many as a request lists.
    let first: Vec<_> = store.list(Some(&root)).take(PAGE).collect().await;
    match first.first() {
        None => return Ok(None),
        // A key that is no path is an object, too.
        Some(Ok(_) | Err(object_store::Error::InvalidPath { .. })) => {}
        Some(Err(_)) => {
            let failed = first.into_iter().find_map(Result::err);
            return match failed {
                Some(source) => Err(ImagesError::List {
                    location: location.to_string(),
                    source,
                }),
                None => Ok(None),
            };
        }
    }
    let names = first.iter().flatten().map(|meta| {
        let name = meta.location.as_ref().strip_prefix(root.as_ref());
        name.unwrap_or_default().trim_start_matches('/')
    });
    Ok(Some(Folder::of(names)))
}

/// Names of some files below a folder of a disk, which need not be all.
fn first_names(folder: &FilePath) -> Vec<String> {
    let mut names = vec![];
    let mut folders = VecDeque::from([folder.to_owned()]);
    let mut visited = 0;
    while let Some(folder) = folders.pop_front() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            visited += 1;
            if visited > PAGE {
                return names;
            }
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            let is_hidden = name.starts_with('.');
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !is_hidden => folders.push_back(entry.path()),
                Ok(kind) if !kind.is_dir() => names.push(name),
                _ => {}
            }
        }
    }
    names
}

fn absent(location: &ImageLocation) -> ImagesError {
    let mut advice = String::new();
    if location.url().contains('%') {
        advice.push_str("LOCATION is literal, write a space as a space and not as %20; ");
    }
    let text = location.text.clone();
    let Some(folder) = location.local_path() else {
        advice.push_str("check the bucket and the prefix, which are case-sensitive");
        return ImagesError::NoObjects {
            prefix: location.to_string(),
            location: text,
            advice,
        };
    };
    let nearest = folder.ancestors().skip(1).find(|parent| parent.is_dir());
    if let Some(nearest) = nearest {
        advice.push_str(&format!(
            "the nearest folder that exists is {}; ",
            nearest.display()
        ));
    }
    advice.push_str("give an existing folder, a file, or a glob below a folder");
    ImagesError::NoSuchFolder {
        folder: folder.display().to_string(),
        location: text,
        advice,
    }
}
