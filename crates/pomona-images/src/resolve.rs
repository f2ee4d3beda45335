//! Asks the stores what the locations of a new table are, so that a wrong one fails at CREATE.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::ImagesError;
use crate::io_runtime::on_io_runtime;
use crate::location::{ImageLocation, Location};
use crate::matching::is_image_name;

/// Finds out whether `text` names an object, a folder, or a glob below a folder.
///
/// What exists under the literal name wins over reading it as a glob, so a folder named
/// `photos [2019]` needs no escaping.
///
/// # Errors
/// If the location cannot be understood, does not exist, or cannot be asked for.
pub async fn resolve(runtime: &Arc<RuntimeEnv>, text: &str) -> Result<ImageLocation> {
    let written = Location::parse(text)?;
    let literal = written.literal(false);
    let store = runtime.object_store(literal.object_store_url()?)?;
    on_io_runtime(async move {
        if !written.is_folder {
            let object = written.literal(true);
            // A store that forbids HEAD, or reports a folder as an odd kind of object, says so
            // again when it is asked to list.
            if store.head(&object.object_path()?).await.is_ok() {
                // In a bucket both may be there; who names an image means the image.
                if is_image_name(&object.path)
                    || object.local_path().is_some()
                    || !is_folder(store.as_ref(), &literal).await?
                {
                    return Ok(object);
                }
                log::warn!(
                    "{object} is an object and a folder: what is read is the folder, {literal}"
                );
                return Ok(literal);
            }
        }
        if is_folder(store.as_ref(), &literal).await? {
            return Ok(literal);
        }
        match written.glob() {
            Some(glob) if is_folder(store.as_ref(), &glob).await? => Ok(glob),
            Some(glob) => Err(absent(&glob)),
            None => Err(absent(&literal)),
        }
    })
    .await?
    .map_err(Into::into)
}

/// A folder exists if an object is below it; on the local file system it may also be empty.
async fn is_folder(store: &dyn ObjectStore, location: &ImageLocation) -> Result<bool, ImagesError> {
    if let Some(folder) = location.local_path() {
        return Ok(folder.is_dir());
    }
    match store.list(Some(&location.object_path()?)).next().await {
        // A key that is no path is an object, too.
        Some(Ok(_) | Err(object_store::Error::InvalidPath { .. })) => Ok(true),
        Some(Err(source)) => Err(ImagesError::List {
            location: location.to_string(),
            source,
        }),
        None => Ok(false),
    }
}

fn absent(location: &ImageLocation) -> ImagesError {
    let mut advice = String::new();
    if location.url().contains('%') {
        advice.push_str("LOCATION is literal, write a space as a space and not as %20; ");
    }
    let text = location.text.clone();
    let Some(folder) = location.local_path() else {
        advice.push_str("check the bucket and the prefix, which are case-sensitive");
        return ImagesError::NoObjects {
            prefix: location.to_string(),
            location: text,
            advice,
        };
    };
    let nearest = folder.ancestors().skip(1).find(|parent| parent.is_dir());
    if let Some(nearest) = nearest {
        advice.push_str(&format!(
            "the nearest folder that exists is {}; ",
            nearest.display()
        ));
    }
    advice.push_str("give an existing folder, a file, or a glob below a folder");
    ImagesError::NoSuchFolder {
        folder: folder.display().to_string(),
        location: text,
        advice,
    }
}
