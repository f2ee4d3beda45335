//! Weights of a MobileNetV2 as read from a safetensors file, by canonical name.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

use super::architecture::Architecture;
use super::labels::{LabelSource, Labels};
use super::metadata;
use super::names::{LayerNames, NameScheme, Place, strip_prefix};
use super::weights_error::WeightsError;

/// Prefix of the canonical names, which are those of `google/mobilenet_v2_1.0_224`.
const CANONICAL_PREFIX: &str = "mobilenet_v2.";

/// The tensors of one MobileNetV2, checked against its architecture, in f32 on the CPU.
///
/// Kernels are OIHW. Batch normalisations are kept apart, as in the file.
#[derive(Debug, Clone)]
pub struct Weights {
    architecture: Architecture,
    tensors: HashMap<String, Tensor>,
    labels: Option<Labels>,
    sha256: String,
}

impl Weights {
    /// Reads a safetensors file.
    ///
    /// # Errors
    /// See [`WeightsError`]: the file is absent, is not safetensors, or is not a MobileNetV2.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, WeightsError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| WeightsError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::from_bytes(&bytes)
    }

    /// Reads the bytes of a safetensors file.
    ///
    /// The names say who wrote it and so which padding and epsilon it was trained with; the
    /// metadata entries `padding` (`same` or `symmetric`), `batch_norm_epsilon`, `input_size` and
    /// `width` override what the naming scheme implies. The entry `labels`, a JSON list of strings, names the
    /// classes of a file that has a classifier.
    ///
    /// # Errors
    /// As [`Weights::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        let file = SafeTensors::deserialize(bytes)?;
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let entries = header.metadata().clone().unwrap_or_default();
        let names = file.names();
        let scheme = NameScheme::detect(names.iter().copied()).ok_or(WeightsError::UnknownNames)?;
        let by_name: HashMap<&str, &str> = names.iter().map(|n| (strip_prefix(n), *n)).collect();
        let in_file = |name: &str| {
            by_name
                .get(name)
                .map(|name| (*name).to_owned())
                .ok_or_else(|| WeightsError::Missing(name.to_owned()))
        };
        let architecture = metadata::architecture(&entries, scheme, |place| {
            let name = in_file(&scheme.names(place).kernel).ok()?;
            Some(file.tensor(&name).ok()?.shape().to_vec())
        })?;

        let mut tensors = HashMap::new();
        let mut take = |name: &str, canonical: String, expected: &[usize]| {
            let name = in_file(name)?;
            let tensor = read_tensor(&file, &name, expected)?;
            tensors.insert(canonical, tensor);
            Ok::<_, WeightsError>(())
        };
        for (place, shape) in layer_shapes(&architecture) {
            let from = scheme.names(place);
            let to = canonical_names(place);
            take(&from.kernel, to.kernel, &shape)?;
            for part in ["weight", "bias", "running_mean", "running_var"] {
                let name = format!("{}.{part}", from.normalization);
                take(&name, format!("{}.{part}", to.normalization), &shape[..1])?;
            }
        }
        let mut labels = None;
        let head = format!("{}.weight", scheme.classifier());
        if let Ok(name) = in_file(&head) {
            let classes = file.tensor(&name)?.shape().first().copied();
            // A head without classes is not of the expected shape.
            let classes = classes.unwrap_or(1).max(1);
            let shape = [classes, architecture.features];
            take(&head, "classifier.weight".to_owned(), &shape)?;
            let bias = format!("{}.bias", scheme.classifier());
            take(&bias, "classifier.bias".to_owned(), &shape[..1])?;
            labels = Some(metadata::labels(&entries, classes)?);
        }
        Ok(Self {
            architecture,
            tensors,
            labels,
            sha256: hex(&Sha256::digest(bytes)),
        })
    }

    /// The architecture of the weights.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// SHA-256 of the file's bytes in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The name of each class where the file has a classifier: those of its metadata; those of
    /// ImageNet for a classifier of 1000 classes, or of 1001 with the background first; else the
    /// numbers from 0.
    pub fn labels(&self) -> Option<&Arc<[String]>> {
        self.labels.as_ref().map(|labels| &labels.names)
    }

    /// Where the names of the classes come from.
    pub fn label_source(&self) -> Option<LabelSource> {
        self.labels.as_ref().map(|labels| labels.source)
    }

    /// The same weights with other names for the classes.
    ///
    /// # Errors
    /// When there is no classifier, and when it has another number of classes.
    pub fn with_labels(mut self, names: Vec<String>) -> Result<Self, WeightsError> {
        let Some(labels) = &self.labels else {
            return Err(WeightsError::NoClassifier);
        };
        if labels.names.len() != names.len() {
            return Err(WeightsError::Labels {
                labels: names.len(),
                classes: labels.names.len(),
            });
        }
        self.labels = Some(Labels {
            names: names.into(),
            source: LabelSource::Metadata,
        });
        Ok(self)
    }

    /// A tensor by its canonical name (that of `google/mobilenet_v2_1.0_224`), such as
    /// `mobilenet_v2.conv_1x1.convolution.weight` or `classifier.bias`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Replaces a tensor, for tests of odd values.
    #[cfg(test)]
    pub(super) fn put(&mut self, name: &str, tensor: Tensor) {
        self.tensors.insert(name.to_owned(), tensor);
    }

    /// Every tensor with its canonical name.
    #[cfg(test)]
    pub(super) fn tensors(&self) -> &HashMap<String, Tensor> {
        &self.tensors
    }

    pub(super) fn new(
        architecture: Architecture,
        tensors: HashMap<String, Tensor>,
        sha256: String,
    ) -> Self {
        Self {
            architecture,
            tensors,
            labels: None,
            sha256,
        }
    }

    pub(super) fn require(&self, name: &str) -> Result<&Tensor, WeightsError> {
        self.get(name)
            .ok_or_else(|| WeightsError::Missing(name.to_owned()))
    }
}

