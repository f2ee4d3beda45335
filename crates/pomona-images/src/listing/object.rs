//! [`ListedObject`]: what a listing says of one image.

use chrono::{DateTime, Utc};
use object_store::ObjectMeta;

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
    /// local file system nor S3 percent-encodes what it lists, and `Path::parse` takes it back.
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
