//! [`Input`]: the bytes of a tar, plain or out of a gzip, which is read in sequence.

use std::io::Write;

use bytes::{Buf, Bytes};
use flate2::write::MultiGzDecoder;

use super::blocks::{Blocks, Fault};

/// What is inflated at once: four kilobytes become four megabytes at most.
const PIECE: usize = 4 << 10;

/// How much larger than its file the inside of a gzip may be, once it is larger than
/// [`ANY_RATIO`]: images do not shrink so.
const MOST_RATIO: u64 = 200;

/// Up to here any ratio is taken.
const ANY_RATIO: u64 = 1 << 30;

/// The bytes of a tar.
pub(super) enum Input {
    Plain(Blocks),
    Gzip(Box<Inflated>),
}

impl Input {
    /// So many bytes, or those up to the end.
    pub(super) async fn read(&mut self, count: usize) -> Result<Vec<u8>, Fault> {
        // A size that a file declares is no reason to take memory for it.
        let mut bytes = Vec::with_capacity(count.min(1 << 20));
        match self {
            Self::Plain(blocks) => blocks.read(count, &mut bytes).await?,
            Self::Gzip(inflated) => inflated.read(count, &mut bytes).await?,
        }
        Ok(bytes)
    }

    /// Passes over so many bytes; `false` where the end comes first.
    pub(super) async fn skip(&mut self, count: u64) -> Result<bool, Fault> {
        match self {
            Self::Plain(blocks) => Ok(blocks.skip(count).await?),
            Self::Gzip(inflated) => inflated.skip(count).await,
        }
    }
}

/// The inside of a gzip, which may be several gzips one after the other.
pub(super) struct Inflated {
    blocks: Blocks,
    deflated: Bytes,
    decoder: MultiGzDecoder<Vec<u8>>,
    ready: Bytes,
    /// Bytes of the file that have been inflated.
    taken: u64,
    /// The offset inside of the next byte that is read.
    pub position: u64,
    is_over: bool,
}

impl Inflated {
    pub(super) fn new(blocks: Blocks) -> Self {
        Self {
            blocks,
            deflated: Bytes::new(),
            decoder: MultiGzDecoder::new(vec![]),
            ready: Bytes::new(),
            taken: 0,
            position: 0,
            is_over: false,
        }
    }

    pub(super) async fn read(&mut self, count: usize, to: &mut Vec<u8>) -> Result<(), Fault> {
        let mut left = count;
        while left > 0 && self.fill().await? {
            let some = left.min(self.ready.len());
            to.extend_from_slice(&self.ready[..some]);
            self.advance(some);
            left -= some;
        }
        Ok(())
    }

    pub(super) async fn skip(&mut self, count: u64) -> Result<bool, Fault> {
        let mut left = count;
        while left > 0 {
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

    async fn fill(&mut self) -> Result<bool, Fault> {
        let damaged = |error: std::io::Error| Fault::Data(format!("the gzip is damaged: {error}"));
        while self.ready.is_empty() && !self.is_over {
            if self.deflated.is_empty() {
                self.deflated = self.blocks.next().await?;
            }
            if self.deflated.is_empty() {
                self.is_over = true;
                self.decoder.try_finish().map_err(damaged)?;
            }
            let piece = self.deflated.split_to(PIECE.min(self.deflated.len()));
            self.taken += piece.len() as u64;
            self.decoder.write_all(&piece).map_err(damaged)?;
            self.ready = std::mem::take(self.decoder.get_mut()).into();
            let inside = self.position + self.ready.len() as u64;
            if inside > ANY_RATIO && inside / MOST_RATIO > self.taken {
                return Err(Fault::Data(format!(
                    "the gzip inflates to more than {MOST_RATIO} times its size"
                )));
            }
        }
        Ok(!self.ready.is_empty())
    }
}
