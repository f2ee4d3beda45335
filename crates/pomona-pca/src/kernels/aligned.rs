//! A growable-once buffer of `f64` that begins on a cache line.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// One cache line; the alignment is what the type is for.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f64; Line::LENGTH]);

impl Line {
    const LENGTH: usize = 8;
}

/// A zeroed slice of `f64` aligned to 64 bytes, so that no vector load of a kernel straddles two
/// cache lines.
#[derive(Clone, Default)]
pub(crate) struct AlignedBuffer {
    lines: Vec<Line>,
    length: usize,
}

impl AlignedBuffer {
    /// `length` zeros.
    pub(crate) fn zeroed(length: usize) -> Self {
        Self {
            lines: vec![Line([0.0; Line::LENGTH]); length.div_ceil(Line::LENGTH)],
            length,
        }
    }

    /// Bytes held on the heap.
    pub(crate) fn size(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }
}

impl Deref for AlignedBuffer {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        // SAFETY: `Line` is `repr(C)` over `[f64; 8]` without padding, and the constructor makes
        // `lines` hold at least `length` initialised numbers.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl DerefMut for AlignedBuffer {
    fn deref_mut(&mut self) -> &mut [f64] {
        // SAFETY: as in `deref`, and the exclusive borrow of `self` covers the lines.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

impl fmt::Debug for AlignedBuffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AlignedBuffer({} numbers)", self.length)
    }
}
