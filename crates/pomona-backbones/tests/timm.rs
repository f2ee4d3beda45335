//! The networks against timm: features of a drawn image, from the file's bytes on, with weights
//! that follow from the names of their tensors (`timm_reference.py` made the same).

use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use pomona_backbones::{Backbone, BackboneError, Resize, Target, backbone, backbones};
use pomona_mobilenet::network::Isa;
use pomona_mobilenet::preprocess::DecodeLimits;
use pomona_mobilenet::{FeatureExtractor, Preparer};
use pomona_weights::WeightsFile;
use serde::Deserialize;

/// The largest difference of a feature, as a share of the largest feature.
const TOLERANCE: f32 = 1e-4;

#[derive(Debug, Deserialize)]
struct Reference {
    input_size: usize,
    crop_pct: f64,
    mean: [f32; 3],
    std: [f32; 3],
    pixels: Vec<f32>,
    tensors: BTreeMap<String, Vec<usize>>,
    features: Vec<f32>,
    /// With GELU by its tanh approximation, which moves features by more than all rounding.
    features_tanh: Option<Vec<f32>>,
}

impl Reference {
    fn of(backbone: &str) -> Self {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{backbone}.json"));
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }

    fn tensors(&self) -> HashMap<String, Tensor> {
        let tensor = |(name, shape): (&String, &Vec<usize>)| (name.clone(), tensor(name, shape));
        self.tensors.iter().map(tensor).collect()
    }
}

fn file(tensors: &HashMap<String, Tensor>) -> WeightsFile {
    let bytes = safetensors::serialize(tensors, None).unwrap();
    WeightsFile::new(bytes.into(), "a test")
}

/// `numbers` of `timm_reference.py`: SplitMix64 from the FNV-1a of the name.
fn numbers(name: &str, count: usize) -> impl Iterator<Item = f32> {
    let mut state = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    (0..count).map(move |_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 40) as f32 / (1 << 24) as f32
    })
}

