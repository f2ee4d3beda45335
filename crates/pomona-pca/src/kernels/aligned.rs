//! A buffer of numbers that begins on a cache line.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use pulp::bytemuck::Pod;

/// One cache line; the type exists for its alignment.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; Line::BYTES]);

impl Line {
    const BYTES: usize = 64;
}

/// A zeroed slice of numbers aligned to 64 bytes, so that no vector load of a kernel straddles two
/// cache lines.
#[derive(Clone)]
pub(crate) struct AlignedBuffer<T = f64> {
    lines: Vec<Line>,
    length: usize,
    numbers: PhantomData<T>,
}

impl<T: Pod> AlignedBuffer<T> {
    /// `length` zeros.
    pub(crate) fn zeroed(length: usize) -> Self {
        const { assert!(align_of::<T>() <= align_of::<Line>()) };
        Self {
            lines: vec![Line([0; Line::BYTES]); (length * size_of::<T>()).div_ceil(Line::BYTES)],
            length,
            numbers: PhantomData,
        }
    }

    /// Bytes held on the heap.
    pub(crate) fn size(&self) -> usize {
        self.lines.capacity() * size_of::<Line>()
    }
}

impl<T> Default for AlignedBuffer<T> {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            length: 0,
            numbers: PhantomData,
        }
    }
}

impl<T: Pod> Deref for AlignedBuffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `Line` is 64 initialised bytes without padding, aligned for `T`; any bytes are a
        // `T`, which is `Pod`; and the constructor makes `lines` hold at least `length` numbers.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl<T: Pod> DerefMut for AlignedBuffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`, and the exclusive borrow of `self` covers the lines.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

impl<T> fmt::Debug for AlignedBuffer<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AlignedBuffer({} numbers)", self.length)
    }
}
