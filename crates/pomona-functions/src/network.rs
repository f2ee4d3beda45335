//! The process-wide cache of networks: weights are read once, whatever the number of partitions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use pomona_backbones::DeviceName;
use pomona_mobilenet::network::{MobileNetV2, Precision};
use pomona_weights::{LoadError, Source, load};

use crate::cache::Cache;
use crate::decoding::count_load;
use crate::{FunctionError, Objects, PomonaOptions};

/// The length of a feature vector: the last layer of MobileNetV2 at a width of 1.0 or less.
pub const FEATURE_LEN: usize = 1280;

/// A network that is ready to run, and what it was loaded from.
#[derive(Debug)]
pub struct LoadedNetwork {
    /// The network with its packed weights.
    pub network: Arc<MobileNetV2>,
    /// The sha256 of the weights' file, in hexadecimal.
    pub sha256: String,
    /// Images that went through the network.
    images: AtomicU64,
}

impl LoadedNetwork {
    /// How many images SQL functions of this process have put through the network. An image
    /// whose features and classes are asked for in one query counts once.
    pub fn images(&self) -> u64 {
        self.images.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, images: usize) {
        self.images.fetch_add(images as u64, Ordering::Relaxed);
    }
}

/// The same file is another network in another precision, and on another device.
type Key = (String, Precision, DeviceName);

static NETWORKS: LazyLock<Cache<Key, LoadedNetwork>> = LazyLock::new(Cache::default);

/// The network that the options name, loaded at the first call in a process, and again when its
/// file on a disk has been replaced. What is behind a URL or the name `imagenet` is read once.
///
/// A file that is replaced while a query runs is taken by the batches that follow;
/// `pomona.weights_sha256`, which `pomona run` sets, makes that an error.
///
/// # Errors
/// When the weights cannot be read, when their sha256 is not the one that is
/// pinned, when the network gives vectors of another length than [`FEATURE_LEN`], and when the
/// machine or the program does not have the device.
pub fn network(
    options: &PomonaOptions,
    objects: &Objects,
) -> Result<Arc<LoadedNetwork>, FunctionError> {
    let location = options.weights_location();
    let source = Source::parse(location).map_err(named(location))?;
    let (precision, device) = (options.precision.0, options.device.0.resolved());
    let key = (location.to_string(), precision, device);
    let loaded = NETWORKS.get(key, source.stamp(), || {
        load_network(location, &source, precision, device, objects)
    })?;
    let option = "pomona.weights_sha256";
    check_pin(option, pinned(options), location, &loaded.sha256)?;
    Ok(loaded)
}

/// The sha256 that the options pin for the network of `pomona.weights`.
pub(crate) fn pinned(options: &PomonaOptions) -> Option<&str> {
    let pinned = options.weights_sha256.as_deref();
    pinned.filter(|pinned| !pinned.is_empty())
}

/// Refuses weights whose sha256 is not the one that `option` pins, if it pins one.
pub(crate) fn check_pin(
    option: &'static str,
    pinned: Option<&str>,
    location: &str,
    sha256: &str,
) -> Result<(), FunctionError> {
    match pinned {
        Some(pinned) if !pinned.eq_ignore_ascii_case(sha256) => Err(FunctionError::WeightsDiffer {
            location: location.to_string(),
            option,
            expected: pinned.to_string(),
            found: sha256.to_string(),
        }),
        _ => Ok(()),
    }
}

fn load_network(
    location: &str,
    source: &Source,
    precision: Precision,
    device: DeviceName,
    objects: &Objects,
) -> Result<LoadedNetwork, FunctionError> {
    let device = device.open()?;
    let named = named(location);
    let file = load(source, objects.reader()).map_err(&named)?;
    let weights = file.weights().map_err(&named)?;
    let network = MobileNetV2::with_device(&weights, precision, &device)
        .map_err(|error| named(error.into()))?;
    if network.feature_len() != FEATURE_LEN {
        return Err(FunctionError::FeatureLength {
            location: location.to_string(),
            expected: FEATURE_LEN,
            found: network.feature_len(),
        });
    }
    count_load(location, file.sha256());
    Ok(LoadedNetwork {
        network: Arc::new(network),
        sha256: file.sha256().to_string(),
        images: AtomicU64::new(0),
    })
}

fn named(location: &str) -> impl Fn(LoadError) -> FunctionError {
    move |source| FunctionError::Weights {
        location: location.to_string(),
        source,
    }
}
