//! Rows as objects of Python, for people who have no library for Arrow.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimeUnit, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyList, PyTuple};

use crate::errors::plain;

/// Rows as tuples, until their text and bytes exceed `max_bytes`.
pub(crate) fn python_rows<'py>(
    py: Python<'py>,
    batches: &[RecordBatch],
    max_bytes: Option<usize>,
) -> PyResult<Bound<'py, PyList>> {
    let made = PyList::empty(py);
    let values = Values {
        py,
        datetime: py.import("datetime")?,
    };
    let mut bytes = 0;
    for batch in batches {
        let columns = plain_columns(py, batch)?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().map(|column| values.value(column, row));
            let cells: Vec<Bound<'py, PyAny>> = cells.collect::<PyResult<_>>()?;
            made.append(PyTuple::new(py, cells)?)?;
            bytes += columns
                .iter()
                .map(|column| size(column, row))
                .sum::<usize>();
            if max_bytes.is_some_and(|most| bytes > most) {
                return Ok(made);
            }
        }
    }
    Ok(made)
}

/// The columns, those of a dictionary as their values.
fn plain_columns(py: Python<'_>, batch: &RecordBatch) -> PyResult<Vec<ArrayRef>> {
    let columns = batch
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            DataType::Dictionary(_, values) => cast(column, values),
            _ => Ok(column.clone()),
        });
    let columns: Result<Vec<ArrayRef>, _> = columns.collect();
    columns.map_err(|error| plain(py, error.to_string()))
}

/// The bytes of a value that may be large.
fn size(column: &ArrayRef, row: usize) -> usize {
    if column.is_null(row) {
        return 0;
    }
    match column.data_type() {
        DataType::Binary => column.as_binary::<i32>().value(row).len(),
        DataType::LargeBinary => column.as_binary::<i64>().value(row).len(),
        DataType::BinaryView => column.as_binary_view().value(row).len(),
        DataType::Utf8 => column.as_string::<i32>().value(row).len(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).len(),
        DataType::Utf8View => column.as_string_view().value(row).len(),
        // A list of numbers takes an object each.
        DataType::List(_) => 8 * column.as_list::<i32>().value_length(row) as usize,
        _ => 8,
    }
}

/// Makes objects of values.
struct Values<'py> {
    py: Python<'py>,
    datetime: Bound<'py, PyModule>,
}

impl<'py> Values<'py> {
    fn value(&self, column: &ArrayRef, row: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        if column.is_null(row) {
            return Ok(py.None().into_bound(py));
        }
        macro_rules! number {
            ($type:ty) => {
                self.object(column.as_primitive::<$type>().value(row))
            };
        }
        match column.data_type() {
            DataType::Null => Ok(py.None().into_bound(py)),
            DataType::Boolean => self.object(column.as_boolean().value(row)),
            DataType::Int8 => number!(Int8Type),
            DataType::Int16 => number!(Int16Type),
            DataType::Int32 => number!(Int32Type),
            DataType::Int64 => number!(Int64Type),
            DataType::UInt8 => number!(UInt8Type),
            DataType::UInt16 => number!(UInt16Type),
            DataType::UInt32 => number!(UInt32Type),
            DataType::UInt64 => number!(UInt64Type),
            DataType::Float16 => {
                self.object(f32::from(column.as_primitive::<Float16Type>().value(row)))
            }
            DataType::Float32 => number!(Float32Type),
            DataType::Float64 => number!(Float64Type),
            DataType::Utf8 => self.object(column.as_string::<i32>().value(row)),
            DataType::LargeUtf8 => self.object(column.as_string::<i64>().value(row)),
            DataType::Utf8View => self.object(column.as_string_view().value(row)),
            DataType::Binary => self.bytes(column.as_binary::<i32>().value(row)),
            DataType::LargeBinary => self.bytes(column.as_binary::<i64>().value(row)),
            DataType::BinaryView => self.bytes(column.as_binary_view().value(row)),
            DataType::FixedSizeBinary(_) => self.bytes(column.as_fixed_size_binary().value(row)),
            DataType::List(_) => self.list(&column.as_list::<i32>().value(row)),
            DataType::LargeList(_) => self.list(&column.as_list::<i64>().value(row)),
            DataType::FixedSizeList(..) => self.list(&column.as_fixed_size_list().value(row)),
            DataType::Struct(fields) => {
                let parts = column.as_struct();
                let made = PyDict::new(py);
                for (field, part) in fields.iter().zip(parts.columns()) {
                    made.set_item(field.name(), self.value(part, row)?)?;
                }
                Ok(made.into_any())
            }
            DataType::ListView(_) => self.list(&column.as_list_view::<i32>().value(row)),
            DataType::LargeListView(_) => self.list(&column.as_list_view::<i64>().value(row)),
            DataType::Dictionary(..) => {
                let one = column.slice(row, 1);
                let one = one.as_any_dictionary();
                self.value(one.values(), one.normalized_keys()[0])
            }
            DataType::Map(..) => self.map(&column.as_map().value(row)),
            DataType::Time32(unit) | DataType::Time64(unit) => {
                let since = in_microseconds(self.whole(column, row)?, *unit);
                self.time(since)
            }
            DataType::Date32 => {
                let days = column.as_primitive::<Date32Type>().value(row);
                self.or_text(self.date(i64::from(days)), column, row)
            }
            DataType::Date64 => {
                let milliseconds = column.as_primitive::<Date64Type>().value(row);
                let date = self.date(milliseconds.div_euclid(86_400_000));
                self.or_text(date, column, row)
            }
            DataType::Timestamp(unit, zone) => {
                let moment = self.timestamp(column, row, *unit, zone.as_deref());
                self.or_text(moment, column, row)
            }
            DataType::Duration(unit) => {
                let length = self.whole(column, row)?;
                let length = self.microseconds(in_microseconds(length, *unit));
                self.or_text(length, column, row)
            }
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => {
                let decimal = py.import("decimal")?.getattr("Decimal")?;
                decimal.call1((self.text(column, row)?,))
            }
            _ => self.text(column, row),
        }
    }

