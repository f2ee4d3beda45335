//! What a location holds, as far as the first page of its listing shows.

use std::slice;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::StreamExt;

use crate::image_location::ImageLocation;
use crate::io_runtime::on_io_runtime;
use crate::listing::{ListedObject, PAGE, Scope, Source};
use crate::options::ImageTableOptions;

/// Paths of files that a location holds, whatever they are: those of the first page of its listing
/// that has any. Hidden names are passed over, as an image table does.
///
/// # Errors
/// If the location cannot be listed.
pub async fn first_paths(
    runtime: &Arc<RuntimeEnv>,
    location: &ImageLocation,
) -> Result<Vec<String>> {
    let every_name = ImageTableOptions {
        glob: Some("*".to_owned()),
        ..ImageTableOptions::default()
    };
    let mut location = location.clone();
    location.read_shards(false);
    let objects = first_objects(runtime, &location, &every_name).await?;
    Ok(objects.into_iter().map(|object| object.path).collect())
}

/// The objects of the first page of a listing that has any.
pub(crate) async fn first_objects(
    runtime: &Arc<RuntimeEnv>,
    location: &ImageLocation,
    options: &ImageTableOptions,
) -> Result<Vec<ListedObject>> {
    let locations = slice::from_ref(location);
    let source = Source::new(runtime, locations, options, Scope::default())?;
    let mut pages = source.pages(Some(PAGE))?;
    on_io_runtime(async move {
        while let Some(page) = pages.next().await.transpose()? {
            if !page.objects.is_empty() {
                return Ok(page.objects);
            }
        }
        Ok(vec![])
    })
    .await?
}
