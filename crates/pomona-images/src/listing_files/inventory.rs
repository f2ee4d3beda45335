//! S3 Inventory: a manifest, and files of keys that it names.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::error::ArrowError;
use bytes::Bytes;
use chrono::DateTime;
use futures::stream::{self, StreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::checksum::Checksum;
use super::columns::{at, length, moment, number, text, time, yes};
use super::{ListingFile, ListingReader, MANIFEST, RowFile, once};
use crate::error::ImagesError;
use crate::image_location::ImageLocation;
use crate::listing::{Chooser, Entry, Known, Page, Pages};
use crate::location::Location;
use crate::skipped::Skipped;
use crate::urls::ReadFault;

/// The largest manifest: it names a file of millions of keys in some 200 bytes.
const MOST_MANIFEST: u64 = 256 << 20;

/// The file with the MD5 of the manifest.
const CHECKSUM: &str = "manifest.checksum";

/// The largest of them: it has 32 digits, and perhaps the end of a line.
const MOST_CHECKSUM: u64 = 100;

/// Data files that are read at once where all are wanted.
const FILES_AT_ONCE: usize = 4;

/// `manifest.json`, as far as it says where the keys are.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html>
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    source_bucket: String,
    /// An ARN.
    destination_bucket: String,
    file_format: String,
    /// The names of the columns of CSV, in their order.
    #[serde(default)]
    file_schema: String,
    files: Vec<DataFile>,
}

#[derive(Debug, Deserialize)]
struct DataFile {
    key: String,
    size: Option<u64>,
    /// Of the file as it is stored.
    #[serde(default, rename = "MD5checksum")]
    md5: String,
}

/// How the data files are written.
#[derive(Clone)]
enum Layout {
    /// Without a first line, and keys are percent-encoded.
    Csv(Vec<String>),
    Parquet,
}

pub(super) fn pages(listing: ListingFile, reader: ListingReader, is_all_wanted: bool) -> Pages {
    once(open(listing, reader, is_all_wanted))
}

async fn open(
    listing: ListingFile,
    reader: ListingReader,
    is_all_wanted: bool,
) -> Result<Pages, ImagesError> {
    let (store, path) = reader.store(&listing.file)?;
    let failed = |source| ImagesError::List {
        location: listing.file.url(),
        source,
    };
    let object = store.get(&path).await.map_err(failed)?;
    if object.meta.size > MOST_MANIFEST {
        return Err(listing.refused(format!("it has {} bytes", object.meta.size)));
    }
    let bytes = object.bytes().await.map_err(failed)?;
    check(&listing, &*store, &bytes).await?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| listing.refused(format!("it is no manifest of S3 Inventory: {error}")))?;
    let layout = match manifest.file_format.to_lowercase().as_str() {
        "csv" => {
            let names = manifest.file_schema.split(',').map(column_name);
            Layout::Csv(names.collect())
        }
        "parquet" => Layout::Parquet,
        _ => {
            return Err(listing.refused(format!(
                "its files are {}, which is not read: set the inventory to Apache Parquet or CSV",
                manifest.file_format
            )));
        }
    };
    if let Layout::Csv(names) = &layout
        && !["bucket", "key"]
            .iter()
            .all(|name| names.iter().any(|n| n == name))
    {
        return Err(listing.refused("its fileSchema names no bucket and no key"));
    }
    let refused = |fault: ReadFault| listing.refused(fault.to_string());
    let bucket = &manifest.source_bucket;
    reader.urls.hosts.check_bucket(bucket).map_err(refused)?;
    let source = Location::parse(&format!("s3://{bucket}/"))?.literal(false);
    let keys = Arc::new(Keys {
        chooser: Chooser::new(&[source], 0, &reader.table)?,
        bucket: bucket.clone(),
        below: listing.below.clone(),
        listing: listing.clone(),
        is_encoded: matches!(layout, Layout::Csv(_)),
    });

    let place = Place::new(&listing, &reader, &manifest).await?;
    let files = manifest.files.into_iter().map(move |file| {
        let file = place.file(&file);
        let keys = Arc::clone(&keys);
        let rows = match (file, &layout) {
            (Ok(file), Layout::Csv(names)) => file.csv(true, Some(names.clone())),
            (Ok(file), Layout::Parquet) => file.parquet(is_wanted),
            (Err(error), _) => stream::iter([Err(error)]).boxed(),
        };
        rows.map(move |rows| keys.page(&rows?)).boxed()
    });
    let files = stream::iter(files);
    Ok(match is_all_wanted {
        true => files.flatten_unordered(FILES_AT_ONCE).boxed(),
        false => files.flatten().boxed(),
    })
}

