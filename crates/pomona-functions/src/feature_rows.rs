//! Columns of feature vectors, of every list layout, as rows of `f32` or `f64`.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait};
use arrow::compute::cast;
use arrow::datatypes::{ArrowPrimitiveType, DataType};
use datafusion::common::{Result, plan_err};

use crate::FunctionError;

/// The rows of a column of vectors, as numbers of type `T`. A NULL row is `None`.
///
/// `List`, `LargeList` and `FixedSizeList` of any numbers are read, and the values are used in place
/// where they are of the type already. [`feature_type`] is the type that
/// leaves every number as it is.
pub(crate) struct FeatureRows<T: ArrowPrimitiveType> {
    values: ArrayRef,
    bounds: Vec<Option<(usize, usize)>>,
    element: PhantomData<T>,
}

impl<T: ArrowPrimitiveType> FeatureRows<T> {
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
                    values: cast(column, &T::DATA_TYPE)?,
                    bounds: vec![None; column.len()],
                    element: PhantomData,
                });
            }
            other => return plan_err!("{function}: features are a list of numbers, not {other}"),
        };
        let values = if *values.data_type() == T::DATA_TYPE {
            Arc::clone(values)
        } else {
            cast(values, &T::DATA_TYPE)?
        };
        let bounds: Vec<_> = bounds
            .into_iter()
            .enumerate()
            .map(|(row, bounds)| column.is_valid(row).then_some(bounds))
            .collect();
        let this = Self {
            values,
            bounds,
            element: PhantomData,
        };
        this.refuse_inner_nulls(function)?;
        Ok(this)
    }

    /// The number of rows, NULL ones included.
    pub(crate) fn len(&self) -> usize {
        self.bounds.len()
    }

    /// The vectors, a row each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&[T::Native]>> {
        let values = self.values.as_primitive::<T>().values();
        self.bounds
            .iter()
            .map(|bounds| bounds.map(|(start, length)| &values[start..start + length]))
    }

    /// The error names the place in the vector and no row: a row's number within its batch says
    /// nothing about a table.
    fn refuse_inner_nulls(&self, function: &'static str) -> Result<()> {
        if self.values.null_count() == 0 {
            return Ok(());
        }
        for (start, length) in self.bounds.iter().flatten() {
            let null = (0..*length).find(|at| self.values.is_null(start + at));
            if let Some(at) = null {
                let at = at + 1;
                return Err(FunctionError::Features {
                    function,
                    reason: format!(
                        "a row has a NULL inside its features: WHERE features[{at}] IS NULL finds it"
                    ),
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

/// The type in which a column of vectors is read without rounding, `Float32` or `Float64`: that of
/// `f32` vectors and shorter floats is the former, that of all other numbers the latter.
pub(crate) fn feature_type(column: &DataType) -> DataType {
    match column {
        DataType::FixedSizeList(field, _) | DataType::List(field) | DataType::LargeList(field) => {
            match field.data_type() {
                DataType::Float16 | DataType::Float32 => DataType::Float32,
                _ => DataType::Float64,
            }
        }
        _ => DataType::Float32,
    }
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
