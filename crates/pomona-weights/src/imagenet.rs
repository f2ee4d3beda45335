//! The weights named `imagenet`: which repository they are in, and how they are recognised.
//!
//! What a branch of a repository points at can change, and a mirror can hold anything, so the
//! network itself is checked: its features of an image that is drawn here must be those of
//! TensorFlow's checkpoint `mobilenet_v2_1.0_224`, which are written down below. Rounding by
//! other instruction sets moves them by 3e-5 at most; the smallest change of training by more than
//! a hundred times the tolerance.

use candle_core::{Device, Module, Tensor};
use pomona_mobilenet::network::architecture::Architecture;
use pomona_mobilenet::network::{MobileNetV2, Precision, Weights, WeightsError};

use crate::{HubSettings, LoadError, Repository, WeightsFile};

/// Where the weights are.
pub const REPOSITORY: Repository = Repository {
    owner: "google",
    name: "mobilenet_v2_1.0_224",
    files: &["model.safetensors", "pytorch_model.bin"],
};

/// How far a feature may be from what is written down.
pub const TOLERANCE: f32 = 1e-3;

/// Every fortieth feature of [`image`], as the checkpoint gives it.
const FEATURES: [f32; 32] = [
    0.0, 0.0, 0.0, 0.884416, 0.205819, 0.464033, 2.721307, 0.0, 0.013109, 0.0, 0.0, 0.0, 0.002447,
    0.691798, 0.0, 0.0, 0.0, 2.21532, 0.0, 0.0, 0.00013, 0.0, 0.131001, 3.42026, 0.0, 0.0,
    2.691261, 0.033955, 0.677497, 0.0, 0.0, 0.0,
];

/// Fetches the weights, or takes them from the cache, and checks the network.
///
/// # Errors
/// As [`HubSettings::fetch`], and when it is another network.
pub async fn fetch(settings: &HubSettings) -> Result<WeightsFile, LoadError> {
    let fetched = settings.fetch(&REPOSITORY).await;
    let fetched = fetched.map_err(|error| match error {
        LoadError::Unreachable { .. } | LoadError::Offline { .. } | LoadError::Hub { .. } => {
            LoadError::Imagenet(Box::new(error))
        }
        other => other,
    })?;
    check(&fetched.file.weights()?, fetched.file.from())?;
    Ok(fetched.file)
}

/// Whether weights are the network that goes by the name `imagenet`; `from` is for the error.
///
/// # Errors
/// When they are not.
pub fn check(weights: &Weights, from: &str) -> Result<(), LoadError> {
    let expected = Architecture::keras(1.0, SIDE);
    if *weights.architecture() != expected {
        let found = weights.architecture();
        return Err(LoadError::OtherNetwork {
            from: from.to_string(),
            reason: format!(
                "it has width {}, images of {} pixels and {:?} padding",
                found.width, found.input_size, found.padding
            ),
        });
    }
    let found = fingerprint(weights)?;
    let differences = found.iter().zip(FEATURES).map(|(a, b)| (a - b).abs());
    // What is not a number is no match, whatever it is compared with.
    if differences
        .clone()
        .all(|difference| difference <= TOLERANCE)
    {
        return Ok(());
    }
    Err(LoadError::Fingerprint {
        from: from.to_string(),
        difference: differences.fold(0.0, f32::max),
        tolerance: TOLERANCE,
    })
}

/// Every fortieth feature of [`image`].
fn fingerprint(weights: &Weights) -> Result<Vec<f32>, LoadError> {
    let network = MobileNetV2::with_precision(weights, Precision::F32)?;
    let image = Tensor::from_vec(image(), (1, SIDE, SIDE, 3), &Device::Cpu);
    let features = image.and_then(|image| network.forward(&image)?.flatten_all()?.to_vec1());
    let features: Vec<f32> = features.map_err(WeightsError::from)?;
    let step = features.len() / FEATURES.len();
    Ok(features.into_iter().step_by(step).collect())
}

const SIDE: usize = 224;

/// A disc on waves: soft colours and an edge, drawn with whole numbers so that it is the same
/// everywhere. Rows from the top, three bytes a pixel.
fn image() -> Vec<u8> {
    let wave = |position: usize, period: usize| {
        let phase = position % period;
        let rising = phase.min(period - phase);
        (rising * 400 / period) as u8
    };
    let mut pixels = Vec::with_capacity(SIDE * SIDE * 3);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (dx, dy) = (x.abs_diff(SIDE / 2), y.abs_diff(SIDE / 2));
            let inside = dx * dx + dy * dy < (SIDE / 3) * (SIDE / 3);
            let shade = if inside { 55 } else { 0 };
            pixels.push(wave(x + y, 96) + shade);
            pixels.push(wave(2 * x + y, 70));
            pixels.push(255 - wave(x + 3 * y, 130) - shade);
        }
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkpoint_is_recognised_and_others_are_not() {
        let other = Weights::random(1.0, 1).unwrap();
        let error = check(&other, "a mirror").unwrap_err().to_string();
        assert!(
            error.contains("a mirror") && error.contains("--weights FILE"),
            "{error}"
        );

        let narrow = Weights::random(0.5, 1).unwrap();
        let error = check(&narrow, "a mirror").unwrap_err().to_string();
        assert!(error.contains("width 0.5"), "{error}");

        let Some(data) = pomona_tests::reference_data::reference_data() else {
            return;
        };
        let file = data.join("models/mobilenet_v2_1.0_224.safetensors");
        let weights = Weights::load(file).unwrap();
        eprintln!("{:?}", fingerprint(&weights).unwrap());
        check(&weights, "the reference data").unwrap();
    }
}
