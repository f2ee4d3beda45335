//! Columns of a listing's rows by their names, whatever types a file has for them.

use arrow::array::{
    Array, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use chrono::{DateTime, Utc};

/// A column as text; `None` where there is none of that name.
pub(super) fn text(rows: &RecordBatch, name: &str) -> Result<Option<StringArray>, ArrowError> {
    let column = converted(rows, name, &DataType::Utf8)?;
    Ok(column.map(|column| column.as_string::<i32>().clone()))
}

/// A column of whole numbers.
pub(super) fn number(rows: &RecordBatch, name: &str) -> Result<Option<Int64Array>, ArrowError> {
    let column = converted(rows, name, &DataType::Int64)?;
    Ok(column.map(|column| column.as_primitive::<Int64Type>().clone()))
}

/// A column of yes and no.
pub(super) fn yes(rows: &RecordBatch, name: &str) -> Result<Option<BooleanArray>, ArrowError> {
    let column = converted(rows, name, &DataType::Boolean)?;
    Ok(column.map(|column| column.as_boolean().clone()))
}

/// A column of times, UTC where it has no zone.
pub(super) fn time(
    rows: &RecordBatch,
    name: &str,
) -> Result<Option<TimestampMicrosecondArray>, ArrowError> {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let column = match converted(rows, name, &time) {
        // A time without a zone becomes one of UTC by way of one without.
        Err(_) => {
            let plain = DataType::Timestamp(TimeUnit::Microsecond, None);
            converted(rows, name, &plain)?
        }
        column => column?,
    };
    Ok(column.map(|column| column.as_primitive::<TimestampMicrosecondType>().clone()))
}

/// The value of a row, where there is one.
pub(super) fn at(column: Option<&StringArray>, row: usize) -> Option<&str> {
    let column = column?;
    column.is_valid(row).then(|| column.value(row))
}

/// A length of a row; one below zero is none.
pub(super) fn length(column: Option<&Int64Array>, row: usize) -> Option<u64> {
    let column = column?;
    let length = column.is_valid(row).then(|| column.value(row))?;
    u64::try_from(length).ok()
}

/// A time of a row.
pub(super) fn moment(
    column: Option<&TimestampMicrosecondArray>,
    row: usize,
) -> Option<DateTime<Utc>> {
    let column = column?;
    let micros = column.is_valid(row).then(|| column.value(row))?;
    DateTime::from_timestamp_micros(micros)
}

/// The column, with values that cannot be converted as errors.
fn converted(
    rows: &RecordBatch,
    name: &str,
    data_type: &DataType,
) -> Result<Option<arrow::array::ArrayRef>, ArrowError> {
    let Some(column) = rows.column_by_name(name) else {
        return Ok(None);
    };
    let converted = cast(column, data_type)?;
    match converted.null_count() > column.null_count() {
        true => Err(ArrowError::CastError(format!(
            "the column {name} has a value that is no {data_type}"
        ))),
        false => Ok(Some(converted)),
    }
}
