//! [`ListedObject`]: what a listing says of one image.

use chrono::{DateTime, Utc};
use object_store::ObjectMeta;

use crate::shards::{Place, Sidecar};

/// The texts of the sidecars of an image.
pub(crate) type Texts = [Option<String>; Sidecar::ALL.len()];

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedObject {
    /// The full URL as a person writes it.
    pub path: String,
    /// Where the folder's name is in `path`.
    label: (usize, usize),
    /// Size in bytes, where the listing has it.
    pub length: Option<u64>,
    pub modified: Option<DateTime<Utc>>,
    /// Of an image in a shard, its [`Place`] there.
    pub e_tag: Option<String>,
    /// The label that a shard says, where it says one.
    own_label: Option<Box<str>>,
    texts: Option<Box<Texts>>,
}

impl ListedObject {
    /// Writes the object's URL. The path of a *listed* object is the literal name: neither the
    /// local file system nor S3 percent-encodes what it lists, and `Path::parse` takes it back.
    pub(crate) fn new(store: &str, meta: ObjectMeta) -> Self {
        let path = format!("{store}{}", meta.location);
        Self {
            label: folder_name(&path),
            path,
            length: Some(meta.size),
            modified: Some(meta.last_modified),
            e_tag: meta.e_tag.or_else(|| {
                // Some servers list objects without their tags. Time and length distinguish
                // versions as well as the tags that object_store makes up for local files.
                let modified = meta.last_modified.timestamp_micros();
                Some(format!("{modified:x}-{:x}", meta.size))
            }),
            own_label: None,
            texts: None,
        }
    }

    /// An image in this shard.
    pub(crate) fn member(
        &self,
        name: &str,
        length: u64,
        place: String,
        label: Option<String>,
    ) -> Self {
        let path = format!("{}/{name}", self.path);
        Self {
            label: folder_name(&path),
            path,
            length: Some(length),
            modified: self.modified,
            e_tag: Some(place),
            own_label: label.map(String::into_boxed_str),
            texts: None,
        }
    }

    /// Where in a shard the image lies, if it lies in one.
    pub(crate) fn place(&self) -> Option<Place> {
        self.e_tag.as_deref().and_then(Place::parse)
    }

    /// The text of one of the sidecars.
    pub(crate) fn text(&self, sidecar: Sidecar) -> Option<&str> {
        let texts = self.texts.as_ref()?;
        texts[sidecar as usize].as_deref()
    }

    pub(crate) fn texts_mut(&mut self) -> &mut Texts {
        self.texts.get_or_insert_default()
    }

    /// An object of which a file says that it is there, and perhaps more.
    pub(crate) fn of_url(
        path: String,
        length: Option<u64>,
        modified: Option<DateTime<Utc>>,
        e_tag: Option<String>,
    ) -> Self {
        // In the URL of a web server a query is no part of the path.
        let is_web = path.starts_with("http:") || path.starts_with("https:");
        let end = path.find(['?', '#']).filter(|_| is_web);
        Self {
            label: folder_name(&path[..end.unwrap_or(path.len())]),
            path,
            length,
            modified,
            e_tag,
            own_label: None,
            texts: None,
        }
    }

    /// Drops what the listing did not say.
    pub(crate) fn forget(&mut self, known: Known) {
        self.length = self.length.filter(|_| known.length);
        self.modified = self.modified.filter(|_| known.modified);
        self.e_tag = self.e_tag.take().filter(|_| known.e_tag);
    }

    /// The name of the folder that holds the object; the bucket's at the root of a bucket.
    pub(crate) fn label(&self) -> &str {
        match &self.own_label {
            Some(label) => label,
            None => &self.path[self.label.0..self.label.1],
        }
    }
}

/// What a listing says of its objects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub length: bool,
    pub modified: bool,
    pub e_tag: bool,
}

/// Where in a path the name of the folder is that holds its last segment.
fn folder_name(path: &str) -> (usize, usize) {
    let end = path.rfind('/').unwrap_or_default();
    let start = path[..end].rfind('/').map_or(0, |slash| slash + 1);
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_of_a_url_is_the_name_before_the_last() {
        for (url, label) in [
            ("https://a.org/Apple/1.jpg", "Apple"),
            ("https://a.org/Apple/1.jpg?from=/x/y", "Apple"),
            ("https://a.org/1.jpg#/x/", "a.org"),
            ("s3://bucket/what?/1.jpg", "what?"),
            ("file:///data/1.jpg", "data"),
        ] {
            let object = ListedObject::of_url(url.to_owned(), None, None, None);
            assert_eq!(object.label(), label, "{url}");
        }
    }
}