/// The canonical names of a layer.
pub(super) fn canonical_names(place: Place) -> LayerNames {
    let names = NameScheme::HuggingFace.names(place);
    LayerNames {
        kernel: format!("{CANONICAL_PREFIX}{}", names.kernel),
        normalization: format!("{CANONICAL_PREFIX}{}", names.normalization),
    }
}

/// Every convolution of an architecture with the shape of its OIHW kernel.
pub(super) fn layer_shapes(architecture: &Architecture) -> Vec<(Place, [usize; 4])> {
    let mut layers = vec![(Place::Stem, [architecture.stem, 3, 3, 3])];
    for (index, block) in architecture.blocks.iter().enumerate() {
        if block.expands() {
            let shape = [block.expanded, block.input, 1, 1];
            layers.push((Place::Expand(index), shape));
        }
        layers.push((Place::Depthwise(index), [block.expanded, 1, 3, 3]));
        let shape = [block.output, block.expanded, 1, 1];
        layers.push((Place::Project(index), shape));
    }
    let last = architecture
        .blocks
        .last()
        .map_or(architecture.stem, |block| block.output);
    layers.push((Place::Last, [architecture.features, last, 1, 1]));
    layers
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_tensor(
    file: &SafeTensors<'_>,
    name: &str,
    expected: &[usize],
) -> Result<Tensor, WeightsError> {
    let view = file.tensor(name)?;
    if view.shape() != expected {
        return Err(WeightsError::Shape {
            name: name.to_owned(),
            got: view.shape().to_vec(),
            expected: expected.to_vec(),
        });
    }
    let dtype = match view.dtype() {
        safetensors::Dtype::F32 => DType::F32,
        safetensors::Dtype::F16 => DType::F16,
        safetensors::Dtype::BF16 => DType::BF16,
        other => {
            return Err(WeightsError::Dtype {
                name: name.to_owned(),
                got: format!("{other:?}"),
            });
        }
    };
    let tensor = Tensor::from_raw_buffer(view.data(), dtype, expected, &Device::Cpu)?
        .to_dtype(DType::F32)?;
    let finite = tensor
        .flatten_all()?
        .to_vec1::<f32>()?
        .iter()
        .all(|value| value.is_finite());
    if finite {
        Ok(tensor)
    } else {
        Err(WeightsError::NotFinite(name.to_owned()))
    }
}
