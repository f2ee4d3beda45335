//! A file's bytes in pieces, with a look at the clock before each.

use crate::ImageError;
use crate::preprocess::limits::Watch;
use std::cell::RefCell;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// The bytes from a place on.
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
    watch: Watch<'a>,
    /// Why no more bytes were handed over.
    stopped: &'a RefCell<Option<ImageError>>,
}

impl<'a> Source<'a> {
    const PIECE: usize = 4096;

    pub(super) fn new(
        bytes: &'a [u8],
        watch: Watch<'a>,
        stopped: &'a RefCell<Option<ImageError>>,
    ) -> Self {
        Self {
            bytes,
            at: 0,
            watch,
            stopped,
        }
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if let Err(error) = self.watch.check() {
            *self.stopped.borrow_mut() = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        Ok(&rest[..rest.len().min(Self::PIECE)])
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(at) => (0, i64::try_from(at).map_err(io::Error::other)?),
            SeekFrom::End(offset) => (self.bytes.len(), offset),
            SeekFrom::Current(offset) => (self.at, offset),
        };
        let at = i64::try_from(base)
            .ok()
            .and_then(|base| base.checked_add(offset))
            .and_then(|at| usize::try_from(at).ok())
            .ok_or(io::ErrorKind::InvalidInput)?;
        self.at = at;
        Ok(at as u64)
    }
}
