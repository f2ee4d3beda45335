//! A file's bytes as libjpeg asks for them, with what has to be known of the asking afterwards.

use crate::ImageError;
use crate::preprocess::ImageFormat;
use crate::preprocess::image::Context;
use crate::preprocess::limits::Watch;
use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read};

/// What happened to a source that libjpeg owns.
#[derive(Default)]
pub(super) struct Shared {
    /// Bytes past the end were asked for.
    ended: Cell<bool>,
    /// Why no more bytes were handed over.
    stopped: RefCell<Option<ImageError>>,
}

impl Shared {
    /// The error that lies behind whatever libjpeg reported.
    pub(super) fn failure(&self) -> Option<ImageError> {
        if self.ended.get() {
            return Some(ImageError::Truncated {
                format: ImageFormat::Jpeg,
            });
        }
        self.stopped.borrow_mut().take()
    }
}

/// The bytes. Past the end it fails at once, where an empty answer would make libjpeg pretend that
/// the image was finished.
pub(super) struct Source<'a> {
    rest: &'a [u8],
    /// What follows the bytes once.
    end: &'a [u8],
    /// The most bytes that are handed over at once, and the clock that is asked each time.
    pieces: Option<(usize, Watch<'a>)>,
    shared: &'a Shared,
}

impl<'a> Source<'a> {
    /// All bytes at once, and an error behind them.
    pub(super) fn whole(bytes: &'a [u8], shared: &'a Shared) -> Self {
        Self {
            rest: bytes,
            end: &[],
            pieces: None,
            shared,
        }
    }

    /// As [`whole`](Self::whole); where missing data is filled, an end marker follows the bytes, at
    /// which libjpeg makes up the rest.
    pub(super) fn padded(bytes: &'a [u8], shared: &'a Shared, context: &Context<'a>) -> Self {
        Self {
            end: if context.pads() { b"\xff\xd9" } else { &[] },
            ..Self::whole(bytes, shared)
        }
    }

    /// As [`padded`](Self::padded), piece by piece: a progressive scan is work without bytes (two of
    /// them end 32,767 blocks), so the clock is asked more often than the rows would ask it.
    pub(super) fn in_pieces(bytes: &'a [u8], shared: &'a Shared, context: &Context<'a>) -> Self {
        Self {
            pieces: Some((64, context.watch)),
            ..Self::padded(bytes, shared, context)
        }
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest.is_empty() {
            self.rest = std::mem::take(&mut self.end);
        }
        if self.rest.is_empty() {
            self.shared.ended.set(true);
            return Err(io::ErrorKind::Other.into());
        }
        let Some((most, watch)) = &self.pieces else {
            return Ok(self.rest);
        };
        if let Err(error) = watch.check() {
            *self.shared.stopped.borrow_mut() = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        Ok(&self.rest[..self.rest.len().min(*most)])
    }

    fn consume(&mut self, n: usize) {
        self.rest = &self.rest[n.min(self.rest.len())..];
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}
