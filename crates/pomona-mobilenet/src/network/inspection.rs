//! [`Inspection`]: what is in a weights file.

use std::collections::BTreeMap;

use safetensors::{Dtype, SafeTensors};

use super::names::NameScheme;
use super::weights::Weights;
use super::weights_error::WeightsError;

/// What a weights file holds and says of itself.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The network, checked tensor by tensor.
    pub weights: Weights,
    /// Whose names the tensors have.
    pub names: NameScheme,
    /// How many tensors of each type there are, by the type's name in safetensors.
    pub dtypes: BTreeMap<String, usize>,
    /// How many tensors there are.
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
