//! Listings from elsewhere: a file says which images there are, and no folder is listed.
//!
//! ```text
//! manifest.json of an S3 Inventory -> its data files -> rows -> keys -> chooser -> pages of images
//! paths.csv, paths.parquet --------------------------> rows -> URLs ----------> pages of images
//! ```
//!
//! Rows stream: a page is read when it is asked for, and no more than one batch of a file is in
//! memory. What a row names is held to `pomona.url_hosts` ([`AllowedHosts`](crate::AllowedHosts)),
//! as a URL of any other table is.

mod checksum;
mod columns;
mod csv;
mod inventory;
mod parquet;
mod paths;

use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::stream::{BoxStream, StreamExt};
use object_store::ObjectStore;
use object_store::path::Path;

use arrow::array::RecordBatch;

use self::checksum::Checksum;
use crate::error::ImagesError;
use crate::image_location::ImageLocation;
use crate::listing::Pages;
use crate::location::Location;
use crate::options::ImageTableOptions;
use crate::urls::ReadOptions;

/// The name of an S3 Inventory's description.
const MANIFEST: &str = "manifest.json";

/// Rows of a file, so many at a time.
const BATCH: usize = 1_000;

/// Batches of a file's rows.
type Rows = BoxStream<'static, Result<RecordBatch, ImagesError>>;

/// A file that says which images there are.
#[derive(Debug, Clone)]
pub(crate) struct ListingFile {
    file: ImageLocation,
    /// Where the images lie; anywhere if `None`.
    below: Option<ImageLocation>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inventory,
    Paths(Format),
}

/// The format of a file of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv { is_gzip: bool },
    Parquet,
}

/// What the rows of a listing are read with.
#[derive(Debug, Clone)]
pub(crate) struct ListingReader {
    pub stores: Arc<dyn ObjectStoreRegistry>,
    pub table: ImageTableOptions,
    pub urls: ReadOptions,
}

/// Whether a location is a listing as it is written, under a table's options.
pub(crate) fn names_listing(text: &str, options: &ImageTableOptions) -> bool {
    options.listing.is_some() || kind(text, options.path_column.is_some()).is_some()
}

/// What the rows of a file are, by its name. A Parquet file is a listing where somebody says which
/// of its columns has the paths.
fn kind(name: &str, has_path_column: bool) -> Option<Kind> {
    let file_name = name.rsplit('/').next().unwrap_or(name);
    let lower = file_name.to_lowercase();
    if file_name == MANIFEST {
        Some(Kind::Inventory)
    } else if lower.ends_with(".csv") {
        Some(Kind::Paths(Format::Csv { is_gzip: false }))
    } else if lower.ends_with(".csv.gz") {
        Some(Kind::Paths(Format::Csv { is_gzip: true }))
    } else if lower.ends_with(".parquet") && has_path_column {
        Some(Kind::Paths(Format::Parquet))
    } else {
        None
    }
}

/// The location of the option `listing`: a relative one lies in the table's folder.
pub(crate) fn listing_location(
    listing: &str,
    folder: &ImageLocation,
) -> Result<Location, ImagesError> {
    let is_absolute = listing.starts_with('/') || listing.contains("://");
    match is_absolute {
        true => Location::parse(listing),
        false => Location::parse(&format!("{}/{listing}", folder.url().trim_end_matches('/'))),
    }
}

impl ListingFile {
    /// The listing that a location is, or that lists its images; `None` where it is listed itself.
    ///
    /// # Errors
    /// If the option `listing` names a file of no known format.
    pub(crate) fn of(
        location: &ImageLocation,
        options: &ImageTableOptions,
    ) -> Result<Option<Self>, ImagesError> {
        if let Some(listing) = &options.listing {
            let file = listing_location(listing, location)?.literal(true);
            let kind = kind(&file.path, true).ok_or_else(|| ImagesError::Listing {
                file: file.url(),
                reason: format!(
                    "its name ends neither in .parquet, .csv nor .csv.gz, and is not {MANIFEST}"
                ),
            })?;
            let below = Some(location.clone());
            return Ok(Some(Self { file, below, kind }));
        }
        let kind = kind(&location.path, options.path_column.is_some());
        Ok(kind.filter(|_| location.is_object).map(|kind| Self {
            file: location.clone(),
            below: None,
            kind,
        }))
    }

