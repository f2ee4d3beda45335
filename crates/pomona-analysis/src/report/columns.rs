//! Columns of a query's result as plain values.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, Result};

/// The rows of a result.
pub(super) struct Columns {
    rows: Option<RecordBatch>,
}

impl Columns {
    pub(super) fn new(batches: &[RecordBatch]) -> Result<Self> {
        let rows = match batches.first() {
            Some(first) => Some(concat_batches(&first.schema(), batches)?),
            None => None,
        };
        Ok(Self { rows })
    }

    pub(super) fn len(&self) -> usize {
        self.rows.as_ref().map_or(0, RecordBatch::num_rows)
    }

    /// A column of text; NULL is empty.
    pub(super) fn text(&self, name: &str) -> Result<Vec<String>> {
        let column = self.column(name, &DataType::Utf8)?;
        let Some(column) = column else {
            return Ok(vec![]);
        };
        let texts = column.as_string::<i32>().iter();
        Ok(texts
            .map(|text| text.unwrap_or_default().to_string())
            .collect())
    }

    /// A column of numbers; NULL is NaN.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        let column = self.column(name, &DataType::Float64)?;
        let Some(column) = column else {
            return Ok(vec![]);
        };
        let numbers = column.as_primitive::<Float64Type>().iter();
        Ok(numbers.map(|number| number.unwrap_or(f64::NAN)).collect())
    }

    /// A column of counts; NULL is 0.
    pub(super) fn counts(&self, name: &str) -> Result<Vec<u64>> {
        let column = self.column(name, &DataType::Int64)?;
        let Some(column) = column else {
            return Ok(vec![]);
        };
        let counts = column.as_primitive::<Int64Type>().iter();
        Ok(counts
            .map(|count| u64::try_from(count.unwrap_or(0)).unwrap_or(0))
            .collect())
    }

    /// A column of vectors of one length, one after the other; none may be NULL.
    pub(super) fn vectors(&self, name: &str) -> Result<Vec<f32>> {
        let floats = DataType::new_list(DataType::Float32, true);
        let Some(column) = self.column(name, &floats)? else {
            return Ok(vec![]);
        };
        let mut values = vec![];
        for vector in column.as_list::<i32>().iter().flatten() {
            values.extend(vector.as_primitive::<Float32Type>().values());
        }
        Ok(values)
    }

    fn column(&self, name: &str, as_type: &DataType) -> Result<Option<arrow::array::ArrayRef>> {
        let Some(rows) = &self.rows else {
            return Ok(None);
        };
        let column = rows
            .column_by_name(name)
            .ok_or_else(|| DataFusionError::Internal(format!("the result has no column {name}")))?;
        Ok(Some(cast(column, as_type)?))
    }
}
