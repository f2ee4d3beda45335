//! [`WeightsFile`]: the bytes of weights, and the network in them.

use bytes::Bytes;
use pomona_mobilenet::network::Weights;
use sha2::{Digest, Sha256};

use crate::{LoadError, pickle};

/// A file of weights that has been read.
#[derive(Debug, Clone)]
pub struct WeightsFile {
    bytes: Bytes,
    from: String,
    sha256: String,
}

impl WeightsFile {
    /// The bytes that came from a place.
    pub fn new(bytes: Bytes, from: impl Into<String>) -> Self {
        Self {
            sha256: sha256(&bytes),
            from: from.into(),
            bytes,
        }
    }

    /// The bytes as they were read: safetensors, or PyTorch's pickles in a zip archive.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Where they came from: a path, a URL, or a repository with its file.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// The sha256 of the bytes, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The bytes in safetensors form, converted if they are PyTorch's.
    ///
    /// # Errors
    /// When a PyTorch file cannot be read.
    pub fn safetensors(&self) -> Result<Bytes, LoadError> {
        if pickle::is_archive(&self.bytes) {
            pickle::to_safetensors(&self.bytes)
        } else {
            Ok(self.bytes.clone())
        }
    }

    /// The network.
    ///
    /// # Errors
    /// When the bytes are not those of a MobileNetV2, with the tensor that is wrong.
    pub fn weights(&self) -> Result<Weights, LoadError> {
        Ok(Weights::from_bytes(&self.safetensors()?)?)
    }
}

/// The sha256 of bytes in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
