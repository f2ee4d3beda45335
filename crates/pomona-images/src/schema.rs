//! The columns of an image table.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::options::{ImageTableOptions, Missing};
use crate::shards::Sidecar;

/// Position of `path`, the object's URL as a person writes it.
pub(crate) const PATH: usize = 0;
/// Position of `label`, the name of the folder that holds the object.
pub(crate) const LABEL: usize = 1;
/// Position of `length`, the object's size in bytes.
pub(crate) const LENGTH: usize = 2;
/// Position of `modification_time`, in microseconds, UTC.
pub(crate) const MODIFICATION_TIME: usize = 3;
/// Position of `e_tag`, the store's version mark.
pub(crate) const E_TAG: usize = 4;
/// Position of `content`, the only column that costs a request an object.
pub(crate) const CONTENT: usize = 5;
/// Position of `read_error`.
const READ_ERROR: usize = 6;
/// Position of the first of the columns of [`Sidecar::ALL`].
pub(crate) const SIDECARS: usize = 7;

/// The columns that a listing alone can fill.
pub(crate) const LISTED: [usize; 8] = [
    PATH,
    LABEL,
    LENGTH,
    MODIFICATION_TIME,
    E_TAG,
    SIDECARS,
    SIDECARS + 1,
    SIDECARS + 2,
];

/// All columns that there are.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let sidecar = |sidecar: Sidecar| Field::new(sidecar.name(), DataType::Utf8, true);
    let mut fields = vec![
        Field::new("path", DataType::Utf8, false),
        Field::new("label", DataType::Utf8, false),
        Field::new("length", DataType::Int64, false),
        Field::new(
            "modification_time",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            false,
        ),
        Field::new("e_tag", DataType::Utf8, true),
        Field::new("content", DataType::Binary, true),
        Field::new("read_error", DataType::Utf8, true),
    ];
    fields.extend(Sidecar::ALL.map(sidecar));
    Arc::new(Schema::new(fields))
});

static IMAGE_SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| projected_schema(&[0, 1, 2, 3, 4, CONTENT]));

static LISTING_SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| listed_schema(&projected_schema(&LISTED), true));

/// The schema that every image table has: `path`, `label`, `length` (bytes), `modification_time`
/// (microseconds, UTC), `e_tag` and `content`. Only the last two may be NULL.
pub fn image_schema() -> SchemaRef {
    Arc::clone(&IMAGE_SCHEMA)
}

/// The schema of a table under its options: where `missing` is `null` it has the column `read_error`
/// too, why `content` is NULL; and a column a sidecar.
pub fn table_schema(options: &ImageTableOptions) -> SchemaRef {
    projected_schema(&all_columns(options))
}

/// The schema of a table whose listing is a file, which may leave out how long its images are and
/// when they were written: these may be NULL then.
pub fn listed_schema(schema: &SchemaRef, is_from_file: bool) -> SchemaRef {
    if !is_from_file {
        return Arc::clone(schema);
    }
    let fields = schema.fields().iter().map(|field| {
        let may_be_null = ["length", "modification_time"].contains(&field.name().as_str());
        match may_be_null {
            true => Arc::new(field.as_ref().clone().with_nullable(true)),
            false => Arc::clone(field),
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The columns of a table under its options: the positions that [`ImageScanConfig`] has.
///
/// [`ImageScanConfig`]: crate::ImageScanConfig
pub fn all_columns(options: &ImageTableOptions) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..=CONTENT).collect();
    if options.missing == Missing::Null {
        columns.push(READ_ERROR);
    }
    let sidecars = options.sidecars.iter();
    columns.extend(sidecars.map(|&sidecar| SIDECARS + sidecar as usize));
    columns
}

/// Whether some of the columns are filled by reading the object.
pub fn needs_object(columns: &[usize]) -> bool {
    columns.contains(&CONTENT) || columns.contains(&READ_ERROR)
}

/// The number of columns that there are.
pub(crate) fn column_count() -> usize {
    SCHEMA.fields().len()
}

/// The columns that a listing alone can fill, in the order of [`LISTED`].
pub(crate) fn listing_schema() -> SchemaRef {
    Arc::clone(&LISTING_SCHEMA)
}

/// The columns at the given positions, in the given order.
pub(crate) fn projected_schema(columns: &[usize]) -> SchemaRef {
    let fields: Vec<_> = columns
        .iter()
        .map(|&c| Arc::clone(&SCHEMA.fields()[c]))
        .collect();
    Arc::new(Schema::new(fields))
}