/// Fails where a manifest has not the checksum that `manifest.checksum` beside it says. One that is
/// not there, as with a copy, or may not be read, says nothing.
async fn check(
    listing: &ListingFile,
    store: &dyn ObjectStore,
    manifest: &[u8],
) -> Result<(), ImagesError> {
    let (path, url) = (&listing.file.path, listing.file.url());
    let beside = |text: &str| format!("{}{CHECKSUM}", text.strip_suffix(MANIFEST).unwrap_or(text));
    let failed = |source| ImagesError::List {
        location: beside(&url),
        source,
    };
    let Ok(path) = Path::parse(beside(path)) else {
        return Ok(());
    };
    let object = match store.get(&path).await {
        Err(Error::NotFound { .. } | Error::PermissionDenied { .. }) => return Ok(()),
        object => object.map_err(failed)?,
    };
    let expected = match object.meta.size <= MOST_CHECKSUM {
        true => object.bytes().await.map_err(failed)?,
        false => Bytes::new(),
    };
    let expected = String::from_utf8_lossy(&expected);
    let Some(expected) = Checksum::parse(expected.trim()) else {
        return Err(listing.refused(format!("{CHECKSUM} beside it is no MD5")));
    };
    match Checksum::of(manifest) {
        found if found == expected => Ok(()),
        found => Err(listing.refused(format!(
            "its MD5 is {found}, and {expected} by {CHECKSUM} beside it: it was damaged or replaced"
        ))),
    }
}

/// A name of `fileSchema` as Parquet has it: `IsDeleteMarker` is `is_delete_marker`, `ETag` `e_tag`.
fn column_name(name: &str) -> String {
    let mut column = String::new();
    for letter in name.trim().chars() {
        if letter.is_uppercase() && !column.is_empty() {
            column.push('_');
        }
        column.extend(letter.to_lowercase());
    }
    column
}

fn is_wanted(column: &str) -> bool {
    [
        "bucket",
        "key",
        "size",
        "last_modified_date",
        "e_tag",
        "is_latest",
        "is_delete_marker",
    ]
    .contains(&column)
}

/// Where the data files are.
struct Place {
    reader: ListingReader,
    /// The folder below which their keys are, as a URL that ends in a slash.
    root: String,
}

impl Place {
    /// Keys are those of the destination bucket. Of an inventory that was copied, the nearest folder
    /// above the manifest that has the first file is taken for the bucket.
    async fn new(
        listing: &ListingFile,
        reader: &ListingReader,
        manifest: &Manifest,
    ) -> Result<Self, ImagesError> {
        let arn = &manifest.destination_bucket;
        let bucket = arn.rsplit(':').next().unwrap_or(arn);
        let refused = |fault: ReadFault| listing.refused(fault.to_string());
        reader.urls.hosts.check_bucket(bucket).map_err(refused)?;
        let destination = format!("s3://{bucket}/");
        let place = |root: String| Self {
            reader: reader.clone(),
            root,
        };
        let first = manifest.files.first();
        if listing.file.store == destination {
            return Ok(place(destination));
        }
        if let Some(first) = first {
            let mut folder = listing.file.path.as_str();
            while let Some((above, _)) = folder.rsplit_once('/') {
                folder = above;
                let root = format!("{}{folder}/", listing.file.store);
                let here = place(root);
                if let Ok(file) = here.file(first)
                    && file.store.head(&file.path).await.is_ok()
                {
                    return Ok(here);
                }
            }
            let here = place(listing.file.store.clone());
            if let Ok(file) = here.file(first)
                && file.store.head(&file.path).await.is_ok()
            {
                return Ok(here);
            }
        }
        Ok(place(destination))
    }

