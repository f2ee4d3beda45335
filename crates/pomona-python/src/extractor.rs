//! [`Extractor`]: encoded images to features, without SQL, on all cores.

use std::sync::Arc;

use datafusion::config::ConfigOptions;
use pomona_backbones::Backbone;
use pomona_functions::{LoadedNetwork, PomonaOptions, network};
use pomona_session::{RuntimeOptions, runtime_env, set_option, weights_objects};
use pyo3::prelude::*;
use pyo3::types::PyAny;

use crate::error_kind::Kind;
use crate::errors::{from_datafusion, of_image, raise, usage};
use crate::extraction::{BadImage, Work, extract, image_faults};
use crate::image_files::read_list;
use crate::vectors::Vectors;
use crate::waiting::wait;

/// The network that features are made by.
const NETWORK: &str = "mobilenet_v2";

/// MobileNetV2 from encoded images to features.
#[pyclass(frozen, module = "pomona._native")]
pub(crate) struct Extractor {
    network: Arc<dyn Backbone>,
    sha256: String,
}

#[pymethods]
impl Extractor {
    #[new]
    #[pyo3(signature = (weights=None, device="auto", precision="f32"))]
    fn new(
        py: Python<'_>,
        weights: Option<String>,
        device: &str,
        precision: &str,
    ) -> PyResult<Self> {
        let mut settings = ConfigOptions::new();
        settings.extensions.insert(PomonaOptions::default());
        for (name, value) in [("device", device), ("precision", precision)] {
            let set = set_option(&mut settings, &format!("pomona.{name}"), value);
            set.map_err(|error| from_datafusion(py, &error))?;
        }
        let mut options = PomonaOptions::of(&settings);
        options.weights = weights.or_else(|| std::env::var("POMONA_WEIGHTS").ok());
        let loaded = wait(py, async move {
            // It waits for the network or a disk.
            let loaded = tokio::task::spawn_blocking(move || open(&options)).await;
            loaded.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
        })?;
        let loaded = loaded.map_err(|error| raise(py, error))?;
        Ok(Self {
            network: loaded.network.clone(),
            sha256: loaded.sha256.clone(),
        })
    }

    #[getter]
    fn feature_length(&self) -> usize {
        self.network.feature_len()
    }

    #[getter]
    fn weights_sha256(&self) -> &str {
        &self.sha256
    }

    /// Features `[n, feature_length]` of files.
    #[pyo3(signature = (images, errors="raise"))]
    fn features(
        &self,
        py: Python<'_>,
        images: &Bound<'_, PyAny>,
        errors: &str,
    ) -> PyResult<Vectors> {
        let stops = match errors {
            "raise" => true,
            "nan" => false,
            other => {
                return Err(usage(format!(
                    "errors is 'raise' or 'nan', and not '{other}'"
                )));
            }
        };
        let (work, files) = (Work::new(stops), read_list(images)?);
        let shape = vec![files.len(), self.network.feature_len()];
        let (network, stop) = (Arc::clone(&self.network), work.stop_on_drop());
        let extracted = wait(py, async move {
            let _stop = stop;
            let run = move || extract(&network, &files, &work);
            let run = tokio::task::spawn_blocking(run).await;
            run.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
        })?;
        let (numbers, bad) = extracted.map_err(|error| raise(py, error))?;
        match bad.into_iter().min_by_key(|bad| bad.index) {
            Some(bad) if stops => Err(exception(py, &bad)),
            _ => Ok(Vectors::of_f32(numbers, shape)),
        }
    }

    /// Why each image cannot be decoded; `None` where it can.
    fn image_errors(
        &self,
        py: Python<'_>,
        images: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<Option<String>>> {
        let (work, files) = (Work::new(false), read_list(images)?);
        let count = files.len();
        let (network, stop) = (Arc::clone(&self.network), work.stop_on_drop());
        let bad = wait(py, async move {
            let _stop = stop;
            let run = move || image_faults(&network, &files, &work);
            let run = tokio::task::spawn_blocking(run).await;
            run.unwrap_or_else(|failed| std::panic::resume_unwind(failed.into_panic()))
        })?;
        let mut reasons = vec![None; count];
        for BadImage { index, reason, .. } in bad {
            reasons[index] = Some(reason);
        }
        Ok(reasons)
    }

    fn __repr__(&self) -> String {
        format!("<pomona.Extractor {NETWORK} {}>", &self.sha256[..12])
    }
}

fn exception(py: Python<'_>, bad: &BadImage) -> PyErr {
    let text = match &bad.path {
        // That a file cannot be read is said of its path.
        Some(path) if bad.kind == Kind::Image => {
            format!("image {}, '{}': {}", bad.index, path.display(), bad.reason)
        }
        _ => format!("image {}: {}", bad.index, bad.reason),
    };
    of_image(py, bad.kind, bad.index, bad.path.as_deref(), text)
}

/// The network of SQL, which all of a process share.
fn open(options: &PomonaOptions) -> anyhow::Result<Arc<LoadedNetwork>> {
    let runtime = runtime_env(RuntimeOptions::default())?;
    Ok(network(options, &weights_objects(&runtime))?)
}
