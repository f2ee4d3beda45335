//! What the tests of the network share: the reference data, and features of bytes.

use std::path::PathBuf;

use candle_core::{DType, Device, Module, Tensor};
use pomona_mobilenet::network::{Isa, MobileNetV2, Precision, Reference, Weights};

/// The folder of the reference data, if the file `needs` is in it.
#[allow(dead_code, reason = "not every test binary reads it")]
pub(crate) fn test_data(needs: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let path = std::env::var_os("POMONA_TEST_DATA").map_or_else(|| default.into(), PathBuf::from);
    if path.join(needs).is_file() {
        return Some(path);
    }
    println!("skipped: no {needs} in {}", path.display());
    None
}

/// The network for an instruction set, unless the processor has none such, which is said.
#[allow(dead_code, reason = "not every test binary compares instruction sets")]
pub(crate) fn network(weights: &Weights, isa: Isa, precision: Precision) -> Option<MobileNetV2> {
    if !isa.is_available() {
        println!("skipped: this processor has no {isa}");
        return None;
    }
    Some(MobileNetV2::with_isa(weights, isa, precision).unwrap())
}

/// `N x S x S x 3` bytes as a tensor.
#[allow(dead_code, reason = "not every test binary runs a network")]
pub(crate) fn tensor(size: usize, images: &[u8]) -> Tensor {
    let count = images.len() / (size * size * 3);
    Tensor::from_slice(images, (count, size, size, 3), &Device::Cpu).unwrap()
}

/// The features of `N x S x S x 3` bytes, one image after the other.
#[allow(dead_code, reason = "not every test binary runs a network")]
pub(crate) fn features(network: &MobileNetV2, images: &[u8]) -> Vec<f32> {
    values(
        &network
            .forward(&tensor(network.input_size(), images))
            .unwrap(),
    )
}

/// The values of a tensor.
#[allow(dead_code, reason = "not every test binary runs a network")]
pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference of two lists of one length.
#[allow(dead_code, reason = "not every test binary compares features")]
pub(crate) fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max)
}

/// The features that the folded weights define, computed in f64.
#[allow(dead_code, reason = "not every test binary compares instruction sets")]
pub(crate) fn exact(weights: &Weights, images: &[u8]) -> Vec<f64> {
    layers(weights, images, DType::F64)
}

/// The features of Candle's layers in a type.
#[allow(dead_code, reason = "not every test binary compares instruction sets")]
fn layers(weights: &Weights, images: &[u8], dtype: DType) -> Vec<f64> {
    let layers = Reference::with_dtype(weights, &Device::Cpu, dtype).unwrap();
    let images = tensor(weights.architecture().input_size, images);
    let features = layers.forward(&images).unwrap().to_dtype(DType::F64);
    features.unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest distance of features from the exact ones.
#[allow(dead_code, reason = "not every test binary compares instruction sets")]
pub(crate) fn error(features: &[f32], exact: &[f64]) -> f64 {
    assert_eq!(features.len(), exact.len());
    let differences = features.iter().zip(exact);
    let differences = differences.map(|(a, b)| (f64::from(*a) - b).abs());
    differences.fold(0.0, f64::max)
}

/// How many times as far from the exact features as Candle's f32 layers an instruction set may be.
///
/// Both round the same sums, in another order, so that their errors are draws from distributions of
/// nearly one width. The width is a property of the weights, which enlarge the errors of the first
/// layers: the largest of some thousand draws is 1e-6 with the weights of the library, 1e-5 with
/// those of ImageNet and 4e-5 with random ones, and differs by up to 1.9 times between paths. What
/// may make the width larger is that a path without a fused multiply-add rounds each product too
/// (up to the root of two) and adds up the longest sums in one chain, not in Candle's blocks. A
/// layer in bf16, or one wrong tap, is a thousand times as far.
const FACTOR: f64 = 4.0;

/// AMX adds six products of bf16 parts for each product, and leaves out what is below 2^-24 of it.
const AMX_FACTOR: f64 = 8.0;

/// Checks that every instruction set is as near to the features that the folded weights define,
/// computed in f64, as Candle's layers in f32.
#[allow(dead_code, reason = "not every test binary compares instruction sets")]
pub(crate) fn as_exact_as_layers(name: &str, weights: &Weights, images: &[u8]) {
    let exact = exact(weights, images);
    let candle = layers(weights, images, DType::F32);
    let candle: Vec<f32> = candle.into_iter().map(|value| value as f32).collect();
    let unit = error(&candle, &exact);
    let largest = exact.iter().copied().fold(0.0, f64::max);
    assert!(largest > 0.1, "{name}: the network has died out");
    assert!(unit > 1e-7 && unit < 1e-3, "{name}: {unit:e}");
    for isa in Isa::ALL {
        let Some(network) = network(weights, isa, Precision::F32) else {
            continue;
        };
        let error = error(&features(&network, images), &exact);
        println!("{name}, {isa}: {error:.2e} from f64, Candle's f32 {unit:.2e}");
        let factor = if isa == Isa::Amx { AMX_FACTOR } else { FACTOR };
        assert!(error <= factor * unit, "{name}, {isa}: {error:e}, {unit:e}");
    }
}
