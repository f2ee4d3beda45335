//! Moments as an Arrow struct, there and back.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, LargeListArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, plan_err};
use pomona_pca::{Moments, MomentsParts};

use crate::FunctionError;

/// The SQL type of the moments of rows of d features.
///
/// | field | type | shape |
/// |---|---|---|
/// | `count` | `Int64` | |
/// | `mean` | `LargeList<Float64>` | d |
/// | `mean_low` | `LargeList<Float64>` | d: what rounding has left out of `mean`, so that means far from zero keep their distance |
/// | `comoment` | `LargeList<Float64>` | d (d + 1) / 2: the upper triangle of the centred products, row-major |
///
/// A comoment of 1280 features has 820,000 numbers, so that a batch of a few thousand of them
/// overflows the 32-bit offsets of a `List`.
pub fn moments_type() -> DataType {
    DataType::Struct(moments_fields())
}

/// The moments as a struct of one row; NULL for none.
pub(crate) fn moments_to_scalar(moments: Option<&Moments>) -> Result<ScalarValue> {
    let Some(moments) = moments else {
        return ScalarValue::try_from(moments_type());
    };
    let parts = moments.clone().into_parts();
    let columns: Vec<ArrayRef> = vec![
        // A count of rows in memory or storage is far below 2^63.
        Arc::new(Int64Array::from(vec![parts.count as i64])),
        Arc::new(large_list(parts.mean)),
        Arc::new(large_list(parts.mean_low)),
        Arc::new(large_list(parts.comoment)),
    ];
    Ok(ScalarValue::Struct(Arc::new(StructArray::try_new(
        moments_fields(),
        columns,
        None,
    )?)))
}

/// The moments in one row of a struct array, which may come back from Parquet or from Spark with
/// its fields in another order and its lists in another layout. NULL is `None`. Moments that were written
/// before there was `mean_low` have none, and zeros are read.
pub(crate) fn moments_from_row(
    function: &'static str,
    array: &StructArray,
    row: usize,
) -> Result<Option<Moments>, FunctionError> {
    let refused = |reason: String| FunctionError::Moments { function, reason };
    if array.is_null(row) {
        return Ok(None);
    }
    let column = |name: &str| {
        array
            .column_by_name(name)
            .ok_or_else(|| refused(format!("they have no field {name}")))
    };
    let count = column("count")?
        .as_primitive_opt::<Int64Type>()
        .filter(|count| count.is_valid(row))
        .and_then(|count| u64::try_from(count.value(row)).ok())
        .ok_or_else(|| refused("count is not a count".to_string()))?;
    let floats = |name: &str| {
        let values = list_value(column(name)?, row)
            .ok_or_else(|| refused(format!("{name} is not a list")))?;
        match values.as_primitive_opt::<Float64Type>() {
            Some(values) if values.null_count() == 0 => Ok(values.values().to_vec()),
            _ => Err(refused(format!("{name} does not hold Float64 values"))),
        }
    };
    let mean = floats("mean")?;
    let mean_low = match array.column_by_name("mean_low") {
        Some(_) => floats("mean_low")?,
        None => vec![0.0; mean.len()],
    };
    let parts = MomentsParts {
        count,
        mean,
        mean_low,
        comoment: floats("comoment")?,
    };
    Moments::from_parts(parts)
        .map(Some)
        .map_err(|error| refused(error.to_string()))
}

/// A planning error for an argument that is no struct.
pub(crate) fn check_moments_type(function: &str, data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::Struct(_) => Ok(()),
        other => {
            plan_err!("{function}: moments are the struct that pca_moments returns, not {other}")
        }
    }
}

/// A NULL literal is NULL moments.
pub(crate) fn coerce_moments(data_type: &mut DataType) {
    if *data_type == DataType::Null {
        *data_type = moments_type();
    }
}

pub(crate) fn large_list_type() -> DataType {
    DataType::LargeList(Arc::new(Field::new_list_field(DataType::Float64, true)))
}

pub(crate) fn large_list(values: Vec<f64>) -> LargeListArray {
    LargeListArray::new(
        Arc::new(Field::new_list_field(DataType::Float64, true)),
        OffsetBuffer::from_lengths([values.len()]),
        Arc::new(Float64Array::from(values)),
        None,
    )
}

fn moments_fields() -> Fields {
    Fields::from(vec![
        Field::new("count", DataType::Int64, true),
        Field::new("mean", large_list_type(), true),
        Field::new("mean_low", large_list_type(), true),
        Field::new("comoment", large_list_type(), true),
    ])
}

fn list_value(array: &ArrayRef, row: usize) -> Option<ArrayRef> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::LargeList(_) => Some(array.as_list::<i64>().value(row)),
        DataType::List(_) => Some(array.as_list::<i32>().value(row)),
        DataType::FixedSizeList(..) => Some(array.as_fixed_size_list().value(row)),
        _ => None,
    }
}
