//! The errors of a weights file.

use std::path::PathBuf;

use pomona_kernels::IsaError;

/// Why a set of weights cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file is not there or cannot be read.
    #[error("cannot read weights from {}: {source}", path.display())]
    Read {
        /// The path as given.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write weights to {}: {source}", path.display())]
    Write {
        /// The path as given.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The bytes are not a complete safetensors file.
    #[error("not a complete safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// The tensor names belong to no known MobileNetV2.
    #[error(
        "the tensors are not those of a MobileNetV2 of Hugging Face transformers, timm or torchvision"
    )]
    UnknownNames,
    /// A tensor that the network needs is absent.
    #[error("tensor `{0}` is missing")]
    Missing(String),
    /// A tensor has another shape than the network needs.
    #[error("tensor `{name}` has shape {got:?}, the network needs {expected:?}")]
    Shape {
        /// Name in the file.
        name: String,
        /// Shape in the file.
        got: Vec<usize>,
        /// Shape that the network of this width needs.
        expected: Vec<usize>,
    },
    /// A tensor is neither f32, f16 nor bf16.
    #[error("tensor `{name}` has type {got}, expected F32, F16 or BF16")]
    Dtype {
        /// Name in the file.
        name: String,
        /// Type in the file.
        got: String,
    },
    /// A tensor holds NaN or infinity, so every feature would.
    #[error("tensor `{0}` holds values that are not finite")]
    NotFinite(String),
    /// An entry of the file's metadata cannot be understood.
    #[error("metadata `{key}` = `{value}`: expected {expected}")]
    Metadata {
        /// Metadata key.
        key: &'static str,
        /// Metadata value.
        value: String,
        /// The accepted values.
        expected: &'static str,
    },
    /// The metadata name more or fewer classes than the classifier has.
    #[error("metadata `labels` names {labels} classes, the classifier has {classes}")]
    Labels {
        /// Names in the metadata.
        labels: usize,
        /// Rows of the classifier's weight.
        classes: usize,
    },
    /// Names of classes were given to weights without classes.
    #[error("the weights have no classifier, so there are no classes to name")]
    NoClassifier,
    /// A value does not fit the type that it is to be stored in.
    #[error("tensor `{name}` has values that {dtype} cannot hold")]
    Overflow {
        /// Name in the file that was to be written.
        name: String,
        /// The type.
        dtype: &'static str,
    },
    /// The processor lacks an instruction set that was asked for.
    #[error("this processor has no {0}")]
    InstructionSet(&'static str),
    /// The environment variable `POMONA_ISA` names an instruction set that cannot be used.
    #[error(transparent)]
    IsaVariable(#[from] IsaError),
    /// Candle could not make a tensor.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}
