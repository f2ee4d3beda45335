//! A CSV or Parquet file with a column of paths or URLs.

use std::path::Path as FilePath;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use futures::stream::StreamExt;
use url::Url;

use super::columns::{at, length, moment, number, text, time};
use super::{Format, ListingFile, ListingReader, RowFile, csv, once, parquet};
use crate::error::ImagesError;
use crate::listing::{ListedObject, Page, Pages};
use crate::location::Location;
use crate::matching::ObjectMatcher;
use crate::urls::{ReadFault, shown};

/// The columns in which paths are looked for, where no option names one.
const PATH_COLUMNS: [&str; 2] = ["path", "url"];

/// The columns that are read besides, where the file has them under the names of an image table.
const KNOWN: [&str; 3] = ["length", "modification_time", "e_tag"];

pub(super) fn pages(listing: ListingFile, reader: ListingReader, format: Format) -> Pages {
    once(open(listing, reader, format))
}

async fn open(
    listing: ListingFile,
    reader: ListingReader,
    format: Format,
) -> Result<Pages, ImagesError> {
    let (store, path) = reader.store(&listing.file)?;
    let file = RowFile {
        store,
        path,
        url: listing.file.url(),
        length: None,
        checksum: None,
    };
    let named = reader.table.path_column.clone();
    let is_path = move |name: &str| match &named {
        Some(named) => name == named,
        None => PATH_COLUMNS.contains(&name),
    };
    let opened = match format {
        Format::Csv { is_gzip } => csv::open(file, is_gzip, None).await?,
        Format::Parquet => {
            let is_path = is_path.clone();
            parquet::open(file, move |name| is_path(name) || KNOWN.contains(&name)).await?
        }
    };
    // `path` is before `url` in the alphabet, and in this choice.
    let column = opened.names.iter().filter(|name| is_path(name)).min();
    let Some(column) = column.cloned() else {
        let wanted = reader.table.path_column.as_deref();
        return Err(listing.refused(format!(
            "it has no column {}: name one of {} with OPTIONS ('path_column' '…') or --path-column",
            wanted.unwrap_or("path or url"),
            opened.names.join(", ")
        )));
    };
    let matcher = match &reader.table.glob {
        // Who lists paths says himself which of them are images.
        None => None,
        Some(_) => Some(ObjectMatcher::new(&listing.file, &reader.table)?),
    };
    let above = listing.file.path.rsplit_once('/');
    let above = above.map_or("", |(above, _)| above);
    let folder = match above {
        "" => listing.file.store.clone(),
        above => format!("{}{above}/", listing.file.store),
    };
    let paths = Paths {
        listing,
        reader,
        column,
        matcher,
        folder,
    };
    let rows = opened.rows;
    Ok(rows.map(move |rows| paths.page(&rows?)).boxed())
}

/// Turns rows into images.
struct Paths {
    listing: ListingFile,
    reader: ListingReader,
    /// The column of paths.
    column: String,
    matcher: Option<ObjectMatcher>,
    /// The folder of the listing, which relative paths begin at.
    folder: String,
}

impl Paths {
    fn page(&self, rows: &RecordBatch) -> Result<Page, ImagesError> {
        let refused = |error: ArrowError| self.listing.refused(error.to_string());
        let paths = text(rows, &self.column).map_err(refused)?;
        let lengths = number(rows, "length").map_err(refused)?;
        let times = time(rows, "modification_time").map_err(refused)?;
        let e_tags = text(rows, "e_tag").map_err(refused)?;
        let mut page = Page {
            entries: rows.num_rows(),
            ..Page::default()
        };
        for row in 0..rows.num_rows() {
            let Some(written) = at(paths.as_ref(), row).filter(|path| !path.is_empty()) else {
                page.skipped
                    .unreadable_named(&self.listing.file.url(), "a row without a path");
                continue;
            };
            let path = match self.resolve(written) {
                Ok(path) => path,
                Err(fault) => {
                    page.skipped
                        .unreadable_named(&shown(written), &fault.to_string());
                    continue;
                }
            };
            if let Some(below) = &self.listing.below
                && !below.holds(&path)
            {
                let reason = format!("it is not below {below}");
                page.skipped.unreadable_named(&shown(&path), &reason);
                continue;
            }
            let relative = path.strip_prefix(&self.folder).unwrap_or(&path);
            if self.matcher.as_ref().is_some_and(|m| !m.accepts(relative)) {
                continue;
            }
            page.objects.push(ListedObject::of_url(
                path,
                length(lengths.as_ref(), row),
                moment(times.as_ref(), row),
                at(e_tags.as_ref(), row).map(str::to_owned),
            ));
        }
        Ok(page)
    }

    /// The URL that a row means, if it may be read.
    fn resolve(&self, written: &str) -> Result<String, ReadFault> {
        let hosts = &self.reader.urls.hosts;
        let scheme = written
            .split_once("://")
            .map(|(scheme, _)| scheme.to_lowercase());
        if let Some("http" | "https") = scheme.as_deref() {
            let url = Url::parse(written).map_err(|e| ReadFault::NoUrl(e.to_string()))?;
            hosts.reach(&url)?;
            return Ok(written.to_owned());
        }
        let whole = match scheme.is_none() && !written.starts_with('/') {
            true => format!("{}{written}", self.folder),
            false => written.to_owned(),
        };
        let location = Location::parse(&whole).map_err(|error| match error {
            ImagesError::InvalidLocation { reason, .. } => ReadFault::NoUrl(reason),
            other => ReadFault::NoUrl(other.to_string()),
        })?;
        if location.is_folder {
            return Err(ReadFault::NoUrl("it names a folder".to_owned()));
        }
        let object = location.literal(true);
        match object.local_path() {
            Some(file) => hosts.check_file(FilePath::new(&file))?,
            None if object.store.starts_with("s3://") => {
                let bucket = object.store.trim_start_matches("s3://");
                hosts.check_bucket(bucket.trim_end_matches('/'))?;
            }
            None => {
                let kind = scheme.unwrap_or_default();
                return Err(ReadFault::NoUrl(format!(
                    "nothing reads URLs of the kind '{kind}'"
                )));
            }
        }
        Ok(object.url())
    }
}