    /// A date or a time, or its text where it is before the year 1 or after 9999, which Python's have not.
    fn or_text(
        &self,
        made: PyResult<Bound<'py, PyAny>>,
        column: &ArrayRef,
        row: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        match made {
            Err(error) if error.is_instance_of::<PyOverflowError>(self.py) => {
                self.text(column, row)
            }
            made => made,
        }
    }

    fn object(&self, value: impl IntoPyObject<'py>) -> PyResult<Bound<'py, PyAny>> {
        value.into_bound_py_any(self.py)
    }

    fn bytes(&self, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyBytes::new(self.py, bytes).into_any())
    }

    fn list(&self, values: &ArrayRef) -> PyResult<Bound<'py, PyAny>> {
        let cells = (0..values.len()).map(|row| self.value(values, row));
        let cells: Vec<Bound<'py, PyAny>> = cells.collect::<PyResult<_>>()?;
        Ok(PyList::new(self.py, cells)?.into_any())
    }

    /// A dictionary; where a key cannot be one of Python's, which are hashed, a list of pairs.
    fn map(&self, entries: &StructArray) -> PyResult<Bound<'py, PyAny>> {
        let made = PyDict::new(self.py);
        let mut pairs = vec![];
        let mut is_hashable = true;
        for row in 0..entries.len() {
            let key = self.value(entries.column(0), row)?;
            let value = self.value(entries.column(1), row)?;
            is_hashable &= key.hash().is_ok();
            if is_hashable {
                made.set_item(&key, &value)?;
            }
            pairs.push(PyTuple::new(self.py, [key, value])?);
        }
        match is_hashable {
            true => Ok(made.into_any()),
            false => Ok(PyList::new(self.py, pairs)?.into_any()),
        }
    }

    /// A time of a day, in microseconds since its begin.
    fn time(&self, since: i64) -> PyResult<Bound<'py, PyAny>> {
        let (seconds, microseconds) = (since / 1_000_000, since % 1_000_000);
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let time = self.datetime.getattr("time")?;
        time.call1((hours, minutes, seconds % 60, microseconds))
    }

    fn date(&self, days: i64) -> PyResult<Bound<'py, PyAny>> {
        let epoch = self.datetime.getattr("date")?.call1((1970, 1, 1))?;
        epoch.add(self.datetime.getattr("timedelta")?.call1((days,))?)
    }

    fn microseconds(&self, count: i64) -> PyResult<Bound<'py, PyAny>> {
        self.datetime.getattr("timedelta")?.call1((0, 0, count))
    }

    fn timestamp(
        &self,
        column: &ArrayRef,
        row: usize,
        unit: TimeUnit,
        zone: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let since = self.microseconds(in_microseconds(self.whole(column, row)?, unit))?;
        let datetime = self.datetime.getattr("datetime")?;
        let Some(zone) = zone else {
            return datetime.call1((1970, 1, 1))?.add(since);
        };
        let utc = self.datetime.getattr("timezone")?.getattr("utc")?;
        let moment = datetime.call1((1970, 1, 1, 0, 0, 0, 0, utc))?.add(since)?;
        if matches!(zone, "UTC" | "Z" | "+00:00") {
            return Ok(moment);
        }
        // An offset, or a zone that this machine does not know, stays UTC: the moment is the same.
        let zones = self.py.import("zoneinfo")?;
        match zones.getattr("ZoneInfo")?.call1((zone,)) {
            Ok(zone) => moment.call_method1("astimezone", (zone,)),
            Err(_) => Ok(moment),
        }
    }

    /// The whole number behind a time.
    fn whole(&self, column: &ArrayRef, row: usize) -> PyResult<i64> {
        let whole = cast(&column.slice(row, 1), &DataType::Int64);
        let whole = whole.map_err(|error| plain(self.py, error.to_string()))?;
        Ok(whole.as_primitive::<Int64Type>().value(0))
    }

    fn text(&self, column: &ArrayRef, row: usize) -> PyResult<Bound<'py, PyAny>> {
        let options = FormatOptions::default();
        let formatter = ArrayFormatter::try_new(column, &options);
        let formatter = formatter.map_err(|error| plain(self.py, error.to_string()))?;
        self.object(formatter.value(row).to_string())
    }
}

fn in_microseconds(count: i64, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => count.saturating_mul(1_000_000),
        TimeUnit::Millisecond => count.saturating_mul(1_000),
        TimeUnit::Microsecond => count,
        TimeUnit::Nanosecond => count.div_euclid(1_000),
    }
}
