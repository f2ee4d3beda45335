//! [`Chooser`]: which entries of a listing are images of the table, and what is said of the rest.

use std::collections::HashSet;

use object_store::path::{self, Path};
use object_store::{Error, ObjectMeta};

use super::{ListedObject, Page};
use crate::error::ImagesError;
use crate::image_location::ImageLocation;
use crate::matching::ObjectMatcher;
use crate::options::ImageTableOptions;
use crate::shards::ShardKind;
use crate::skipped::Skipped;

/// An entry as a store lists it. A key that cannot be a [`Path`] is an
/// [`InvalidPath`](Error::InvalidPath), behind which the listing goes on.
pub(crate) type Entry = object_store::Result<ObjectMeta>;

/// Sorts the entries below one location of a table.
#[derive(Debug)]
pub(crate) struct Chooser {
    location: ImageLocation,
    root: Path,
    matcher: ObjectMatcher,
    /// The locations before this one: what they hold is theirs.
    earlier: Vec<(ImageLocation, ObjectMatcher)>,
}

impl Chooser {
    /// The chooser of `locations[position]`.
    pub(crate) fn new(
        locations: &[ImageLocation],
        position: usize,
        options: &ImageTableOptions,
    ) -> Result<Self, ImagesError> {
        let location = locations[position].clone();
        let earlier = locations[..position].iter();
        Ok(Self {
            root: location.object_path()?,
            matcher: ObjectMatcher::new(&location, options)?,
            earlier: earlier
                .map(|earlier| Ok((earlier.clone(), ObjectMatcher::new(earlier, options)?)))
                .collect::<Result<_, ImagesError>>()?,
            location,
        })
    }

    /// The images among `entries`. `skipped` is what was passed over before.
    ///
    /// # Errors
    /// With the first entry that is an error of the store.
    pub(crate) fn page(&self, entries: Vec<Entry>, skipped: Skipped) -> Result<Page, ImagesError> {
        let markers = folder_markers(&entries);
        let mut page = Page {
            entries: entries.len(),
            objects: Vec::with_capacity(entries.len()),
            shards: vec![],
            skipped,
        };
        for entry in entries {
            match entry {
                Ok(meta) if markers.contains(&meta.location) => {}
                Ok(meta) => self.take(meta, &mut page),
                Err(Error::InvalidPath { source }) => {
                    self.pass_over(&source, &mut page.skipped);
                }
                Err(source) => return Err(self.failed(source)),
            }
        }
        Ok(page)
    }

    /// The error of a store, with the location.
    pub(crate) fn failed(&self, source: Error) -> ImagesError {
        ImagesError::List {
            location: self.location.to_string(),
            source,
        }
    }

    fn take(&self, meta: ObjectMeta, page: &mut Page) {
        let relative = below(self.root.as_ref(), meta.location.as_ref());
        let is_shard =
            self.location.within.is_some() && ShardKind::of_name(meta.location.as_ref()).is_some();
        if is_shard && (self.location.is_object || self.matcher.accepts_shard(relative)) {
            let shard = ListedObject::new(&self.location.store, meta);
            if !self.is_of_earlier(&shard.path) {
                page.shards.push(shard);
            }
        } else if self.location.is_object || self.matcher.accepts(relative) {
            let object = ListedObject::new(&self.location.store, meta);
            if !self.is_of_earlier(&object.path) {
                page.objects.push(object);
            }
        } else if self.matcher.is_stranger(relative) {
            page.skipped.no_image(relative);
        }
    }

    fn is_of_earlier(&self, path: &str) -> bool {
        self.earlier.iter().any(|(location, matcher)| {
            let relative = || below(&location.path, &path[location.store.len()..]);
            let is_shard = location.within.is_some() && ShardKind::of_name(path).is_some();
            match location.is_object {
                // Of a shard a location may name a part.
                true if is_shard => {
                    let is_whole = location.within.as_deref() == Some("");
                    location.url() == path && (is_whole || location.within == self.location.within)
                }
                true => location.url() == path,
                false if is_shard => location.holds(path) && matcher.accepts_shard(relative()),
                false => location.holds(path) && matcher.accepts(relative()),
            }
        })
    }

    /// Counts a key that cannot be named in a URL, as a file of that name would be counted: hidden
    /// names are passed over.
    fn pass_over(&self, error: &path::Error, skipped: &mut Skipped) {
        let key = match error {
            path::Error::EmptySegment { path } | path::Error::BadSegment { path, .. } => path,
            other => {
                return skipped.unreadable_named(&self.location.to_string(), &other.to_string());
            }
        };
        let relative = below(self.root.as_ref(), key);
        let mut segments = relative.split('/');
        if segments.any(|name| name.starts_with('.') && ![".", ".."].contains(&name)) {
            return;
        }
        let reason = if key.chars().any(|c| c.is_ascii_control()) {
            "its key has a control character"
        } else if key.split('/').any(|name| [".", ".."].contains(&name)) {
            "its key has a segment . or .."
        } else {
            "its key has an empty segment"
        };
        skipped.unreadable_named(&format!("{}{key}", self.location.store), reason);
    }
}

/// Empty objects that stand for folders: consoles write an object `x.jpg/` for a folder `x.jpg`,
/// and stores that do not say so list it like an empty image.
fn folder_markers(entries: &[Entry]) -> HashSet<Path> {
    let listed = || entries.iter().flatten();
    let empty: HashSet<&str> = listed()
        .filter(|meta| meta.size == 0)
        .map(|meta| meta.location.as_ref())
        .collect();
    if empty.is_empty() {
        return HashSet::new();
    }
    let ancestors = listed().flat_map(|meta| {
        let path = meta.location.as_ref();
        path.match_indices('/').map(|(end, _)| &path[..end])
    });
    ancestors
        .filter(|folder| empty.contains(folder))
        .filter_map(|folder| Path::parse(folder).ok())
        .collect()
}

/// `path` without `root`; empty where it is not below it.
fn below<'a>(root: &str, path: &'a str) -> &'a str {
    let path = path.strip_prefix(root).unwrap_or_default();
    path.strip_prefix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::Location;

    fn invalid(key: &str) -> Entry {
        let path = key.to_owned();
        Err(path::Error::EmptySegment { path }.into())
    }

    #[test]
    fn keys_without_a_path_are_counted_unless_hidden() {
        let location = Location::parse("s3://bucket/").unwrap().literal(false);
        let chooser = Chooser::new(&[location], 0, &ImageTableOptions::default()).unwrap();
        let keys = [
            "a//b.jpg",
            "./c.jpg",
            "d/../e.jpg",
            "/f.jpg",
            "g\r.jpg",
            "h//.hidden.jpg",
            ".git//i.jpg",
        ];
        let entries = keys.map(invalid).into_iter().collect();
        let page = chooser.page(entries, Skipped::default()).unwrap();
        assert_eq!((page.entries, page.objects.len()), (7, 0));
        assert_eq!(page.skipped.unreadable_count(), 5);
        let text = page.skipped.to_string();
        assert!(text.contains("s3://bucket/a//b.jpg"), "{text}");
    }
}
