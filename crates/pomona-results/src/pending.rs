//! [`Pending`]: the images that a run must compute, in the order of their paths.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StringArray, StringBuilder, UInt32Array, UInt32Builder,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use datafusion::common::Result;
use datafusion::prelude::SessionContext;

use crate::listing::{ListedPlace, PATH};
use crate::row_index::Row;
use crate::spool::{Spool, SpoolReader, SpoolWriter};

/// The most bytes of the rows of a chunk, so that no number of images between checkpoints fills the
/// memory, or the offsets of an array.
const CHUNK_BYTES: usize = 256 << 20;

/// What there is of a listing, and what is left to do.
pub struct Pending {
    place: ListedPlace,
    /// The columns of the listing, and those of the rows that are replaced.
    rows: Spool,
    /// The images that are listed.
    pub images: u64,
    /// The rows of earlier runs whose images are not listed.
    pub unlisted: u64,
    /// The number of rows that the result will have, with a row for each pending image.
    pub expected: u64,
    /// The number of published rows, if there are some and none of them lies where the listing looks.
    pub strangers: Option<u64>,
}

/// Images that are computed together.
pub struct PendingChunk {
    rows: RecordBatch,
    /// The rows that are there, by their paths.
    before: HashMap<String, Row>,
}

impl PendingChunk {
    /// The rows of the listing.
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// The row of a path that is the result as long as the image is not computed.
    pub(crate) fn before(&self, path: &str) -> Option<&Row> {
        self.before.get(path)
    }
}

impl Pending {
    /// The number of images that must be computed.
    pub fn len(&self) -> u64 {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the images are listed.
    pub fn place(&self) -> &ListedPlace {
        &self.place
    }

    /// The images in their order, at most so many at a time.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn chunks(&self, most: usize) -> Result<PendingChunks> {
        Ok(PendingChunks {
            schema: Arc::clone(self.place.schema()),
            rows: self.rows.reader()?,
            all: Arc::clone(self.rows.schema()),
            rest: None,
            most,
        })
    }
}

/// Reads [`Pending`] images chunk by chunk.
pub struct PendingChunks {
    schema: SchemaRef,
    all: SchemaRef,
    rows: SpoolReader,
    /// What the last chunk had no room for.
    rest: Option<RecordBatch>,
    most: usize,
}

impl PendingChunks {
    /// The next images; none after the last.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn next_chunk(&mut self) -> Result<Option<PendingChunk>> {
        let (mut parts, mut count, mut bytes) = (vec![], 0, 0);
        while count < self.most && bytes < CHUNK_BYTES {
            let batch = match self.rest.take() {
                Some(rest) => rest,
                None => match self.rows.next_batch()? {
                    Some(batch) => batch,
                    None => break,
                },
            };
            let taken = batch.num_rows().min(self.most - count);
            if taken < batch.num_rows() {
                self.rest = Some(batch.slice(taken, batch.num_rows() - taken));
            }
            count += taken;
            bytes += batch.get_array_memory_size();
            parts.push(batch.slice(0, taken));
        }
        if parts.is_empty() {
            return Ok(None);
        }
        self.chunk(&concat_batches(&self.all, &parts)?).map(Some)
    }

    fn chunk(&self, rows: &RecordBatch) -> Result<PendingChunk> {
        let listed = self.schema.fields().len();
        let columns: Vec<usize> = (0..listed).collect();
        let paths: &StringArray = rows.column(PATH).as_string();
        let sources = rows.column(listed).as_primitive::<UInt32Type>();
        let e_tags: &StringArray = rows.column(listed + 1).as_string();
        let errors: &StringArray = rows.column(listed + 2).as_string();
        let text = |texts: &StringArray, row: usize| {
            texts.is_valid(row).then(|| texts.value(row).to_string())
        };
        let mut before = HashMap::new();
        for row in (0..rows.num_rows()).filter(|&row| sources.is_valid(row)) {
            let source = sources.value(row) as usize;
            let (e_tag, error) = (text(e_tags, row), text(errors, row));
            let known = Row {
                source,
                e_tag,
                error,
            };
            before.insert(paths.value(row).to_string(), known);
        }
        Ok(PendingChunk {
            rows: rows.project(&columns)?,
            before,
        })
    }
}

/// Takes the images that must be computed.
pub(crate) struct PendingWriter {
    rows: SpoolWriter,
    /// Those of them that have no row.
    new: u64,
}

impl PendingWriter {
    /// None, where the session has its temporary files.
    pub(crate) fn new(ctx: &SessionContext, place: &ListedPlace) -> Self {
        let listed = place.schema().fields().iter().cloned();
        let before = [
            Field::new("before_source", DataType::UInt32, true),
            Field::new("before_e_tag", DataType::Utf8, true),
            Field::new("before_error", DataType::Utf8, true),
        ];
        let fields: Vec<_> = listed.chain(before.map(Arc::new)).collect();
        Self {
            rows: SpoolWriter::new(ctx, Arc::new(Schema::new(fields))),
            new: 0,
        }
    }

    /// Adds some rows of a batch of a listing, given by their positions, with the rows that are there
    /// of them.
    ///
    /// # Errors
    /// If the disk is full.
    pub(crate) fn push(
        &mut self,
        batch: &RecordBatch,
        pending: Vec<(usize, Option<Row>)>,
    ) -> Result<()> {
        let mut sources = UInt32Builder::with_capacity(pending.len());
        let (mut e_tags, mut errors) = (StringBuilder::new(), StringBuilder::new());
        let mut positions = Vec::with_capacity(pending.len());
        for (position, before) in pending {
            self.new += u64::from(before.is_none());
            positions.push(position as u32);
            sources.append_option(before.as_ref().map(|row| row.source as u32));
            e_tags.append_option(before.as_ref().and_then(|row| row.e_tag.as_ref()));
            errors.append_option(before.as_ref().and_then(|row| row.error.as_ref()));
        }
        let listed = take_record_batch(batch, &UInt32Array::from(positions))?;
        let before: [ArrayRef; 3] = [
            Arc::new(sources.finish()),
            Arc::new(e_tags.finish()),
            Arc::new(errors.finish()),
        ];
        let columns = listed.columns().iter().cloned().chain(before);
        let schema = Arc::clone(self.rows.schema());
        self.rows
            .push(RecordBatch::try_new(schema, columns.collect())?)
    }

    /// How many of them have no row.
    pub(crate) fn new_images(&self) -> u64 {
        self.new
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// If the disk is full.
    pub(crate) fn finish(self, place: ListedPlace, compared: Compared) -> Result<Pending> {
        let Compared {
            images,
            unlisted,
            expected,
            strangers,
        } = compared;
        Ok(Pending {
            place,
            rows: self.rows.finish()?,
            images,
            unlisted,
            expected,
            strangers,
        })
    }
}

/// The counts of [`Pending`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Compared {
    pub(crate) images: u64,
    pub(crate) unlisted: u64,
    pub(crate) expected: u64,
    pub(crate) strangers: Option<u64>,
}
