//! [`Source`]: everything that a listing needs, and its [`Pages`].

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::{Path, PathPart};
use object_store::{Error, ObjectStore, ObjectStoreExt};

use super::chooser::{Chooser, Entry};
use super::divided_keys::DividedKeys;
use super::local_walk::{LocalWalk, walk};
use super::ranges::KeyRange;
use super::scope::{Part, Scope, levels};
use super::tree::{FOLDERS_AT_ONCE, Pace, objects, range, tree};
use super::{ListedObject, PAGE};
use crate::error::ImagesError;
use crate::image_location::ImageLocation;
use crate::listing_files::{ListingFile, ListingReader};
use crate::options::ImageTableOptions;
use crate::shards::{Expansion, MemberMatcher, with_members};
use crate::skipped::Skipped;
use crate::urls::ReadOptions;

/// A part of a listing.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// How many objects the store listed.
    pub entries: usize,
    /// The images among them.
    pub objects: Vec<ListedObject>,
    /// The shards among them, of which the images are to be listed.
    pub shards: Vec<ListedObject>,
    /// What was passed over.
    pub skipped: Skipped,
}

/// A listing. What is not asked for is not listed.
pub(crate) type Pages = BoxStream<'static, Result<Page, ImagesError>>;

/// Locations and their stores, as often as they are to be listed.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    locations: Vec<ImageLocation>,
    stores: Vec<Arc<dyn ObjectStore>>,
    options: ImageTableOptions,
    scope: Scope,
    /// Reads listings that are files.
    files: ListingReader,
}

impl Source {
    /// # Errors
    /// If the runtime has no store for a location.
    pub(crate) fn new(
        runtime: &RuntimeEnv,
        locations: &[ImageLocation],
        options: &ImageTableOptions,
        scope: Scope,
    ) -> Result<Self> {
        let stores = locations
            .iter()
            .map(|location| runtime.object_store(location.object_store_url()?));
        Ok(Self {
            stores: stores.collect::<Result<_>>()?,
            locations: locations.to_vec(),
            options: options.clone(),
            scope,
            files: ListingReader {
                stores: Arc::clone(&runtime.object_store_registry),
                table: options.clone(),
                urls: ReadOptions::default(),
            },
        })
    }

    /// The same with the session's options for URLs, to which the rows of listings that are files
    /// are held.
    pub(crate) fn with_urls(mut self, urls: ReadOptions) -> Self {
        self.files.urls = urls;
        self
    }

    /// The locations, for people who read plans.
    pub(crate) fn locations(&self) -> &[ImageLocation] {
        &self.locations
    }

    /// The images of all locations, each once. A listing of which so many images are enough makes
    /// one request at a time and lists images in the order of the store, which is that of their
    /// paths.
    ///
    /// # Errors
    /// If a location has no path in its store, or a glob is none.
    pub(crate) fn pages(&self, enough: Option<usize>) -> Result<Pages, ImagesError> {
        // A script whose limit is a variable has the largest number where nobody wants one.
        let enough = enough.filter(|&enough| enough < i64::MAX as usize);
        let pace = match enough {
            Some(enough) => Pace {
                at_once: 1,
                page: enough.clamp(1, PAGE),
            },
            None => Pace {
                at_once: FOLDERS_AT_ONCE,
                page: PAGE,
            },
        };
        let mut all = Vec::with_capacity(self.locations.len());
        for (position, location) in self.locations.iter().enumerate() {
            if let Some(listing) = ListingFile::of(location, &self.options)? {
                all.push(listing.pages(&self.files, enough.is_none()));
                continue;
            }
            let chooser = Chooser::new(&self.locations, position, &self.options)?;
            let store = &self.stores[position];
            let scope = match location.within {
                None => self.scope.clone(),
                Some(_) => self.scope.of_shards(),
            };
            let pages = match location.local_path() {
                _ if location.is_object => object(Arc::clone(store), location, chooser)?,
                Some(_) => self.of_disk(&scope, location, chooser),
                None => self.of_store(&scope, store, location, chooser, pace),
            };
            if location.within.is_none() {
                all.push(pages);
                continue;
            }
            let expansion = Expansion {
                store: Arc::clone(store),
                root: location.store.clone(),
                matcher: Arc::new(MemberMatcher::new(location, &self.options)?),
            };
            all.push(with_members(pages, expansion, enough.is_none()));
        }
        Ok(stream::iter(all).flatten().boxed())
    }