/// `tensor` of `timm_reference.py`.
fn tensor(name: &str, shape: &[usize]) -> Tensor {
    let last = name.rsplit('.').next().unwrap();
    let (low, high) = match last {
        "running_var" => (0.8, 1.2),
        "weight" if shape.len() == 1 => (0.8, 1.2),
        "gamma" => (0.2, 0.4),
        _ if shape.len() == 1 => (-0.1, 0.1),
        "cls_token" | "pos_embed" => (-0.5, 0.5),
        _ => {
            let limit = (3.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
            (-limit, limit)
        }
    };
    let (low, high) = (low as f32, high as f32);
    let count = shape.iter().product();
    let values: Vec<f32> = numbers(name, count)
        .map(|value| low + (high - low) * value)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// `image` of `timm_reference.py`, as a PNG file.
fn image() -> Vec<u8> {
    let image = RgbImage::from_fn(300, 260, |x, y| {
        let (dx, dy) = (x.abs_diff(150), y.abs_diff(130));
        let inside = dx * dx + dy * dy < 90 * 90;
        let blue = if inside { 200 } else { (x + 2 * y) % 256 };
        Rgb([(x * 255 / 299) as u8, (y * 255 / 259) as u8, blue as u8])
    });
    let mut file = Cursor::new(vec![]);
    let image = DynamicImage::ImageRgb8(image);
    image.write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

fn load(name: &str, tensors: &HashMap<String, Tensor>) -> Result<Arc<dyn Backbone>, BackboneError> {
    backbone(name)?.load(&file(tensors), &Target::default())
}

/// The names of the networks that are compared with timm.
fn names() -> Vec<&'static str> {
    let all = backbones().iter().map(|backbone| backbone.name());
    all.filter(|name| *name != "mobilenet_v2").collect()
}

/// The features of the drawn image, from its file on.
fn features(network: &Arc<dyn Backbone>) -> Vec<f32> {
    let mut extractor = FeatureExtractor::new(Arc::clone(network), DecodeLimits::default());
    let mut out = vec![0.0; network.feature_len()];
    let panics = |_, error| panic!("{error}");
    let extracted = extractor.extract(&[Some(&image())], &mut out, panics);
    extracted.unwrap();
    out
}

fn check(name: &str) {
    let reference = Reference::of(name);
    let network = load(name, &reference.tensors()).unwrap();
    assert_eq!(network.name(), name);
    let preprocessing = network.preprocessing();
    assert_eq!(preprocessing.input_size, reference.input_size);
    let crop = reference.crop_pct;
    assert_eq!(preprocessing.resize, Resize::CenterCrop { crop });
    assert_eq!(preprocessing.mean, reference.mean);
    assert_eq!(preprocessing.deviation, reference.std);

    let mut preparer = Preparer::new(&preprocessing, DecodeLimits::default());
    let mut bytes = vec![0; preparer.output_len()];
    preparer.run(&image(), &mut bytes).unwrap();
    // timm's order: red, then green, then blue, rows from the top.
    let prepared = (0..bytes.len()).map(|index| {
        let plane = bytes.len() / 3;
        let (channel, pixel) = (index / plane, index % plane);
        let value = f32::from(bytes[pixel * 3 + channel]) / 255.0;
        (value - reference.mean[channel]) / reference.std[channel]
    });
    let step = bytes.len() / 64;
    let pixels = prepared.step_by(step);
    assert_eq!(pixels.len(), reference.pixels.len());
    for (ours, timm) in pixels.zip(&reference.pixels) {
        assert!((ours - timm).abs() < 1e-5, "{ours} {timm}");
    }

    let features = features(&network);
    assert_eq!(features.len(), backbone(name).unwrap().feature_len());
    assert_eq!(features.len(), reference.features.len());
    let exact = difference(&features, &reference.features);
    eprintln!("{name}: differs by {exact:.2e} of the largest feature");
    assert!(exact <= TOLERANCE, "{exact}");
    if let Some(tanh) = &reference.features_tanh {
        let like = difference(&features, tanh);
        eprintln!("{name}: from features with the tanh form of GELU by {like:.2e}");
        assert!(like > 10.0 * exact, "{exact} {like}");
    }
    // The same bits at every call, and beside another image.
    let size = preprocessing.input_size;
    let other: Vec<u8> = bytes.iter().map(|value| value ^ 77).collect();
    let both = [other, bytes].concat();
    let both = Tensor::from_vec(both, (2, size, size, 3), &Device::Cpu).unwrap();
    let both = network.forward(&both).unwrap().to_vec2::<f32>().unwrap();
    assert!(both[1] == features && both[0] != features);
    let none = Tensor::zeros((0, size, size, 3), DType::U8, &Device::Cpu).unwrap();
    assert_eq!(network.forward(&none).unwrap().dims(), [0, features.len()]);
}

/// The largest difference, as a share of the largest feature.
fn difference(ours: &[f32], timm: &[f32]) -> f32 {
    assert_eq!(ours.len(), timm.len());
    let largest = timm.iter().map(|value| value.abs()).fold(0.0, f32::max);
    let differences = ours.iter().zip(timm).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max) / largest
}

#[test]
fn resnet18_is_that_of_timm() {
    check("resnet18");
}

#[test]
fn efficientnet_b0_is_that_of_timm() {
    check("efficientnet_b0");
}

#[test]
fn mobilenetv4_conv_small_is_that_of_timm() {
    check("mobilenetv4_conv_small");
}

#[test]
fn dinov2_small_is_that_of_timm() {
    check("dinov2_small");
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    for (network, name) in [
        ("resnet18", "layer3.0.conv1.weight"),
        ("efficientnet_b0", "blocks.2.1.conv_dw.weight"),
        ("mobilenetv4_conv_small", "conv_stem.weight"),
        ("dinov2_small", "blocks.7.mlp.fc1.weight"),
    ] {
        let good = Reference::of(network).tensors();
        let refused = |tensors: &HashMap<String, Tensor>| {
            let error = load(network, tensors).unwrap_err();
            assert!(matches!(error, BackboneError::Weights { .. }), "{error}");
            error.to_string()
        };
        let mut missing = good.clone();
        missing.remove(name);
        let message = refused(&missing);
        assert!(
            message.contains(name) && message.contains(network),
            "{message}"
        );
        let mut other = good.clone();
        other.insert(
            name.to_owned(),
            Tensor::zeros((3, 3), DType::F32, &Device::Cpu).unwrap(),
        );
        let message = refused(&other);
        assert!(
            message.contains(name) && message.contains("[3, 3]"),
            "{message}"
        );
    }
    let bytes = file(&Reference::of("resnet18").tensors());
    let half = bytes.bytes().slice(..bytes.bytes().len() / 2);
    let resnet = backbone("resnet18").unwrap();
    let error = resnet.load(&WeightsFile::new(half, "half"), &Target::default());
    assert!(matches!(error, Err(BackboneError::Weights { .. })));
}

#[test]
fn half_precision_files_are_widened() {
    let mut tensors = Reference::of("resnet18").tensors();
    for tensor in tensors.values_mut() {
        *tensor = tensor.to_dtype(DType::F16).unwrap();
    }
    let features = features(&load("resnet18", &tensors).unwrap());
    let reference = Reference::of("resnet18").features;
    let largest = features
        .iter()
        .zip(&reference)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(largest > 0.0 && largest < 0.05, "{largest}");
}

/// The features of the image as bits. Run in processes of their own by other tests, because the number
/// of threads and the instruction set are those of a process.
#[test]
#[ignore = "run by other tests"]
fn bits() {
    for name in names() {
        let network = load(name, &Reference::of(name).tensors()).unwrap();
        let features = features(&network);
        let bits: Vec<u32> = features.iter().map(|value| value.to_bits()).collect();
        println!("BITS {name} {bits:?}");
    }
}

/// What the test `bits` prints with a variable of the environment, a line a network.
fn bits_with(variable: &str, value: &str) -> Vec<String> {
    let ran = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "bits", "--nocapture"])
        .env(variable, value)
        .output()
        .unwrap();
    let text = String::from_utf8(ran.stdout).unwrap();
    let lines = text.lines().filter(|line| line.contains("BITS"));
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    assert_eq!(lines.len(), names().len(), "{variable}={value}: {text}");
    lines
}