    fn file(&self, file: &DataFile) -> Result<RowFile, ImagesError> {
        let location = Location::parse(&format!("{}{}", self.root, file.key))?.literal(true);
        let (store, path) = self.reader.store(&location)?;
        let checksum = match file.md5.as_str() {
            "" => None,
            md5 => Some(Checksum::parse(md5).ok_or_else(|| ImagesError::Listing {
                file: location.url(),
                reason: format!("its MD5checksum in the manifest, '{md5}', is no MD5"),
            })?),
        };
        Ok(RowFile {
            store,
            path,
            url: location.url(),
            length: file.size,
            checksum,
        })
    }
}

/// Turns rows into images.
struct Keys {
    chooser: Chooser,
    bucket: String,
    below: Option<ImageLocation>,
    listing: ListingFile,
    is_encoded: bool,
}

impl Keys {
    /// The images among the rows of a data file: versions that are current.
    fn page(&self, rows: &RecordBatch) -> Result<Page, ImagesError> {
        self.entries(rows)
            .map_err(|error| self.listing.refused(error.to_string()))
            .and_then(|(entries, known)| {
                let mut page = self.chooser.page(entries, Skipped::default())?;
                if let Some(below) = &self.below {
                    page.objects.retain(|object| below.holds(&object.path));
                }
                for object in &mut page.objects {
                    object.forget(known);
                }
                Ok(page)
            })
    }

    fn entries(&self, rows: &RecordBatch) -> Result<(Vec<Entry>, Known), ArrowError> {
        let missing = |name: &str| ArrowError::SchemaError(format!("there is no column {name}"));
        let buckets = text(rows, "bucket")?.ok_or_else(|| missing("bucket"))?;
        let keys = text(rows, "key")?.ok_or_else(|| missing("key"))?;
        let sizes = number(rows, "size")?;
        let times = time(rows, "last_modified_date")?;
        let e_tags = text(rows, "e_tag")?;
        let (latest, deleted) = (yes(rows, "is_latest")?, yes(rows, "is_delete_marker")?);
        let known = Known {
            length: sizes.is_some(),
            modified: times.is_some(),
            e_tag: e_tags.is_some() || sizes.is_some() && times.is_some(),
        };
        let mut entries = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            let says = |column: &Option<BooleanArray>, what: bool| {
                let column = column.as_ref();
                column.is_some_and(|c| c.is_valid(row) && c.value(row) == what)
            };
            if says(&latest, false) || says(&deleted, true) {
                continue;
            }
            if at(Some(&buckets), row) != Some(self.bucket.as_str()) {
                return Err(ArrowError::InvalidArgumentError(format!(
                    "a row is of the bucket {}, and the inventory of {}",
                    at(Some(&buckets), row).unwrap_or("NULL"),
                    self.bucket
                )));
            }
            let Some(key) = at(Some(&keys), row) else {
                continue;
            };
            let key = match self.is_encoded {
                // A form's encoding, in which a plus sign is a space.
                true => match percent_decode_str(&key.replace('+', " ")).decode_utf8() {
                    Ok(key) => key.into_owned(),
                    Err(error) => {
                        let reason = format!("the key {key} is not UTF-8: {error}");
                        return Err(ArrowError::InvalidArgumentError(reason));
                    }
                },
                false => key.to_owned(),
            };
            let size = length(sizes.as_ref(), row).unwrap_or_default();
            // What consoles write for a folder.
            if size == 0 && key.ends_with('/') {
                continue;
            }
            let e_tag = at(e_tags.as_ref(), row).filter(|e_tag| !e_tag.is_empty());
            entries.push(match Path::parse(&key) {
                Ok(location) if location.as_ref() == key => Ok(ObjectMeta {
                    location,
                    last_modified: moment(times.as_ref(), row).unwrap_or(DateTime::UNIX_EPOCH),
                    size,
                    // As S3 lists it.
                    e_tag: e_tag.map(|e_tag| format!("\"{}\"", e_tag.trim_matches('"'))),
                    version: None,
                }),
                Ok(_) => Err(object_store::path::Error::EmptySegment { path: key }.into()),
                Err(source) => Err(object_store::Error::InvalidPath { source }),
            });
        }
        Ok((entries, known))
    }
}
