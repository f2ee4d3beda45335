//! Writes weights to a safetensors file with all metadata that reading it back needs.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Tensor};

use super::architecture::Padding;
use super::labels::LabelSource;
use super::names::NameScheme;
use super::weights::{Weights, canonical_names, layer_shapes};
use super::weights_error::WeightsError;

/// The parts of a batch normalisation.
const NORMALIZATION: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// The type that numbers are stored in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StoredType {
    /// 32 bits: exact.
    #[default]
    F32,
    /// 16 bits, 11 of them significant, up to 65504.
    F16,
    /// 16 bits, 8 of them significant, with the range of 32 bits.
    Bf16,
}

/// How weights are written.
#[derive(Debug, Clone)]
pub struct SaveOptions {
    /// The naming scheme of the tensors.
    pub names: NameScheme,
    /// The type of the numbers.
    pub stored: StoredType,
    /// Further metadata to write, such as `license`.
    pub metadata: BTreeMap<String, String>,
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self {
            names: NameScheme::HuggingFace,
            stored: StoredType::default(),
            metadata: BTreeMap::new(),
        }
    }
}

impl Weights {
    /// Writes a safetensors file with the canonical names in f32, and the architecture in its
    /// metadata.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        let path = path.as_ref();
        let bytes = self.to_bytes(&SaveOptions::default())?;
        std::fs::write(path, bytes).map_err(|source| WeightsError::Write {
            path: path.to_owned(),
            source,
        })
    }

    /// The bytes of a safetensors file. The architecture and the names of the classes are in its
    /// metadata, whatever the names of the tensors imply.
    ///
    /// # Errors
    /// When a value does not fit the type.
    pub fn to_bytes(&self, options: &SaveOptions) -> Result<Vec<u8>, WeightsError> {
        let mut tensors = HashMap::new();
        let mut put = |from: &str, to: String| -> Result<(), WeightsError> {
            let tensor = stored(self.require(from)?, &to, options.stored)?;
            tensors.insert(to, tensor);
            Ok(())
        };
        let prefix = options.names.prefix();
        for (place, _) in layer_shapes(self.architecture()) {
            let (from, to) = (canonical_names(place), options.names.names(place));
            put(&from.kernel, format!("{prefix}{}", to.kernel))?;
            for part in NORMALIZATION {
                put(
                    &format!("{}.{part}", from.normalization),
                    format!("{prefix}{}.{part}", to.normalization),
                )?;
            }
        }
        if self.labels().is_some() {
            for part in ["weight", "bias"] {
                put(
                    &format!("classifier.{part}"),
                    format!("{}.{part}", options.names.classifier()),
                )?;
            }
        }
        let bytes = safetensors::serialize(&tensors, None)?;
        Ok(with_metadata(&bytes, &self.metadata(&options.metadata)))
    }

    /// The given metadata, overridden by what reading needs.
    fn metadata(&self, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let architecture = self.architecture();
        let padding = match architecture.padding {
            Padding::TensorFlowSame => "same",
            Padding::Symmetric => "symmetric",
        };
        let mut metadata = given.clone();
        metadata.extend([
            ("padding".to_owned(), padding.to_owned()),
            (
                "batch_norm_epsilon".to_owned(),
                architecture.batch_norm_epsilon.to_string(),
            ),
            ("input_size".to_owned(), architecture.input_size.to_string()),
            ("width".to_owned(), architecture.width.to_string()),
        ]);
        if let (Some(labels), Some(LabelSource::Metadata)) = (self.labels(), self.label_source()) {
            let labels = serde_json::Value::from(labels.to_vec());
            metadata.insert("labels".to_owned(), labels.to_string());
        }
        metadata
    }
}

/// Adds metadata to a safetensors file that has none. The library would write them in a random order,
/// so that each call would write another file.
fn with_metadata(bytes: &[u8], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().expect("eight bytes")) as usize;
    let (header, data) = rest.split_at(length);
    let header = std::str::from_utf8(header).expect("the library writes JSON");
    let metadata: serde_json::Map<String, serde_json::Value> = metadata
        .iter()
        .map(|(key, value)| (key.clone(), value.as_str().into()))
        .collect();
    let metadata = serde_json::Value::from(metadata);
    let tensors = header.trim_end().trim_start_matches('{');
    let mut header = format!("{{\"__metadata__\":{metadata},{tensors}");
    // Tensors begin at a multiple of eight bytes.
    header.extend(std::iter::repeat_n(
        ' ',
        header.len().next_multiple_of(8) - header.len(),
    ));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(data);
    file
}

fn stored(tensor: &Tensor, name: &str, stored: StoredType) -> Result<Tensor, WeightsError> {
    let (dtype, called) = match stored {
        StoredType::F32 => return Ok(tensor.clone()),
        StoredType::F16 => (DType::F16, "f16"),
        StoredType::Bf16 => (DType::BF16, "bf16"),
    };
    let narrow = tensor.to_dtype(dtype)?;
    let back = narrow.to_dtype(DType::F32)?.flatten_all()?;
    if back.to_vec1::<f32>()?.iter().all(|value| value.is_finite()) {
        Ok(narrow)
    } else {
        Err(WeightsError::Overflow {
            name: name.to_owned(),
            dtype: called,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::architecture::Architecture;

    fn values(weights: &Weights, name: &str) -> Vec<f32> {
        let tensor = weights.get(name).unwrap();
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("saved.safetensors");
        let written = Weights::random(0.35, 3).unwrap();
        written.save(&file).unwrap();
        let read = Weights::load(&file).unwrap();
        assert_eq!(read.architecture(), written.architecture());
        for name in written.tensors().keys() {
            assert_eq!(values(&read, name), values(&written, name), "{name}");
        }
    }

    #[test]
    fn every_naming_gives_back_the_same_network() {
        for architecture in [Architecture::keras(0.35, 96), Architecture::torch(0.5, 224)] {
            let written = Weights::random_for(architecture, 3).unwrap();
            for names in [
                NameScheme::HuggingFace,
                NameScheme::Timm,
                NameScheme::Torchvision,
            ] {
                let options = SaveOptions {
                    names,
                    metadata: BTreeMap::from([("license".to_owned(), "MIT".to_owned())]),
                    ..SaveOptions::default()
                };
                let bytes = written.to_bytes(&options).unwrap();
                assert!(bytes == written.to_bytes(&options).unwrap(), "another file");
                let inspected = crate::network::Inspection::of(&bytes).unwrap();
                assert_eq!(inspected.names, names);
                assert_eq!(inspected.metadata["license"], "MIT");
                assert_eq!(inspected.weights.architecture(), written.architecture());
                for name in written.tensors().keys() {
                    assert_eq!(values(&inspected.weights, name), values(&written, name));
                }
            }
        }
    }

    #[test]
    fn what_a_type_cannot_hold_is_named() {
        let mut weights = Weights::random(0.35, 3).unwrap();
        let name = "mobilenet_v2.conv_1x1.normalization.running_var";
        let large = (weights.get(name).unwrap() * 1e6).unwrap();
        weights.put(name, large);
        let options = |stored| SaveOptions {
            stored,
            names: NameScheme::Timm,
            ..SaveOptions::default()
        };
        let error = weights.to_bytes(&options(StoredType::F16)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tensor `bn2.running_var` has values that f16 cannot hold"
        );
        weights.to_bytes(&options(StoredType::Bf16)).unwrap();
    }
}
