//! The process-wide cache of networks by name, and the pins of their weights.

use std::sync::{Arc, LazyLock};

use pomona_backbones::{Backbone, BackboneError, BackboneFactory, DeviceName, Target, backbone};
use pomona_weights::{
    HubSettings, LoadError, Repository, Source, WeightsFile, load, on_own_thread,
};

use crate::cache::Cache;
use crate::decoding::count_load;
use crate::network::check_pin;
use crate::{FunctionError, Objects, PomonaOptions};

/// A network by name, and what it was loaded from.
#[derive(Debug)]
pub(crate) struct LoadedModel {
    pub(crate) model: Arc<dyn Backbone>,
    /// The sha256 of the weights' file, in hexadecimal.
    pub(crate) sha256: String,
}

/// A network, where its weights come from (nowhere is the hub), and where it runs.
type Key = (&'static dyn BackboneFactory, String, DeviceName);

static MODELS: LazyLock<Cache<Key, LoadedModel>> = LazyLock::new(Cache::default);

/// A network with its weights, loaded at the first call in a process.
///
/// # Errors
/// When its weights cannot be loaded, when their sha256 is not the one that is pinned, and when the
/// machine or the program does not have the device.
pub(crate) fn model(
    factory: &'static dyn BackboneFactory,
    options: &PomonaOptions,
    objects: &Objects,
) -> Result<Arc<LoadedModel>, FunctionError> {
    let without_weights = || FunctionError::NoBackboneWeights {
        network: factory.name(),
    };
    let given = options.backbone_weights.clone().unwrap_or_default();
    let repository = factory.weights().repository;
    let location = match (given.as_str(), &repository) {
        ("", Some(repository)) => repository.id(),
        ("", None) => return Err(without_weights()),
        (given, _) => given.to_string(),
    };
    let named = |source: BackboneError| FunctionError::BackboneWeights {
        location: location.clone(),
        source,
    };
    let source = match given.as_str() {
        "" => None,
        given => Some(Source::parse(given).map_err(|error| named(error.into()))?),
    };
    let stamp = source.as_ref().and_then(Source::stamp);
    let device = options.device.0.resolved();
    let loaded = MODELS.get((factory, given, device), stamp, || {
        let target = Target {
            device: device.open()?,
            ..Target::default()
        };
        let file = match (&source, repository) {
            (Some(source), _) => load(source, objects.reader()),
            (None, Some(repository)) => fetch(repository),
            (None, None) => return Err(without_weights()),
        };
        let file = file.map_err(|error| named(error.into()))?;
        let model = factory.load(&file, &target).map_err(named)?;
        count_load(&location, file.sha256());
        Ok::<_, FunctionError>(LoadedModel {
            model,
            sha256: file.sha256().to_string(),
        })
    })?;
    let option = "pomona.backbone_weights_sha256";
    check_pin(option, pinned(factory, options)?, &location, &loaded.sha256)?;
    Ok(loaded)
}

/// The file of the hub, through its cache.
fn fetch(repository: Repository) -> Result<WeightsFile, LoadError> {
    let fetched = async move {
        let settings = HubSettings::from_env();
        Ok::<_, LoadError>(settings.fetch(&repository).await?.file)
    };
    on_own_thread(fetched).and_then(|file| file)
}

/// The sha256 that the options pin for a network.
///
/// # Errors
/// When the pins are not a list of networks with their sha256.
pub(crate) fn pinned<'a>(
    factory: &dyn BackboneFactory,
    options: &'a PomonaOptions,
) -> Result<Option<&'a str>, FunctionError> {
    let pins = options
        .backbone_weights_sha256
        .as_deref()
        .unwrap_or_default();
    let mut found = None;
    for pin in pins.split(',').map(str::trim).filter(|pin| !pin.is_empty()) {
        let Some((name, sha256)) = pin.split_once('=') else {
            return Err(FunctionError::BackbonePin {
                pin: pin.to_string(),
            });
        };
        if backbone(name.trim())?.name() == factory.name() {
            found = Some(sha256.trim());
        }
    }
    Ok(found)
}
