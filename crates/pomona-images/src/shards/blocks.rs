//! [`Blocks`]: a shard read forward, in requests of many megabytes.

use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::object::{Ranged, ShardObject};
use crate::error::ImagesError;

/// The bytes of a request to a store. It is streamed, so that memory does not grow with it, and ends
/// within the 30 seconds that clients give a request.
const BLOCK: u64 = 32 << 20;

/// The bytes of a read of a disk.
const LOCAL_BLOCK: u64 = 256 << 10;

/// What is skipped by reading on, because another request would take longer.
const NEAR: u64 = 4 << 20;

/// Why a shard cannot be read on.
#[derive(Debug)]
pub(super) enum Fault {
    /// The store's answer.
    Store(ImagesError),
    /// The bytes of the shard are not what they should be.
    Data(String),
}

impl From<ImagesError> for Fault {
    fn from(error: ImagesError) -> Self {
        Self::Store(error)
    }
}

/// Bytes of a shard in their order.
pub(super) struct Blocks {
    pub object: ShardObject,
    length: u64,
    /// The offset of the next byte that is read.
    position: u64,
    ready: Bytes,
    stream: Option<BoxStream<'static, object_store::Result<Bytes>>>,
}

impl Blocks {
    pub(super) fn new(object: ShardObject, length: u64) -> Self {
        Self {
            object,
            length,
            position: 0,
            ready: Bytes::new(),
            stream: None,
        }
    }

    /// The next bytes, however many there are; none at the end.
    pub(super) async fn next(&mut self) -> Result<Bytes, ImagesError> {
        self.fill().await?;
        let ready = std::mem::take(&mut self.ready);
        self.position += ready.len() as u64;
        Ok(ready)
    }

    /// Appends so many bytes, or those up to the end of the shard.
    pub(super) async fn read(&mut self, count: usize, to: &mut Vec<u8>) -> Result<(), ImagesError> {
        let mut left = count;
        while left > 0 && self.fill().await? {
            let some = left.min(self.ready.len());
            to.extend_from_slice(&self.ready[..some]);
            self.advance(some);
            left -= some;
        }
        Ok(())
    }

    /// Passes over so many bytes, or those up to the end; `false` at the end.
    pub(super) async fn skip(&mut self, count: u64) -> Result<bool, ImagesError> {
        let mut left = count;
        while left > 0 {
            let near = if self.object.is_local() { 0 } else { NEAR };
            let is_far = left > self.ready.len() as u64 + near;
            if self.ready.is_empty() && self.stream.is_none() || is_far {
                self.stream = None;
                self.ready = Bytes::new();
                self.position = self.position.saturating_add(left);
                return Ok(self.position <= self.length);
            }
            if !self.fill().await? {
                return Ok(false);
            }
            let some = left.min(self.ready.len() as u64);
            self.advance(some as usize);
            left -= some;
        }
        Ok(true)
    }

    fn advance(&mut self, count: usize) {
        self.ready.advance(count);
        self.position += count as u64;
    }

    /// Makes some bytes ready; `false` at the end of the shard.
    async fn fill(&mut self) -> Result<bool, ImagesError> {
        while self.ready.is_empty() {
            let Some(stream) = &mut self.stream else {
                if self.position >= self.length {
                    return Ok(false);
                }
                let block = match self.object.is_local() {
                    true => LOCAL_BLOCK,
                    false => BLOCK,
                };
                let end = self.length.min(self.position + block);
                match self.object.open(self.position..end).await? {
                    // A file that ends before it was listed to.
                    Ranged::Whole(bytes) if bytes.is_empty() => return Ok(false),
                    Ranged::Whole(bytes) => self.ready = bytes,
                    Ranged::Stream(stream) => self.stream = Some(stream),
                }
                continue;
            };
            match stream.next().await {
                Some(bytes) => self.ready = bytes.map_err(|source| self.object.failed(source))?,
                None => self.stream = None,
            }
        }
        Ok(true)
    }
}
