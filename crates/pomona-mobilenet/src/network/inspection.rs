//! [`Inspection`]: the content of a weights file.

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors};

use super::names::NameScheme;
use super::weights::Weights;
use super::weights_error::WeightsError;

/// The content and metadata of a weights file.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The network, checked tensor by tensor.
    pub weights: Weights,
    /// The naming scheme of the tensors.
    pub names: NameScheme,
    /// Number of tensors of each type, by the type's name in safetensors.
    pub dtypes: BTreeMap<String, usize>,
    /// Number of tensors.
    pub tensors: usize,
    /// The numbers in all tensors of floating point, running means and variances included.
    pub parameters: u64,
    /// The metadata of the file.
    pub metadata: BTreeMap<String, String>,
}

impl Inspection {
    /// Inspects the bytes of a safetensors file.
    ///
    /// # Errors
    /// As [`Weights::from_bytes`].
    pub fn of(bytes: &[u8]) -> Result<Self, WeightsError> {
        let weights = Weights::from_bytes(bytes)?;
        let file = SafeTensors::deserialize(bytes)?;
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let mut dtypes = BTreeMap::new();
        let mut parameters = 0;
        for (_, tensor) in file.iter() {
            *dtypes.entry(format!("{:?}", tensor.dtype())).or_insert(0) += 1;
            if matches!(tensor.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16) {
                parameters += tensor.shape().iter().product::<usize>() as u64;
            }
        }
        let names = file.names();
        Ok(Self {
            names: NameScheme::detect(names.iter().copied()).ok_or(WeightsError::UnknownNames)?,
            dtypes,
            tensors: names.len(),
            parameters,
            metadata: header
                .metadata()
                .clone()
                .unwrap_or_default()
                .into_iter()
                .collect(),
            weights,
        })
    }
}
