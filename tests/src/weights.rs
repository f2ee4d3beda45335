//! Networks with weights that nobody trained, for tests of everything but the numbers.

use std::path::Path;
use std::{fs, io};

use pomona_mobilenet::network::{Weights, WeightsError};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Writes the file of a network of width 1.0 whose weights are random, the same at every call.
///
/// # Errors
/// When the file cannot be written.
pub fn write_random(path: &Path) -> Result<(), WeightsError> {
    write_random_of(path, 7)
}

/// Writes the file of another network of width 1.0 for every seed.
///
/// # Errors
/// When the file cannot be written.
pub fn write_random_of(path: &Path, seed: u64) -> Result<(), WeightsError> {
    Weights::random(1.0, seed)?.save(path)
}

/// Writes a file with the tensors of timm's ResNet-18, whose values follow a wave, another one for
/// every phase.
///
/// # Errors
/// When the file cannot be written.
pub fn write_resnet18(path: &Path, phase: f32) -> io::Result<()> {
    let reference = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/pomona-backbones/tests/data/resnet18.json"
    );
    let reference: Value = serde_json::from_slice(&fs::read(reference)?)?;
    let listed = reference["tensors"].as_object().into_iter().flatten();
    let mut tensors = vec![];
    for (name, shape) in listed {
        let sides = shape.as_array().into_iter().flatten();
        let shape: Vec<usize> = sides
            .flat_map(|side| side.as_u64())
            .map(|side| side as usize)
            .collect();
        // Norms are about 1, and kernels as small as there are many of them.
        let inputs = shape[1..].iter().product::<usize>();
        let (middle, limit) = match shape.len() {
            1 if name.ends_with("bias") || name.ends_with("mean") => (0.0, 0.1),
            1 => (1.0, 0.1),
            _ => (0.0, (3.0 / inputs as f32).sqrt()),
        };
        let count = shape[0] * inputs;
        let values = (0..count).flat_map(|i| {
            let wave = (i as f32 * 0.37 + (i / 7) as f32 * 1.3 + phase).sin();
            (middle + limit * wave).to_le_bytes()
        });
        tensors.push((name, shape, values.collect::<Vec<u8>>()));
    }
    let views = tensors.iter().map(|(name, shape, values)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), values);
        view.map(|view| (name, view)).map_err(io::Error::other)
    });
    let views = views.collect::<io::Result<Vec<_>>>()?;
    fs::write(
        path,
        safetensors::serialize(views, None).map_err(io::Error::other)?,
    )
}

/// The sha256 of a file, in hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256(path: &Path) -> io::Result<String> {
    Ok(sha256_of(&fs::read(path)?))
}

/// The sha256 of some bytes, in hexadecimal.
pub(crate) fn sha256_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
