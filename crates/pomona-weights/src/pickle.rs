//! PyTorch's files: pickles in a zip archive, read by Candle, which runs nothing that is in them.

use std::collections::HashMap;
use std::io::Write;

use bytes::Bytes;
use candle_core::pickle::read_all;
use candle_core::{DType, Tensor};

use crate::LoadError;

/// Whether bytes begin as a zip archive does. A safetensors file begins with the length of its
/// header, which is far below what these four bytes would mean.
pub(crate) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The tensors of a PyTorch file, as a safetensors file without metadata.
pub(crate) fn to_safetensors(bytes: &[u8]) -> Result<Bytes, LoadError> {
    let refuse = |reason: String| LoadError::Pickle { reason };
    // Candle reads from a path, each tensor for itself.
    let mut file = tempfile::NamedTempFile::new().map_err(LoadError::system("make a file"))?;
    file.write_all(bytes)
        .map_err(LoadError::system("write a file"))?;
    let tensors = read_all(file.path()).map_err(|error| refuse(error.to_string()))?;
    // The batch normalisations count their batches, which nobody needs to run them.
    let tensors: HashMap<String, Tensor> = tensors
        .into_iter()
        .filter(|(_, tensor)| !matches!(tensor.dtype(), DType::I64 | DType::U8 | DType::U32))
        .map(|(name, tensor)| Ok((name, tensor.contiguous()?)))
        .collect::<candle_core::Result<_>>()
        .map_err(|error| refuse(error.to_string()))?;
    if tensors.is_empty() {
        return Err(refuse("it holds no state_dict".to_string()));
    }
    let file = safetensors::serialize(&tensors, None).map_err(|error| refuse(error.to_string()))?;
    Ok(file.into())
}