    /// The only location, where its keys can be divided into ranges that are listed apart: a folder of a
    /// store that lists from any key on, of which a range of keys is one of images.
    pub(crate) fn divisible(&self) -> Option<&ImageLocation> {
        let [location] = self.locations.as_slice() else {
            return None;
        };
        let is_plain = !location.is_object && location.within.is_none() && is_ordered(location);
        let is_listed = matches!(ListingFile::of(location, &self.options), Ok(None));
        let parts = self.scope.parts(location, &self.options);
        let mut parts = parts.iter();
        let are_ranges = parts.all(|part| matches!(part, Part::Tree(_) | Part::Range { .. }));
        (is_plain && is_listed && are_ranges).then_some(location)
    }

    /// The images of the [`divisible`](Self::divisible) location whose keys are in a range.
    ///
    /// # Errors
    /// If there is none, it has no path in its store, or a glob is none.
    pub(crate) fn pages_between(&self, range: &KeyRange) -> Result<Pages, ImagesError> {
        let keys = self.divided_keys()?;
        let parts = 0..keys.parts.len();
        let listed: Vec<_> = parts.map(|part| keys.between(part, range)).collect();
        Ok(stream::iter(listed)
            .flatten()
            .map(move |entries| keys.page(entries))
            .boxed())
    }

    /// The keys of the [`divisible`](Self::divisible) location.
    ///
    /// # Errors
    /// If there is none, it has no path in its store, or a glob is none.
    pub(crate) fn divided_keys(&self) -> Result<DividedKeys, ImagesError> {
        let Some(location) = self.divisible() else {
            let location = self.locations.first().map(ToString::to_string);
            return Err(ImagesError::InvalidLocation {
                location: location.unwrap_or_default(),
                reason: "its keys are listed as a whole".to_owned(),
            });
        };
        let parts = self.scope.parts(location, &self.options).into_iter();
        let parts = parts.filter_map(|part| match part {
            Part::Tree(folder) => Some((literal(&folder), String::new())),
            Part::Range { folder, name } => Some((literal(&folder), name)),
            Part::Objects(_) | Part::Labels { .. } => None,
        });
        Ok(DividedKeys {
            store: Arc::clone(&self.stores[0]),
            chooser: Chooser::new(&self.locations, 0, &self.options)?,
            parts: parts.collect(),
        })
    }

    /// The table's options.
    pub(crate) fn options(&self) -> &ImageTableOptions {
        &self.options
    }

    /// What the conditions of the query leave to be listed.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    fn of_store(
        &self,
        scope: &Scope,
        store: &Arc<dyn ObjectStore>,
        location: &ImageLocation,
        chooser: Chooser,
        pace: Pace,
    ) -> Pages {
        let parts = scope.parts(location, &self.options);
        let is_ordered = is_ordered(location);
        let labels = Arc::new(scope.labels().cloned().unwrap_or_default());
        let (store, bucket) = (Arc::clone(store), location.store.clone());
        let parts = stream::iter(parts).map(move |part| {
            let store = Arc::clone(&store);
            match part {
                Part::Tree(folder) => tree(store, literal(&folder), pace),
                Part::Range { folder, name } if is_ordered => {
                    range(&store, &literal(&folder), &name, pace)
                }
                Part::Range { folder, .. } => tree(store, literal(&folder), pace),
                Part::Objects(folder) => objects(store, literal(&folder), pace),
                Part::Labels { folder, levels } => {
                    let own = format!("{bucket}{folder}");
                    let own = own.trim_end_matches('/').rsplit('/').next();
                    let own = own.unwrap_or_default().to_owned();
                    labelled(
                        store,
                        literal(&folder),
                        own,
                        levels,
                        Arc::clone(&labels),
                        pace,
                    )
                }
            }
        });
        let entries = match pace.at_once {
            1 => parts.flatten().boxed(),
            at_once => parts.flatten_unordered(at_once).boxed(),
        };
        entries
            .map(move |entries| chooser.page(entries, Skipped::default()))
            .boxed()
    }

    fn of_disk(&self, scope: &Scope, location: &ImageLocation, chooser: Chooser) -> Pages {
        let bound = levels(location, &self.options);
        let depth = |folder: &str| folder.split('/').filter(|name| !name.is_empty()).count();
        let root = location.path.clone();
        let mut walks = vec![];
        for part in scope.parts(location, &self.options) {
            let (folder, name) = match part {
                Part::Tree(folder) | Part::Objects(folder) | Part::Labels { folder, .. } => {
                    (folder, String::new())
                }
                Part::Range { folder, name } => (folder, name),
            };
            let below = depth(&folder) - depth(&root);
            let levels = match bound {
                Some(bound) if bound < below => continue,
                Some(bound) => Some(bound - below),
                None => None,
            };
            walks.push(LocalWalk {
                folder: PathBuf::from(format!("/{folder}")),
                root: PathBuf::from(format!("/{root}")),
                prefix: literal(&folder),
                name,
                levels,
                scope: scope.clone(),
            });
        }
        stream::iter(walks)
            .flat_map(walk)
            .map(move |walked| {
                let (files, skipped) = walked.map_err(|source| {
                    chooser.failed(Error::Generic {
                        store: "LocalFileSystem",
                        source: source.into(),
                    })
                })?;
                chooser.page(files.into_iter().map(Ok).collect(), skipped)
            })
            .boxed()
    }
}