#[test]
fn threads_change_no_bit() {
    let bits = |threads: &str| bits_with("RAYON_NUM_THREADS", threads);
    let one = bits("1");
    assert!(one == bits("2") && one == bits("5"));
}

#[test]
fn every_instruction_set_agrees_with_timm() {
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        for line in bits_with("POMONA_ISA", isa.key()) {
            let (_, line) = line.split_once("BITS ").unwrap();
            let (name, bits) = line.split_once(' ').unwrap();
            let bits = bits.trim_matches(['[', ']']).split(", ");
            let features: Vec<f32> = bits
                .map(|bits| f32::from_bits(bits.parse().unwrap()))
                .collect();
            let error = difference(&features, &Reference::of(name).features);
            eprintln!("{name} with {isa}: differs by {error:.2e} of the largest feature");
            assert!(error <= TOLERANCE, "{name} with {isa}: {error}");
        }
    }
}

/// A backbone runs on the thread that calls it: another thread that calls the same one has the same
/// bits, and both at once do not disturb each other's buffers.
#[test]
fn threads_share_a_network() {
    let network = load("resnet18", &Reference::of("resnet18").tensors()).unwrap();
    let alone = features(&network);
    let together = std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| features(&network)));
        both.map(|thread| thread.join().unwrap())
    });
    assert!(together.iter().all(|features| *features == alone));
}
