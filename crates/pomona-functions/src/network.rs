//! The process-wide cache of networks: weights are read once, whatever the number of partitions.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use pomona_mobilenet::network::{MobileNetV2, Precision, Weights};

use crate::{FunctionError, PomonaOptions};

/// The length of a feature vector: the last layer of MobileNetV2 at a width of 1.0 or less.
pub const FEATURE_LEN: usize = 1280;

/// A network that is ready to run, and what it was loaded from.
#[derive(Debug)]
pub struct LoadedNetwork {
    /// The network with its packed weights.
    pub network: Arc<MobileNetV2>,
    /// The sha256 of the weights' file, in hexadecimal.
    pub sha256: String,
}

/// The weights that are part of the program, by their name in `pomona.weights`. A file of that name
/// is `./fruits`.
pub const BUNDLED_WEIGHTS: &str = "fruits";

/// The functions that load the network.
pub const NETWORK_FUNCTIONS: [&str; 2] = ["mobilenet_v2", "try_mobilenet_v2"];

/// The same file is another network in another precision.
type Key = (String, Precision);

/// One slot a network, so that two partitions that start together load the file once.
type Slot = Arc<Mutex<Option<Arc<LoadedNetwork>>>>;

static NETWORKS: LazyLock<Mutex<HashMap<Key, Slot>>> = LazyLock::new(Mutex::default);

/// The network that the options name, loaded at the first call in a process.
///
/// # Errors
/// When no weights are named, when they cannot be read, when their sha256 is not the one that is
/// pinned, and when the network gives vectors of another length than [`FEATURE_LEN`].
pub fn network(options: &PomonaOptions) -> Result<Arc<LoadedNetwork>, FunctionError> {
    let location = options.weights.as_deref().unwrap_or_default();
    if location.is_empty() {
        return Err(FunctionError::NoWeights);
    }
    let precision = options.precision.0;
    let slot = Arc::clone(
        NETWORKS
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .entry((location.to_string(), precision))
            .or_default(),
    );
    let mut slot = slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let loaded = match &*slot {
        Some(loaded) => Arc::clone(loaded),
        None => Arc::clone(slot.insert(Arc::new(load(location, precision)?))),
    };
    drop(slot);

    match options.weights_sha256.as_deref() {
        Some(pinned) if !pinned.is_empty() && !pinned.eq_ignore_ascii_case(&loaded.sha256) => {
            Err(FunctionError::WeightsDiffer {
                location: location.to_string(),
                expected: pinned.to_string(),
                found: loaded.sha256.clone(),
            })
        }
        _ => Ok(loaded),
    }
}

fn load(location: &str, precision: Precision) -> Result<LoadedNetwork, FunctionError> {
    let named = |source| FunctionError::Weights {
        location: location.to_string(),
        source,
    };
    let weights = match location {
        BUNDLED_WEIGHTS => Weights::fruits(),
        file => Weights::load(file.strip_prefix("file://").unwrap_or(file)),
    };
    let weights = weights.map_err(named)?;
    let network = MobileNetV2::with_precision(&weights, precision).map_err(named)?;
    if network.feature_len() != FEATURE_LEN {
        return Err(FunctionError::FeatureLength {
            location: location.to_string(),
            expected: FEATURE_LEN,
            found: network.feature_len(),
        });
    }
    // Counted by tests and by people: each process loads a network once.
    log::info!(
        "network loaded from {location}, sha256 {}",
        weights.sha256()
    );
    Ok(LoadedNetwork {
        network: Arc::new(network),
        sha256: weights.sha256().to_string(),
    })
}
