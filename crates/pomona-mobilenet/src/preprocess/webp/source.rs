//! Lossless data as a file of its own, in pieces, with a look at the clock before each.

use crate::ImageError;
use crate::preprocess::limits::Watch;
use std::cell::RefCell;
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// A container, and the header of the image.
pub(super) type Head = [u8; HEAD];

const HEAD: usize = 25;

/// What stands before `len` bytes of data. The header says that there is alpha, whether there is or not: then the pixels are
/// decoded in place.
pub(super) fn head([signature, b0, b1, b2, b3]: [u8; 5], len: usize) -> Head {
    let len = u32::try_from(len + 5).unwrap_or(u32::MAX);
    let padded = len.saturating_add(len % 2 + 12);
    let mut head = *b"RIFF____WEBPVP8L____\x2f____";
    head[4..8].copy_from_slice(&padded.to_le_bytes());
    head[16..20].copy_from_slice(&len.to_le_bytes());
    head[20..].copy_from_slice(&[signature, b0, b1, b2, b3 | 0x10]);
    head
}

/// The bytes from a place on.
pub(super) struct Source<'a> {
    head: &'a Head,
    data: &'a [u8],
    at: usize,
    /// Bytes from there on. The decoder asks for them with every pixel.
    piece: &'a [u8],
    watch: Watch<'a>,
    /// Why no more bytes were handed over.
    stopped: &'a RefCell<Option<ImageError>>,
}

impl<'a> Source<'a> {
    const PIECE: usize = 16 << 10;

    pub(super) fn new(
        head: &'a Head,
        data: &'a [u8],
        watch: Watch<'a>,
        stopped: &'a RefCell<Option<ImageError>>,
    ) -> Self {
        Self {
            head,
            data,
            at: 0,
            piece: &[],
            watch,
            stopped,
        }
    }

    #[cold]
    fn next_piece(&mut self) -> io::Result<()> {
        if let Err(error) = self.watch.check() {
            *self.stopped.borrow_mut() = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        let rest = match self.at.checked_sub(HEAD) {
            Some(at) => self.data.get(at..).unwrap_or(&[]),
            None => &self.head[self.at..],
        };
        self.piece = &rest[..rest.len().min(Self::PIECE)];
        Ok(())
    }
}

impl BufRead for Source<'_> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece.is_empty() {
            self.next_piece()?;
        }
        Ok(self.piece)
    }

    #[inline]
    fn consume(&mut self, n: usize) {
        self.at += n;
        self.piece = self.piece.get(n..).unwrap_or(&[]);
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
            SeekFrom::End(offset) => (HEAD + self.data.len(), offset),
            SeekFrom::Current(offset) => (self.at, offset),
        };
        let at = i64::try_from(base)
            .ok()
            .and_then(|base| base.checked_add(offset))
            .and_then(|at| usize::try_from(at).ok())
            .ok_or(io::ErrorKind::InvalidInput)?;
        self.at = at;
        self.piece = &[];
        Ok(at as u64)
    }
}
