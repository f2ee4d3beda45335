//! [`ShardObject`]: the object that is a shard, read in ranges of one version.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta, ObjectStore};

use crate::error::ImagesError;

/// A shard in its store.
#[derive(Debug, Clone)]
pub(crate) struct ShardObject {
    pub store: Arc<dyn ObjectStore>,
    pub path: Path,
    /// As a person writes it.
    pub url: String,
    /// Its `e_tag` when it was listed.
    pub version: String,
}

/// What a range has: all of its bytes, or a stream of them.
pub(super) enum Ranged {
    Whole(Bytes),
    Stream(futures::stream::BoxStream<'static, object_store::Result<Bytes>>),
}

impl ShardObject {
    /// # Errors
    /// When the range cannot be read, and when the object is not the one that was listed.
    pub(crate) async fn get(&self, range: Range<u64>) -> Result<Bytes, ImagesError> {
        let object = self.request(range).await?;
        object.bytes().await.map_err(|source| self.failed(source))
    }

    /// The same, in the pieces in which a store sends it; files of a disk are read at once.
    pub(super) async fn open(&self, range: Range<u64>) -> Result<Ranged, ImagesError> {
        let object = self.request(range).await?;
        if let GetResultPayload::File(..) = object.payload {
            let bytes = object.bytes().await.map_err(|source| self.failed(source))?;
            return Ok(Ranged::Whole(bytes));
        }
        Ok(Ranged::Stream(object.into_stream()))
    }

    pub(super) fn failed(&self, source: object_store::Error) -> ImagesError {
        ImagesError::from_get(self.url.clone(), source)
    }

    /// Whether the shard is a file of a disk, where a request costs next to nothing.
    pub(super) fn is_local(&self) -> bool {
        self.url.starts_with("file:///")
    }

    async fn request(&self, range: Range<u64>) -> Result<GetResult, ImagesError> {
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(range)));
        let object = self.store.get_opts(&self.path, options).await;
        let object = object.map_err(|source| self.failed(source))?;
        match is_version(&self.version, &object.meta) {
            true => Ok(object),
            false => Err(ImagesError::Changed {
                path: self.url.clone(),
            }),
        }
    }
}

/// Whether an answer is of the version that was listed. Where the listing had no tag, the version
/// was made of time and length, of which answers have the length alone to the last digit.
fn is_version(listed: &str, answer: &ObjectMeta) -> bool {
    fn bare(e_tag: &str) -> &str {
        e_tag.trim_start_matches("W/").trim_matches('"')
    }
    let Some(e_tag) = &answer.e_tag else {
        return true;
    };
    if bare(e_tag) == bare(listed) {
        return true;
    }
    let made = listed
        .split_once('-')
        .filter(|(_, length)| !length.contains(['-', '"']));
    made.is_some_and(|(_, length)| u64::from_str_radix(length, 16) == Ok(answer.size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_its_tag_or_its_length() {
        let answer = |e_tag: Option<&str>| ObjectMeta {
            location: "x.tar".into(),
            last_modified: chrono::Utc::now(),
            size: 0x2a,
            e_tag: e_tag.map(str::to_owned),
            version: None,
        };
        assert!(is_version("\"abc\"", &answer(Some("\"abc\""))));
        assert!(is_version("abc", &answer(Some("W/\"abc\""))));
        assert!(!is_version("\"abc\"", &answer(Some("\"abd\""))));
        assert!(!is_version("\"2b-2a\"", &answer(Some("\"abd\""))));
        assert!(is_version("64f00-2a", &answer(Some("\"abd\""))));
        assert!(!is_version("64f00-2b", &answer(Some("\"abd\""))));
        assert!(!is_version("1-64f00-2a", &answer(Some("2-64f00-2a"))));
        assert!(is_version("\"abc\"", &answer(None)));
    }
}
