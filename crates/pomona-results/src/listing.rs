//! [`ListingStream`] and [`Listing`]: the images of a run, listed once, in the order of their paths.
//!
//! Neither is in memory: they are sorted within [`SORT_MEMORY`](pomona_session::SORT_MEMORY) and on a
//! disk.

use std::future::ready;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Int64Type, SchemaRef};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::{SessionContext, col};
use futures::{StreamExt, TryStreamExt, stream};
use pomona_images::{
    ImageLocation, ImageTable, ImageTableOptions, Skipped, SkippedSink, image_schema, listed_schema,
};
use pomona_session::sorting_context;

use crate::listed_images::ListedImages;
use crate::spool::{Spool, SpoolWriter};
use crate::stream_table::stream_table;

/// Position of `path`.
pub(crate) const PATH: usize = 0;
/// Position of `length`, in bytes.
pub(crate) const LENGTH: usize = 2;
/// Position of `e_tag`.
pub(crate) const E_TAG: usize = 4;

/// Where images are listed.
#[derive(Debug, Clone)]
pub struct ListedPlace {
    location: String,
    /// What the location came to mean.
    folders: Vec<ImageLocation>,
    /// Whether a file lists the images, wherever they are.
    is_from_file: bool,
    options: ImageTableOptions,
    schema: SchemaRef,
}

impl ListedPlace {
    /// That of the table `images` of `images.sql`.
    async fn of(ctx: &SessionContext, location: &str) -> Result<Self> {
        let images = ctx.table_provider("images").await?;
        let images = images.downcast_ref::<ImageTable>();
        let is_from_file = images.is_some_and(ImageTable::has_listing_file);
        let schema = Arc::new(image_schema().project(&[0, 1, 2, 3, 4])?);
        Ok(Self {
            location: location.to_string(),
            folders: images.map_or(vec![], |images| images.locations().to_vec()),
            is_from_file,
            options: images.map_or_else(Default::default, |images| images.options().clone()),
            schema: listed_schema(&schema, is_from_file),
        })
    }

    /// Whether a path lies where the images are listed, listed or not.
    pub fn covers(&self, path: &str) -> bool {
        self.is_from_file || self.folders.iter().any(|folder| folder.holds(path))
    }

    /// The columns of a listing: all of [`image_schema`] but `content`.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// A table of some images of the listing, with their content.
    pub fn table(&self, rows: RecordBatch) -> ListedImages {
        ListedImages::new(rows, self.location.clone(), self.options.clone())
    }
}

/// The images of a run in the order of their paths, batch by batch.
pub struct ListingStream {
    place: ListedPlace,
    rows: SendableRecordBatchStream,
    /// The first batch: where there is one, the listing has been read to its end, to be sorted.
    first: Option<RecordBatch>,
    /// The last path that was given.
    last: Option<String>,
    sink: Arc<SkippedSink>,
}

