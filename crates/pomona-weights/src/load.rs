//! [`load`]: the file behind a source, for callers that wait.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use pomona_mobilenet::network::{Weights, WeightsError};

use crate::fetch::{MOST_BYTES, fetch};
use crate::{HubSettings, LoadError, ObjectReader, Source, WeightsFile, imagenet};

/// What AWS's client and rustls need: the 2 MB of a thread are not enough for all of their futures.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Reads the file behind a source, whole, and waits for it. `objects` reads what is neither a
/// file nor on a web server.
///
/// # Errors
/// When it cannot be read or fetched, and when the bytes of `imagenet` are not what they must be.
pub fn load(
    source: &Source,
    objects: Option<&Arc<dyn ObjectReader>>,
) -> Result<WeightsFile, LoadError> {
    match source {
        Source::Fruits => Ok(WeightsFile::new(
            Bytes::from_static(Weights::fruits_file()),
            "fruits, inside the program",
        )),
        Source::File(path) => read(path),
        Source::Http(url) => {
            let url = url.clone();
            on_own_thread(async move {
                let bytes = fetch(&url).await?;
                Ok(WeightsFile::new(bytes, url))
            })?
        }
        Source::Imagenet => {
            on_own_thread(async { imagenet::fetch(&HubSettings::from_env()).await })?
        }
        Source::Object(name) => {
            let refuse = |reason: String| LoadError::Object {
                url: name.clone(),
                reason,
            };
            let objects = objects
                .ok_or_else(|| refuse("nothing reads objects of stores here".to_string()))?;
            let read = objects.read(name);
            let bytes = on_own_thread(read)?.map_err(|error| refuse(error.to_string()))?;
            Ok(WeightsFile::new(bytes, name))
        }
    }
}

fn read(path: &Path) -> Result<WeightsFile, LoadError> {
    let refuse = |source: std::io::Error| {
        if source.kind() == std::io::ErrorKind::NotFound && Source::looks_like_a_name(path) {
            return LoadError::Name;
        }
        LoadError::Weights(WeightsError::Read {
            path: path.to_owned(),
            source,
        })
    };
    // A folder of images or a disk image given by mistake is not read into memory.
    let length = std::fs::metadata(path).map_err(refuse)?.len();
    if length > MOST_BYTES {
        return Err(LoadError::TooLarge {
            what: path.display().to_string(),
            most: MOST_BYTES,
        });
    }
    let bytes = std::fs::read(path).map_err(refuse)?;
    Ok(WeightsFile::new(bytes.into(), path.display().to_string()))
}

/// Runs a future to its end on a thread and a runtime of its own, and waits: the caller may be a
/// thread of a runtime, which must not start another.
///
/// # Errors
/// When the system gives no thread or no runtime.
pub fn on_own_thread<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, LoadError> {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(LoadError::system("start a runtime"))?;
        Ok(runtime.block_on(work))
    };
    let thread = thread::Builder::new()
        .name("pomona-weights".to_string())
        .stack_size(STACK_BYTES)
        .spawn(run)
        .map_err(LoadError::system("start a thread"))?;
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
