//! [`Members`]: the names of a shard's images, beside the rows that have their bytes.

use super::PackError;

/// What the images of a shard are called, and how long they were when they were listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Members<'a> {
    pub names: &'a [String],
    pub lengths: &'a [u64],
}

impl<'a> Members<'a> {
    /// The name of the image at a position, which has so many bytes.
    ///
    /// # Errors
    /// If it has others than were listed.
    pub(super) fn name(&self, position: usize, length: usize) -> Result<&'a str, PackError> {
        let (Some(name), Some(listed)) = (self.names.get(position), self.lengths.get(position))
        else {
            return Err(PackError::Changed {
                path: format!("image {position}"),
            });
        };
        match *listed == length as u64 {
            true => Ok(name),
            false => Err(PackError::Changed { path: name.clone() }),
        }
    }

    /// # Errors
    /// If there are fewer images than names.
    pub(super) fn all(&self, written: usize) -> Result<(), PackError> {
        match self.names.get(written) {
            None => Ok(()),
            Some(name) => Err(PackError::Changed { path: name.clone() }),
        }
    }
}
