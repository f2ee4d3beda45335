//! [`VectorToArrayFunc`]: `vector_to_array(vector)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int8Type, Int32Type};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::FunctionError;
use crate::columnar::{flexible_signature, map_column};

const NAME: &str = "vector_to_array";

/// `VectorUDT`'s mark of a sparse vector; 1 is a dense one.
const SPARSE: i8 = 0;

/// The list of numbers of a vector as Spark ML writes it to Parquet, dense or sparse:
/// `List<Float64>`. NULL gives NULL.
///
/// Spark ML's `VectorUDT` is `struct<type: tinyint, size: int, indices: array<int>, values:
/// array<double>>`: a dense vector (type 1) has its values alone, a sparse one (type 0) its size and
/// the values at the indices. The function of this name in `pyspark.ml.functions` does the same.
#[user_doc(
    doc_section(label = "Vector Functions"),
    description = "Returns the list of numbers of a vector as Spark ML writes it to Parquet (VectorUDT: a struct of type, size, indices and values), dense or sparse. NULL gives NULL. Fails where the struct is not of this form, and where an index is beyond the size.",
    syntax_example = "vector_to_array(vector)",
    sql_example = r#"```sql
> SELECT path, vector_to_array("pcaFeatures") AS pca FROM 's3://bucket/spark-results/';
```"#,
    argument(name = "vector", description = "The struct that Spark ML writes.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct VectorToArrayFunc {
    signature: Signature,
}

impl Default for VectorToArrayFunc {
    fn default() -> Self {
        Self::new()
    }
}

impl VectorToArrayFunc {
    /// The function `vector_to_array`.
    pub fn new() -> Self {
        Self {
            signature: flexible_signature([vec![vector_type()]]),
        }
    }
}

impl ScalarUDFImpl for VectorToArrayFunc {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let coerced = arg_types.iter().map(|data_type| match data_type {
            DataType::Null => vector_type(),
            other => other.clone(),
        });
        Ok(coerced.collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [vector] = arg_types else {
            return plan_err!("{NAME} takes one argument: {NAME}(vector)");
        };
        match vector {
            DataType::Struct(fields)
                if ["type", "size", "indices", "values"]
                    .iter()
                    .all(|name| fields.find(name).is_some()) => {}
            other => {
                return plan_err!(
                    "{NAME}: a vector is a struct of type, size, indices and values, not {other}"
                );
            }
        }
        Ok(DataType::new_list(DataType::Float64, true))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [vector] = take_function_args(NAME, args.args)?;
        map_column(&vector, |column| lists(column.as_struct()))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn lists(vectors: &StructArray) -> Result<ArrayRef> {
    // Writers other than Spark choose other widths of integers and lists.
    let column = |name: &str, data_type: DataType| -> Result<ArrayRef> {
        match vectors.column_by_name(name) {
            Some(column) => Ok(cast(column, &data_type)?),
            None => Err(refused(format!("it has no field {name}")).into()),
        }
    };
    let types = column("type", DataType::Int8)?;
    let sizes = column("size", DataType::Int32)?;
    let indices = column("indices", DataType::new_list(DataType::Int32, true))?;
    let values = column("values", DataType::new_list(DataType::Float64, true))?;
    let (types, sizes) = (
        types.as_primitive::<Int8Type>(),
        sizes.as_primitive::<Int32Type>(),
    );
    let (indices, values) = (indices.as_list::<i32>(), values.as_list::<i32>());

    let mut numbers: Vec<f64> = vec![];
    let mut lengths = Vec::with_capacity(vectors.len());
    for row in 0..vectors.len() {
        let start = numbers.len();
        if vectors.is_valid(row) {
            if values.is_null(row) {
                return Err(refused(format!("row {row} of the batch has no values")).into());
            }
            let given = values.value(row);
            let given = given.as_primitive::<Float64Type>();
            if types.is_valid(row) && types.value(row) == SPARSE {
                let size = usize::try_from(sizes.value(row)).unwrap_or(0);
                numbers.resize(start + size, 0.0);
                let places = indices.value(row);
                let places = places.as_primitive::<Int32Type>();
                if places.len() != given.len() {
                    return Err(refused(format!(
                        "row {row} of the batch has {} indices and {} values",
                        places.len(),
                        given.len()
                    ))
                    .into());
                }
                for (place, value) in places.values().iter().zip(given.values()) {
                    match usize::try_from(*place) {
                        Ok(place) if place < size => numbers[start + place] = *value,
                        _ => {
                            return Err(refused(format!(
                                "row {row} of the batch has the index {place} in a vector of {size}"
                            ))
                            .into());
                        }
                    }
                }
            } else {
                numbers.extend(given.values());
            }
        }
        lengths.push(numbers.len() - start);
    }
    let nulls: Option<NullBuffer> = vectors.nulls().cloned();
    Ok(Arc::new(ListArray::try_new(
        Arc::new(Field::new_list_field(DataType::Float64, true)),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(Float64Array::from(numbers)),
        nulls,
    )?))
}

fn refused(reason: String) -> FunctionError {
    FunctionError::Vector(reason)
}

/// The type that Spark writes.
fn vector_type() -> DataType {
    DataType::Struct(
        vec![
            Field::new("type", DataType::Int8, true),
            Field::new("size", DataType::Int32, true),
            Field::new("indices", DataType::new_list(DataType::Int32, true), true),
            Field::new("values", DataType::new_list(DataType::Float64, true), true),
        ]
        .into(),
    )
}
