//! `SELECT … FROM 'photos/*.jpg'`: files by their names, images and what DataFusion reads.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{DynamicFileCatalog, TableProvider, UrlTableFactory};
use datafusion::common::{Result, plan_datafusion_err};
use datafusion::datasource::dynamic_file::DynamicListTableFactory;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use glob::Pattern;
use object_store::ObjectMeta;
use pomona_images::{
    ImageLocation, ImageTable, ImageTableOptions, first_paths, is_archive_name, is_image_name,
    resolve,
};

use crate::SessionError;
use crate::statements::{is_of_format, unreadable};

/// A context in which a name that is no table's is that of a file, a folder or a glob: of images,
/// or of Parquet, CSV, JSON, Arrow or Avro.
///
/// A name with a slash, or with an extension of these formats, is a [`Location`](pomona_images::Location),
/// and so literal. What its files are called decides what it is; a folder with files of several kinds
/// is refused where one of them is images, since its name says neither.
pub fn with_file_names(ctx: SessionContext) -> SessionContext {
    let names = Arc::new(FileNames::default());
    let catalogs = Arc::clone(ctx.state_ref().read().catalog_list());
    let catalogs = DynamicFileCatalog::new(catalogs, Arc::clone(&names) as _);
    let session_id = ctx.session_id();
    let ctx: SessionContext = ctx
        .into_state_builder()
        .with_session_id(session_id)
        .with_catalog_list(Arc::new(catalogs))
        .build()
        .into();
    let store = names.other_names.session_store();
    store.with_state(ctx.state_weak_ref());
    ctx
}

#[derive(Debug, Default)]
struct FileNames {
    /// Makes tables of names that say nothing of files, and holds the session.
    other_names: DynamicListTableFactory,
}

#[async_trait]
impl UrlTableFactory for FileNames {
    async fn try_new(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let state = self.state()?;
        if !is_file_name(&state, name) {
            return self.other_names.try_new(name).await;
        }
        let location = resolve(state.runtime_env(), name).await?;
        let paths = match location.is_object() {
            true => vec![location.url()],
            false => first_paths(state.runtime_env(), &location).await?,
        };
        let is_image = |path: &&String| is_image_name(path) || location.is_inside_shard();
        let image = paths.iter().find(is_image);
        let is_other = |path: &&String| {
            !is_image(path) && is_read_here(&location, path) && is_data(&state, path)
        };
        let other = paths.iter().find(is_other);
        let archive = paths.iter().find(|path| is_archive_name(path));
        match (image.or(archive.filter(|_| other.is_none())), other) {
            (Some(_), None) => {
                let options = ImageTableOptions::default();
                Ok(Some(Arc::new(ImageTable::from_resolved(
                    vec![location],
                    options,
                ))))
            }
            (None, Some(_)) if is_over_folders(&state, &location) => Err(SessionError::NoTable {
                name: name.to_owned(),
                reason: "a pattern over several folders finds images alone, unless SET \
                         datafusion.execution.listing_table_ignore_subdirectory = false"
                    .to_owned(),
            }
            .into()),
            (None, Some(path)) => data(&state, name, &location, path).await.map(Some),
            (image, other) => Err(SessionError::NoTable {
                name: name.to_owned(),
                reason: match (image, other, paths.first()) {
                    (Some(image), Some(other), _) => both(name, &location, image, other),
                    (_, _, Some(path)) => format!(
                        "{} is neither an image nor Parquet, CSV, JSON, Arrow or Avro by its name; \
                         CREATE EXTERNAL TABLE … STORED AS … reads files of other names",
                        last_segment(path)
                    ),
                    (_, _, None) if location.pattern().is_some() => format!(
                        "no file matches {location}; * stays within a folder, and ** crosses folders"
                    ),
                    (_, _, None) => "the folder has no files".to_owned(),
                },
            }
            .into()),
        }
    }
}

impl FileNames {
    fn state(&self) -> Result<SessionState> {
        let session = self.other_names.session_store().get_session().upgrade();
        let state = session.and_then(|session| {
            let session = session.read();
            session.as_any().downcast_ref::<SessionState>().cloned()
        });
        state.ok_or_else(|| plan_datafusion_err!("the session has ended"))
    }
}

/// Whether a name is that of files and not of a table which does not exist.
fn is_file_name(state: &SessionState, name: &str) -> bool {
    let is_file = is_image_name(name) || is_archive_name(name) || is_data(state, name);
    name.contains('/') || name.contains('.') && is_file
}

