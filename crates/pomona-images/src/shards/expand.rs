//! Puts the images of shards into a listing.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use object_store::ObjectStore;
use object_store::path::Path;

use super::blocks::{Blocks, Fault};
use super::gzip::{Inflated, Input};
use super::members::{MemberMatcher, Members};
use super::object::ShardObject;
use super::{ShardKind, parquet, tar, zip};
use crate::error::ImagesError;
use crate::listing::{ListedObject, Page, Pages};

/// Shards that are listed at once.
const SHARDS_AT_ONCE: usize = 8;

/// What the shards of a location need to be listed.
#[derive(Debug)]
pub(crate) struct Expansion {
    pub store: Arc<dyn ObjectStore>,
    /// Scheme and authority with a slash at the end.
    pub root: String,
    pub matcher: Arc<MemberMatcher>,
}

/// The pages of a listing, each followed by one for each of its shards. A listing of which a few
/// images may be enough lists one shard at a time.
pub(crate) fn with_members(pages: Pages, expansion: Expansion, is_eager: bool) -> Pages {
    let expansion = Arc::new(expansion);
    let at_once = if is_eager { SHARDS_AT_ONCE } else { 1 };
    pages
        .flat_map(move |page| match page {
            Ok(mut page) if !page.shards.is_empty() => {
                let shards = std::mem::take(&mut page.shards);
                let expansion = Arc::clone(&expansion);
                let members = stream::iter(shards)
                    .map(move |shard| Arc::clone(&expansion).members(shard))
                    .buffered(at_once);
                stream::iter([Ok(page)]).chain(members).boxed()
            }
            page => stream::iter([page]).boxed(),
        })
        .boxed()
}

impl Expansion {
    /// The images of a shard.
    async fn members(self: Arc<Self>, shard: ListedObject) -> Result<Page, ImagesError> {
        let mut members = Members::new(shard.clone(), Arc::clone(&self.matcher));
        match self.index(&shard, &mut members).await {
            Ok(()) => {}
            // What may be read by another attempt is an error; the rest is of this shard alone.
            Err(Fault::Store(error)) if error.is_transient() => return Err(error),
            Err(Fault::Store(error)) => members.fault(error.reason()),
            Err(Fault::Data(reason)) => members.fault(reason),
        }
        members.finish()
    }

    async fn index(&self, shard: &ListedObject, members: &mut Members) -> Result<(), Fault> {
        let invalid = || ImagesError::InvalidPath {
            path: shard.path.clone(),
        };
        let path = shard.path.strip_prefix(&self.root).ok_or_else(invalid)?;
        let object = ShardObject {
            store: Arc::clone(&self.store),
            path: Path::parse(path).map_err(|_| invalid())?,
            url: shard.path.clone(),
            version: shard.e_tag.clone().unwrap_or_default(),
        };
        let length = shard.length.unwrap_or_default();
        let blocks = |object| Blocks::new(object, length);
        match ShardKind::of_name(&shard.path) {
            Some(ShardKind::Tar) => {
                tar::index(Input::Plain(blocks(object)), false, length, members).await
            }
            Some(ShardKind::TarGzip) => {
                let input = Input::Gzip(Box::new(Inflated::new(blocks(object))));
                tar::index(input, true, length, members).await
            }
            Some(ShardKind::Zip) => zip::index(&object, length, members).await,
            Some(ShardKind::Parquet) => parquet::index(&object, length, members).await,
            None => Err(invalid().into()),
        }
    }
}