impl ListingStream {
    /// Lists the view `selected_images` over the table `images`, both of `images.sql`, and sorts what
    /// it lists.
    ///
    /// # Errors
    /// If a store cannot be listed, and if there is no room for the listing on the disk.
    pub async fn open(ctx: &SessionContext, location: &str) -> Result<Self> {
        let place = ListedPlace::of(ctx, location).await?;
        let sink = Arc::new(SkippedSink::default());
        let mut state = sorting_context(ctx)?.state();
        let config = state.config_mut();
        *config = config.clone().with_extension(Arc::clone(&sink));
        let sorting = SessionContext::new_with_state(state);
        let selected = ctx.table_provider("selected_images").await?;
        sorting.register_table("selected_images", selected)?;
        let sql = "SELECT path, label, length, modification_time, e_tag FROM selected_images";
        let listed = sorting.sql(sql).await?;
        let schema = Arc::clone(place.schema());
        // A plan of its own: a sort above the limit of the view would take that for its own, and hold
        // so many rows instead of spilling.
        let table = stream_table(Arc::clone(&schema), move || {
            let (listed, schema) = (listed.clone(), Arc::clone(&schema));
            let rows = stream::once(async move { listed.execute_stream().await }).try_flatten();
            rows.and_then(move |batch| {
                let batch = RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec());
                ready(batch.map_err(DataFusionError::from))
            })
            .boxed()
        })?;
        let sorted = sorting.read_table(table)?;
        let sorted = sorted.sort(vec![col("path").sort(true, false)])?;
        let mut this = Self {
            place,
            rows: sorted.execute_stream().await?,
            first: None,
            last: None,
            sink,
        };
        this.first = this.next().await?;
        Ok(this)
    }

    /// Where the images are listed.
    pub fn place(&self) -> &ListedPlace {
        &self.place
    }

    /// What the listing passed over.
    pub fn skipped(&self) -> Skipped {
        self.sink.skipped()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// The next images, all columns but `content`; none after the last.
    ///
    /// # Errors
    /// If the sorted rows cannot be read.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        while let Some(batch) = self.rows.next().await {
            let mut batch = batch?;
            // Who writes a list may write a path twice. A folder has no two files of one name.
            if self.place.is_from_file {
                batch = once_each(&batch, self.last.as_deref())?;
            }
            let paths: &StringArray = batch.column(PATH).as_string();
            if let Some(last) = paths.len().checked_sub(1) {
                self.last = Some(paths.value(last).to_string());
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}

/// The first row of each path, of rows in the order of their paths that follow one of path `last`.
fn once_each(rows: &RecordBatch, last: Option<&str>) -> Result<RecordBatch> {
    let paths: &StringArray = rows.column(PATH).as_string();
    let before = |row: usize| match row {
        0 => last,
        row => Some(paths.value(row - 1)),
    };
    let is_first = (0..rows.num_rows()).map(|row| Some(before(row) != Some(paths.value(row))));
    let is_first: BooleanArray = is_first.collect();
    Ok(filter_record_batch(rows, &is_first)?)
}

/// The images of a run in the order of their paths, for more than one reading.
pub struct Listing {
    place: ListedPlace,
    rows: Spool,
    bytes: u64,
    skipped: Skipped,
}

impl Listing {
    /// Lists as [`ListingStream::open`] does.
    ///
    /// # Errors
    /// As there.
    pub async fn collect(ctx: &SessionContext, location: &str) -> Result<Self> {
        let mut listing = ListingStream::open(ctx, location).await?;
        let mut rows = SpoolWriter::new(ctx, Arc::clone(listing.place.schema()));
        let mut bytes = 0;
        while let Some(batch) = listing.next().await? {
            let lengths = batch.column(LENGTH).as_primitive::<Int64Type>();
            bytes += lengths.iter().flatten().map(|n| n as u64).sum::<u64>();
            rows.push(batch)?;
        }
        Ok(Self {
            skipped: listing.skipped(),
            place: listing.place,
            rows: rows.finish()?,
            bytes,
        })
    }

    /// Where the images are listed.
    pub fn place(&self) -> &ListedPlace {
        &self.place
    }

    /// What the listing passed over.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// The number of images.
    pub fn len(&self) -> u64 {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of all images.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Passes path, version and length of each image to a function, in their order.
    ///
    /// # Errors
    /// Those of the function, and if the listing cannot be read.
    pub fn for_each<E: From<DataFusionError>>(
        &self,
        mut visit: impl FnMut(&str, Option<&str>, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut reader = self.rows.reader()?;
        while let Some(batch) = reader.next_batch()? {
            let paths: &StringArray = batch.column(PATH).as_string();
            let e_tags: &StringArray = batch.column(E_TAG).as_string();
            let lengths = batch.column(LENGTH).as_primitive::<Int64Type>();
            for ((path, e_tag), length) in paths.iter().zip(e_tags).zip(lengths) {
                let length = length.unwrap_or_default() as u64;
                visit(path.unwrap_or_default(), e_tag, length)?;
            }
        }
        Ok(())
    }

    /// The rows at a range of positions, which are in memory then.
    ///
    /// # Errors
    /// If the listing cannot be read.
    pub fn rows(&self, range: Range<u64>) -> Result<RecordBatch> {
        self.rows.reader()?.rows(range)
    }

    /// The rows at some positions.
    ///
    /// # Errors
    /// If the listing cannot be read.
    pub fn rows_at(&self, positions: &[u64]) -> Result<RecordBatch> {
        let mut reader = self.rows.reader()?;
        let row = |&position: &u64| reader.rows(position..position + 1);
        let rows = positions.iter().map(row).collect::<Result<Vec<_>>>()?;
        Ok(concat_batches(self.place.schema(), &rows)?)
    }
}
