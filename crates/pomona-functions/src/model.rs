//! The PCA model as an Arrow struct, there and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use pomona_pca::PcaModel;

use crate::FunctionError;

/// The SQL type of a model of k components in d dimensions.
///
/// | field | type | shape |
/// |---|---|---|
/// | `n_samples` | `Int64` | |
/// | `mean` | `List<Float64>` | d |
/// | `components` | `List<List<Float64>>` | k × d, a row a component |
/// | `explained_variance` | `List<Float64>` | d: all of them, so that k can be chosen afterwards |
/// | `explained_variance_ratio` | `List<Float64>` | d |
pub fn model_type() -> DataType {
    DataType::Struct(model_fields())
}

/// Reads a model that `pca_fit` returned.
///
/// # Errors
/// When the value is NULL or no such struct.
pub fn model_from_scalar(value: &ScalarValue) -> Result<PcaModel> {
    let ScalarValue::Struct(array) = value else {
        return Err(FunctionError::Model(format!("it is {}", value.data_type())).into());
    };
    Ok(model_from_row(array, 0)?)
}

/// The model as a struct of one row.
pub(crate) fn model_to_scalar(model: &PcaModel) -> Result<ScalarValue> {
    let d = model.dimension();
    let components = ListArray::try_new(
        Arc::new(Field::new_list_field(DataType::Float64, true)),
        OffsetBuffer::from_lengths(std::iter::repeat_n(d, model.k())),
        Arc::new(Float64Array::from(model.components().to_vec())),
        None,
    )?;
    let columns: Vec<ArrayRef> = vec![
        // A count of rows in memory or storage is far below 2^63.
        Arc::new(Int64Array::from(vec![model.n_samples() as i64])),
        one_list(Arc::new(Float64Array::from(model.mean().to_vec())))?,
        one_list(Arc::new(components))?,
        one_list(Arc::new(Float64Array::from(
            model.explained_variance().to_vec(),
        )))?,
        one_list(Arc::new(Float64Array::from(
            model.explained_variance_ratio().to_vec(),
        )))?,
    ];
    Ok(ScalarValue::Struct(Arc::new(StructArray::try_new(
        model_fields(),
        columns,
        None,
    )?)))
}

/// The model in one row of a struct array, which may come back from Parquet or from Spark with
/// its fields in another order.
pub(crate) fn model_from_row(array: &StructArray, row: usize) -> Result<PcaModel, FunctionError> {
    if array.is_null(row) {
        return Err(FunctionError::Model("it is NULL".to_string()));
    }
    let n_samples = column(array, "n_samples")?
        .as_primitive_opt::<Int64Type>()
        .and_then(|n| u64::try_from(n.value(row)).ok())
        .ok_or_else(|| FunctionError::Model("n_samples is not a count".to_string()))?;
    let components = list(array, "components", row)?;
    let components = components
        .as_list_opt::<i32>()
        .ok_or_else(|| FunctionError::Model("components is not a list of lists".to_string()))?;
    let offsets = components.value_offsets();
    let (start, end) = (offsets[0] as usize, offsets[components.len()] as usize);
    PcaModel::new(
        n_samples,
        floats("mean", &list(array, "mean", row)?)?,
        floats("components", &components.values().slice(start, end - start))?,
        floats(
            "explained_variance",
            &list(array, "explained_variance", row)?,
        )?,
        floats(
            "explained_variance_ratio",
            &list(array, "explained_variance_ratio", row)?,
        )?,
    )
    .map_err(|error| FunctionError::Model(error.to_string()))
}

fn model_fields() -> Fields {
    let vector = DataType::new_list(DataType::Float64, true);
    Fields::from(vec![
        Field::new("n_samples", DataType::Int64, true),
        Field::new("mean", vector.clone(), true),
        Field::new("components", DataType::new_list(vector.clone(), true), true),
        Field::new("explained_variance", vector.clone(), true),
        Field::new("explained_variance_ratio", vector, true),
    ])
}

fn one_list(values: ArrayRef) -> Result<ArrayRef> {
    Ok(Arc::new(ListArray::try_new(
        Arc::new(Field::new_list_field(values.data_type().clone(), true)),
        OffsetBuffer::from_lengths([values.len()]),
        values,
        None,
    )?))
}

fn column<'a>(array: &'a StructArray, name: &str) -> Result<&'a ArrayRef, FunctionError> {
    array
        .column_by_name(name)
        .ok_or_else(|| FunctionError::Model(format!("it has no field {name}")))
}

fn list(array: &StructArray, name: &str, row: usize) -> Result<ArrayRef, FunctionError> {
    match column(array, name)?.as_list_opt::<i32>() {
        Some(list) if list.is_valid(row) => Ok(list.value(row)),
        _ => Err(FunctionError::Model(format!("{name} is not a list"))),
    }
}

fn floats(name: &str, values: &dyn Array) -> Result<Vec<f64>, FunctionError> {
    match values.as_primitive_opt::<Float64Type>() {
        Some(values) if values.null_count() == 0 => Ok(values.values().to_vec()),
        _ => Err(FunctionError::Model(format!(
            "{name} does not hold Float64 values"
        ))),
    }
}