/// The path in a store of a folder that has one.
fn literal(folder: &str) -> Path {
    Path::parse(folder).expect("locations and parts of them have been parsed")
}

/// Whether a store lists keys in their order, and from any key on: S3 does, but for its directory
/// buckets.
fn is_ordered(location: &ImageLocation) -> bool {
    location.store.starts_with("s3://") && !location.store.ends_with("--x-s3/")
}

fn object(
    store: Arc<dyn ObjectStore>,
    location: &ImageLocation,
    chooser: Chooser,
) -> Result<Pages, ImagesError> {
    let path = location.object_path()?;
    let head = async move {
        let meta = store.head(&path).await.map_err(|e| chooser.failed(e))?;
        chooser.page(vec![Ok(meta)], Skipped::default())
    };
    Ok(stream::once(head).boxed())
}

/// The objects of the folders that have one of `labels` as their name: `folder` itself, which is
/// called `own`, and those at most so many levels below it.
fn labelled(
    store: Arc<dyn ObjectStore>,
    folder: Path,
    own: String,
    levels: usize,
    labels: Arc<BTreeSet<String>>,
    pace: Pace,
) -> BoxStream<'static, Vec<Entry>> {
    let inside = match labels.contains(&own) {
        true => objects(Arc::clone(&store), folder.clone(), pace),
        false => stream::empty().boxed(),
    };
    let below = match levels {
        0 => stream::empty().boxed(),
        1 => {
            let names = labels.iter().filter(|label| !label.is_empty());
            let parts = names.filter_map(|label| PathPart::parse(label).ok());
            let folders: Vec<Path> = parts
                .map(|part| folder.parts().chain([part]).collect())
                .collect();
            stream::iter(folders)
                .flat_map(move |folder| objects(Arc::clone(&store), folder, pace))
                .boxed()
        }
        _ => {
            let list = async move {
                let listed = store.list_with_delimiter(Some(&folder)).await;
                (store, folder, listed)
            };
            stream::once(list)
                .flat_map(move |(store, folder, listed)| {
                    let labels = Arc::clone(&labels);
                    match listed {
                        Ok(listed) => stream::iter(listed.common_prefixes)
                            .flat_map(move |folder| {
                                let own = folder.filename().unwrap_or_default().to_owned();
                                let (store, labels) = (Arc::clone(&store), Arc::clone(&labels));
                                labelled(store, folder, own, levels - 1, labels, pace)
                            })
                            .boxed(),
                        // A folder without a path: its keys are named by the whole listing.
                        Err(Error::InvalidPath { .. }) => deeper(store, folder, pace),
                        Err(error) => stream::iter([vec![Err(error)]]).boxed(),
                    }
                })
                .boxed()
        }
    };
    inside.chain(below).boxed()
}

/// Everything below a folder but the objects in it.
fn deeper(store: Arc<dyn ObjectStore>, folder: Path, pace: Pace) -> BoxStream<'static, Vec<Entry>> {
    let count = folder.parts().count() + 1;
    let is_deeper = move |entry: &Entry| match entry {
        Ok(meta) => meta.location.parts().count() > count,
        Err(_) => true,
    };
    tree(store, folder, pace)
        .map(move |entries| entries.into_iter().filter(&is_deeper).collect::<Vec<_>>())
        .boxed()
}
