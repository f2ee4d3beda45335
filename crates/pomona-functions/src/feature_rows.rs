//! Columns of feature vectors, of every list layout, as rows of `f32`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};
use datafusion::common::{Result, plan_err};

use crate::FunctionError;

/// The rows of a column of vectors. A NULL row is `None`.
///
/// Spark writes `List<Float32>` or `List<Float64>`, Pomona `FixedSizeList<Float32>`: all are taken,
/// and the values are used in place where they are `Float32` already.
pub(crate) struct FeatureRows {
    values: ArrayRef,
    bounds: Vec<Option<(usize, usize)>>,
}

impl FeatureRows {
    /// Reads a column; `function` is the name for errors.
    ///
    /// # Errors
    /// When the column is no list of numbers, and when a value inside a vector is NULL.
    pub(crate) fn try_new(function: &'static str, column: &dyn Array) -> Result<Self> {
        let (values, bounds): (&ArrayRef, Vec<(usize, usize)>) = match column.data_type() {
            DataType::FixedSizeList(_, length) => {
                let list = column.as_fixed_size_list();
                let length = *length as usize;
                // `values` of a sliced FixedSizeList are sliced with it.
                let bounds = (0..column.len())
                    .map(|row| (row * length, length))
                    .collect();
                (list.values(), bounds)
            }
            DataType::List(_) => (
                column.as_list::<i32>().values(),
                list_bounds(column.as_list::<i32>()),
            ),
            DataType::LargeList(_) => (
                column.as_list::<i64>().values(),
                list_bounds(column.as_list::<i64>()),
            ),
            DataType::Null => {
                return Ok(Self {
                    values: cast(column, &DataType::Float32)?,
                    bounds: vec![None; column.len()],
                });
            }
            other => return plan_err!("{function}: features are a list of numbers, not {other}"),
        };
        let values = match values.data_type() {
            DataType::Float32 => Arc::clone(values),
            _ => cast(values, &DataType::Float32)?,
        };
        let bounds: Vec<_> = bounds
            .into_iter()
            .enumerate()
            .map(|(row, bounds)| column.is_valid(row).then_some(bounds))
            .collect();
        let this = Self { values, bounds };
        this.refuse_inner_nulls(function)?;
        Ok(this)
    }

    /// The number of rows, NULL ones included.
    pub(crate) fn len(&self) -> usize {
        self.bounds.len()
    }

    /// The vectors, a row each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&[f32]>> {
        let values = self.values.as_primitive::<Float32Type>().values();
        self.bounds
            .iter()
            .map(|bounds| bounds.map(|(start, length)| &values[start..start + length]))
    }

    fn refuse_inner_nulls(&self, function: &'static str) -> Result<()> {
        if self.values.null_count() == 0 {
            return Ok(());
        }
        for (row, bounds) in self.bounds.iter().enumerate() {
            let Some((start, length)) = *bounds else {
                continue;
            };
            if self.values.slice(start, length).null_count() > 0 {
                return Err(FunctionError::Features {
                    function,
                    reason: format!("row {row} of the batch has a NULL inside its features"),
                }
                .into());
            }
        }
        Ok(())
    }
}

/// Where each row of a list starts among its values, and how many it has.
fn list_bounds<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> Vec<(usize, usize)> {
    let bounds = list.value_offsets().windows(2);
    bounds
        .map(|pair| (pair[0].as_usize(), (pair[1] - pair[0]).as_usize()))
        .collect()
}

/// The list types that a function of features takes; other types are a planning error.
pub(crate) fn check_features_type(function: &str, data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::FixedSizeList(field, _) | DataType::List(field) | DataType::LargeList(field)
            if field.data_type().is_numeric() =>
        {
            Ok(())
        }
        DataType::Null => Ok(()),
        other => plan_err!(
            "{function}: features are a list of numbers (as mobilenet_v2 returns them), not {other}"
        ),
    }
}
