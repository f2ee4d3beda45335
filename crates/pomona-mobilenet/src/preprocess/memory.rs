//! Where decoding reserves the bytes of an image before it allocates them.

use super::ImageFormat;
use crate::ImageError;
use std::cell::Cell;
use std::fmt::Debug;
use std::sync::Arc;

/// Memory that several threads decode in. The bytes that an image needs are known from its header, so
/// they are reserved once, all together, before any is allocated: whoever waits holds nothing.
pub trait DecodeMemory: Debug + Send + Sync {
    /// Reserves `bytes`, waiting until others have released theirs. `go_on` is asked while waiting, and
    /// its error ends the wait.
    ///
    /// # Errors
    /// [`ImageError::OverMemoryLimit`] if they are more than there are, [`ImageError::MemoryHeld`] if
    /// others keep what is missing, and the error of `go_on`.
    fn reserve(
        &self,
        format: ImageFormat,
        bytes: u64,
        go_on: &dyn Fn() -> Result<(), ImageError>,
    ) -> Result<(), ImageError>;

    /// Releases bytes that were reserved.
    fn release(&self, bytes: u64);
}

/// The bytes that one image has reserved. They are released when this is dropped, which must come after
/// the pixels were dropped or made small.
#[derive(Debug)]
pub(crate) struct Held {
    memory: Option<Arc<dyn DecodeMemory>>,
    bytes: Cell<u64>,
}

impl Held {
    /// Nothing yet.
    pub(super) fn new(memory: Option<&Arc<dyn DecodeMemory>>) -> Self {
        Self {
            memory: memory.map(Arc::clone),
            bytes: Cell::new(0),
        }
    }

    /// Reserves what an image needs altogether.
    pub(super) fn reserve(
        &self,
        format: ImageFormat,
        bytes: u64,
        go_on: &dyn Fn() -> Result<(), ImageError>,
    ) -> Result<(), ImageError> {
        let Some(memory) = &self.memory else {
            return Ok(());
        };
        let more = bytes.saturating_sub(self.bytes.get());
        if more > 0 {
            memory.reserve(format, more, go_on)?;
            self.bytes.set(bytes);
        }
        Ok(())
    }

    /// Whether memory is counted, so that buffers are to be small between images.
    pub(crate) fn is_counted(&self) -> bool {
        self.memory.is_some()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory
            && self.bytes.get() > 0
        {
            memory.release(self.bytes.get());
        }
    }
}
