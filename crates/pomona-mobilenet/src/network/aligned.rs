//! A buffer of floats that starts on a cache line.

use std::ops::{Deref, DerefMut};

/// Bytes a cache line, and an AVX-512 register.
const LINE: usize = 64;

/// Floats that start on a cache line, so that no vector straddles two of them.
///
/// The storage is a little longer than the buffer and is replaced, not grown, so the place where the buffer
/// starts stays aligned when the value is moved.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    storage: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let storage = vec![0.0; len + LINE / size_of::<f32>()];
        let start = storage.as_ptr().align_offset(LINE);
        Self {
            storage,
            start,
            len,
        }
    }

    /// Makes the buffer at least `len` long; what it held is lost where it was shorter.
    pub(crate) fn reserve(&mut self, len: usize) {
        if self.len < len {
            *self = Self::zeros(len);
        }
    }

    /// A copy of `values`.
    pub(crate) fn copy_of(values: &[f32]) -> Self {
        let mut aligned = Self::zeros(values.len());
        aligned.copy_from_slice(values);
        aligned
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.storage[self.start..self.start + self.len]
    }
}