/// Whether a file has the extension of a format that DataFusion reads, compressed or not.
fn is_data(state: &SessionState, path: &str) -> bool {
    let name = last_segment(path);
    name.contains('.') && format(state, name).is_ok_and(|format| format.is_some())
}

/// The format of a file, and its extension with that of its compression.
fn format(state: &SessionState, name: &str) -> Result<Option<(Arc<dyn FileFormat>, String)>> {
    let (extension, compression) =
        ListingTableConfig::infer_file_extension_and_compression_type(name)?;
    let Some(factory) = state.get_file_format_factory(&extension) else {
        return Ok(None);
    };
    let mut options = HashMap::new();
    let mut ending = extension;
    if let Some(compression) = compression {
        ending = format!("{ending}.{compression}");
        options.insert("format.compression".to_owned(), compression);
    }
    Ok(Some((factory.create(state, &options)?, ending)))
}

/// Whether DataFusion reads a file below a location: in folders it reads the files that lie there,
/// and those in folders of partitions, such as `year=2026/`.
fn is_read_here(location: &ImageLocation, path: &str) -> bool {
    let below = path.strip_prefix(&location.url()).unwrap_or(path);
    let mut folders = below.trim_start_matches('/').rsplit('/').skip(1);
    location.pattern().is_some() || folders.all(|folder| folder.contains('='))
}

/// Whether a pattern has folders in it, which DataFusion matches on demand alone.
fn is_over_folders(state: &SessionState, location: &ImageLocation) -> bool {
    let options = &state.config_options().execution;
    let pattern = location.pattern().unwrap_or_default();
    pattern.contains('/') && options.listing_table_ignore_subdirectory
}

/// The table of files of the format that one of them has, under the name that was written.
async fn data(
    state: &SessionState,
    name: &str,
    location: &ImageLocation,
    path: &str,
) -> Result<Arc<dyn TableProvider>> {
    let (format, ending) = format(state, last_segment(path))?
        .ok_or_else(|| plan_datafusion_err!("{path} has a format that is not known"))?;
    let glob = location.pattern().map(Pattern::new).transpose();
    let glob = glob.map_err(|error| plan_datafusion_err!("{location}: {error}"))?;
    let url = ListingTableUrl::try_new(location.encoded_url()?, glob)?;
    let options = ListingOptions::new(format).with_file_extension(ending);
    let config = ListingTableConfig::new(url.clone())
        .with_listing_options(options.clone())
        .infer_partitions_from_path(state)
        .await?
        .infer_schema(state)
        .await;
    match config {
        Ok(config) => Ok(Arc::new(ListingTable::try_new(config)?)),
        Err(error) if is_of_format(error.find_root()) => {
            let file = first_unreadable(state, &url, &options).await;
            let named = match file.filter(|_| !location.is_object()) {
                Some(file) => format!("'{file}' in '{name}'"),
                None => format!("'{name}'"),
            };
            Err(unreadable(named, &error).into())
        }
        Err(error) => Err(error),
    }
}

/// The name of the first file that cannot be read for its schema: the reader's error has no name.
async fn first_unreadable(
    state: &SessionState,
    url: &ListingTableUrl,
    options: &ListingOptions,
) -> Option<String> {
    let store = state.runtime_env().object_store(url).ok()?;
    let files = url.list_all_files(state, store.as_ref(), &options.file_extension);
    let files: Vec<ObjectMeta> = files.await.ok()?.try_collect().await.ok()?;
    for file in files.iter().filter(|file| file.size > 0) {
        let one = std::slice::from_ref(file);
        if options
            .format
            .infer_schema(state, &store, one)
            .await
            .is_err()
        {
            return file.location.filename().map(str::to_owned);
        }
    }
    None
}

/// What to write for a location that holds images and files of another format.
fn both(name: &str, location: &ImageLocation, image: &str, other: &str) -> String {
    let extension = other
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension);
    let quoted = name.replace('\'', "''");
    let files = format!("{}/*.{extension}", location.url()).replace('\'', "''");
    format!(
        "it holds images ({}) and other files ({}); write FROM images('{quoted}') for the images, \
         and FROM '{files}' for the others",
        last_segment(image),
        last_segment(other),
    )
}

fn last_segment(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
