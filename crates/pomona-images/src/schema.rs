//! The columns of an image table.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::options::Missing;

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

/// All columns that there are.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
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
    ]))
});

static IMAGE_SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| projected_schema(&[0, 1, 2, 3, 4, CONTENT]));

static LISTING_SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| listed_schema(&projected_schema(&[0, 1, 2, 3, 4]), true));

/// The schema that every image table has: `path`, `label`, `length` (bytes), `modification_time`
/// (microseconds, UTC), `e_tag` and `content`. Only the last two may be NULL.
pub fn image_schema() -> SchemaRef {
    Arc::clone(&IMAGE_SCHEMA)
}

/// The schema of a table under its option `missing`: with `null` it has the column `read_error`
/// too, why `content` is NULL.
pub fn table_schema(missing: Missing) -> SchemaRef {
    match missing {
        Missing::Error => image_schema(),
        Missing::Null => Arc::clone(&SCHEMA),
    }
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

/// The positions of all columns under the option `missing`.
pub fn all_columns(missing: Missing) -> Vec<usize> {
    (0..table_schema(missing).fields().len()).collect()
}

/// Whether some of the columns are filled by reading the object.
pub fn needs_object(columns: &[usize]) -> bool {
    columns.iter().any(|&column| column >= CONTENT)
}

/// The number of columns that there are.
pub(crate) fn column_count() -> usize {
    SCHEMA.fields().len()
}

/// The columns that a listing alone can fill: those before `content`, at the same positions, as far
/// as it has them.
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
