//! `pomona weights convert`: writes weights in another type or with other names.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use pomona_mobilenet::network::architecture::Padding;
use pomona_mobilenet::network::{Inspection, NameScheme, SaveOptions, StoredType, Weights};
use tempfile::NamedTempFile;

use super::read;
use crate::terminal::note;

#[derive(Debug, Args)]
pub(crate) struct ConvertArguments {
    /// Weights to convert: a safetensors or PyTorch file, a URL, or a name
    #[arg(value_name = "IN")]
    input: String,

    /// Safetensors file to write
    #[arg(value_name = "OUT")]
    output: PathBuf,

    /// Type of the numbers [default: that of the input]
    #[arg(long, value_name = "TYPE", value_enum)]
    dtype: Option<Type>,

    /// Naming scheme of the tensors [default: that of the input]
    #[arg(long, value_name = "WHOSE", value_enum)]
    names: Option<Names>,

    /// File with the names of the classes, one per line
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Type {
    /// 32 bits
    F32,
    /// 16 bits, 11 of them significant
    F16,
    /// 16 bits, 8 of them significant, with the range of f32
    Bf16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Names {
    /// Hugging Face transformers
    Huggingface,
    /// timm
    Timm,
    /// torchvision
    Torchvision,
}

pub(super) fn main(arguments: &ConvertArguments) -> Result<()> {
    let named = || format!("weights '{}'", arguments.input);
    let file = read(&arguments.input)?;
    let bytes = file.safetensors().with_context(named)?;
    let found = Inspection::of(&bytes).with_context(named)?;
    let mut weights = found.weights.clone();
    if let Some(path) = &arguments.labels {
        weights = with_labels(weights, path)?;
    }
    let options = SaveOptions {
        names: arguments.names.map_or(found.names, Names::scheme),
        stored: arguments.dtype.map_or_else(|| stored(&found), Type::stored),
        metadata: found.metadata,
    };
    let bytes = weights.to_bytes(&options).with_context(named)?;
    write(&arguments.output, &bytes)
        .with_context(|| format!("write '{}'", arguments.output.display()))?;
    // Other programs derive the padding from the naming scheme.
    let is_same = weights.architecture().padding == Padding::TensorFlowSame;
    if is_same != (options.names == NameScheme::HuggingFace) {
        note!(
            "Note: the network pads as {} does, which the metadata of the file say; programs that \
             ignore them pad otherwise and compute other features.",
            if is_same { "TensorFlow" } else { "PyTorch" }
        );
    }
    Ok(())
}

fn with_labels(weights: Weights, path: &Path) -> Result<Weights> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("read '{}'", path.display()))?;
    let labels = text.lines().map(str::to_owned).collect();
    let named = weights.with_labels(labels);
    named.with_context(|| format!("'{}'", path.display()))
}

/// An existing file is replaced when the new one is complete.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// The type that most tensors have.
fn stored(found: &Inspection) -> StoredType {
    let most = found.dtypes.iter().max_by_key(|(_, tensors)| **tensors);
    match most.map(|(dtype, _)| dtype.as_str()) {
        Some("F16") => StoredType::F16,
        Some("BF16") => StoredType::Bf16,
        _ => StoredType::F32,
    }
}

impl Type {
    fn stored(self) -> StoredType {
        match self {
            Self::F32 => StoredType::F32,
            Self::F16 => StoredType::F16,
            Self::Bf16 => StoredType::Bf16,
        }
    }
}

impl Names {
    fn scheme(self) -> NameScheme {
        match self {
            Self::Huggingface => NameScheme::HuggingFace,
            Self::Timm => NameScheme::Timm,
            Self::Torchvision => NameScheme::Torchvision,
        }
    }
}