    /// The images that the file lists. Where one page is enough, one file is read at a time.
    pub(crate) fn pages(&self, reader: &ListingReader, is_all_wanted: bool) -> Pages {
        match self.kind {
            Kind::Inventory => inventory::pages(self.clone(), reader.clone(), is_all_wanted),
            Kind::Paths(format) => paths::pages(self.clone(), reader.clone(), format),
        }
    }

    /// The error of a listing that is not what it should be.
    fn refused(&self, reason: impl Into<String>) -> ImagesError {
        ImagesError::Listing {
            file: self.file.url(),
            reason: reason.into(),
        }
    }
}

impl ListingReader {
    /// The store of a location, and the location's path there.
    fn store(&self, location: &ImageLocation) -> Result<(Arc<dyn ObjectStore>, Path), ImagesError> {
        let url = location.object_store_url()?;
        let store = self.stores.get_store(url.as_ref());
        let store = store.map_err(|error| ImagesError::InvalidLocation {
            location: location.url(),
            reason: error.to_string(),
        })?;
        Ok((store, location.object_path()?))
    }
}

/// A file of rows, where it is.
#[derive(Clone)]
struct RowFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// Its URL, for errors.
    url: String,
    /// The bytes that it must have, where that is known.
    length: Option<u64>,
    /// The checksum that they must have.
    checksum: Option<Checksum>,
}

impl RowFile {
    fn failed(&self, source: object_store::Error) -> ImagesError {
        ImagesError::List {
            location: self.url.clone(),
            source,
        }
    }

    fn refused(&self, reason: impl Into<String>) -> ImagesError {
        ImagesError::Listing {
            file: self.url.clone(),
            reason: reason.into(),
        }
    }

    /// Fails where the file has not the length that it must have.
    fn check(&self, length: u64) -> Result<(), ImagesError> {
        match self.length {
            Some(expected) if expected != length => Err(self.refused(format!(
                "it has {length} bytes, and {expected} by its manifest"
            ))),
            _ => Ok(()),
        }
    }

    /// Fails where the bytes of the file have not the checksum that they must have.
    fn check_bytes(&self, found: Checksum) -> Result<(), ImagesError> {
        match &self.checksum {
            Some(expected) if *expected != found => Err(self.refused(format!(
                "its MD5 is {found}, and {expected} by its manifest: it was damaged or replaced"
            ))),
            _ => Ok(()),
        }
    }

    /// The rows of a Parquet file: those of its columns that are wanted and there.
    fn parquet(self, wanted: impl Fn(&str) -> bool + Send + 'static) -> Rows {
        once(async move { Ok(parquet::open(self, wanted).await?.rows) })
    }

    /// The rows of a CSV file, all columns as text. Its columns are `names`, or those of its first
    /// line.
    fn csv(self, is_gzip: bool, names: Option<Vec<String>>) -> Rows {
        once(async move { Ok(csv::open(self, is_gzip, names).await?.rows) })
    }
}

/// A file of rows that was opened.
struct Opened {
    /// The names of its columns.
    names: Vec<String>,
    rows: Rows,
}

/// A stream that has to be opened first.
fn once<T: Send + 'static>(
    open: impl Future<Output = Result<BoxStream<'static, Result<T, ImagesError>>, ImagesError>>
    + Send
    + 'static,
) -> BoxStream<'static, Result<T, ImagesError>> {
    let opened = futures::stream::once(open);
    opened
        .flat_map(|opened| {
            opened.unwrap_or_else(|error| futures::stream::iter([Err(error)]).boxed())
        })
        .boxed()
}
