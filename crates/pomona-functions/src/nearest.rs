//! [`NearestFunc`]: `nearest(vector, among, k)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, Int64Array, ListArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Fields, Float32Type, Float64Type};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;
use pomona_neighbours::{Neighbour, nearest};

use crate::FunctionError;
use crate::columnar::{flexible_signature, map_column};
use crate::extract::features_type;
use crate::feature_rows::{FeatureRows, check_features_type, feature_type};

const NAME: &str = "nearest";

/// Finds the k vectors that are nearest to a vector by their cosine, exactly:
/// `List<Struct(position Int64, similarity Float64)>`, the nearest first.
///
/// The vectors to search are one value for all rows, so that rows are compared a batch at a time,
/// by blocked matrix products, in as many partitions as there are; a vector that is itself among
/// them is found too. `position` counts from 1, as SQL arrays do. Vectors of the same cosine come
/// in the order of their positions.
///
/// A NULL vector and a vector of zeros have no direction: they give NULL and are never found.
#[user_doc(
    doc_section(label = "Vector Functions"),
    description = "Finds the k vectors of a list that are nearest to a vector by their cosine, exactly, and returns a list of structs of position (in the list, from 1) and similarity (the cosine), the nearest first; vectors of the same cosine come in the order of their positions. A vector that is itself in the list is found too. NULL and vectors of zeros give NULL and are never found. Fails where the vectors are not all of one length, where among is not one value for all rows, and where k is not a constant of 1 or more.",
    syntax_example = "nearest(vector, among, k)",
    sql_example = r#"```sql
> SELECT path, nearest(pca, (SELECT array_agg(pca ORDER BY path) FROM pca), 6) AS neighbours FROM pca;
```"#,
    argument(
        name = "vector",
        description = "A list of numbers, such as mobilenet_v2 or pca_transform return."
    ),
    argument(
        name = "among",
        description = "The vectors to search, a list of vectors of the same length. It is the same for all rows: a scalar subquery with array_agg, which is evaluated once."
    ),
    argument(
        name = "k",
        description = "A constant: how many neighbours to find, at least 1."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct NearestFunc {
    signature: Signature,
}

impl Default for NearestFunc {
    fn default() -> Self {
        Self::new()
    }
}

impl NearestFunc {
    /// The function `nearest`.
    pub fn new() -> Self {
        Self {
            signature: flexible_signature([vec![
                features_type(),
                DataType::new_list(features_type(), true),
                DataType::Int64,
            ]]),
        }
    }
}

impl ScalarUDFImpl for NearestFunc {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        if let Some(k) = types.get_mut(2)
            && k.is_integer()
        {
            *k = DataType::Int64;
        }
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [vector, among, k] = arg_types else {
            return plan_err!("{NAME} takes three arguments: {NAME}(vector, among, k)");
        };
        check_features_type(NAME, vector)?;
        match among {
            DataType::List(field) | DataType::LargeList(field) => {
                check_features_type(NAME, field.data_type())?;
            }
            DataType::Null => {}
            other => {
                return plan_err!(
                    "{NAME}: the vectors to search are a list of lists of numbers (array_agg), not {other}"
                );
            }
        }
        if *k != DataType::Int64 {
            return plan_err!("{NAME}: k is a whole number, not {k}");
        }
        Ok(DataType::new_list(DataType::Struct(fields()), true))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let k = match &args.args[2] {
            ColumnarValue::Scalar(ScalarValue::Int64(Some(k))) => usize::try_from(*k).unwrap_or(0),
            _ => return plan_err!("{NAME}: k is a constant"),
        };
        if k == 0 {
            return plan_err!("{NAME}: k is 1 or more");
        }
        let ColumnarValue::Scalar(among) = &args.args[1] else {
            return plan_err!(
                "{NAME}: the vectors to search are the same for all rows: \
                 (SELECT array_agg(vector ORDER BY …) FROM …)"
            );
        };
        let among = inner_vectors(among);
        map_column(&args.args[0], |column| {
            let Some(among) = &among else {
                return list(vec![None; column.len()]);
            };
            let types = [
                feature_type(column.data_type()),
                feature_type(among.data_type()),
            ];
            if types.iter().all(|found| *found == DataType::Float32) {
                search::<Float32Type>(column, among, k)
            } else {
                search::<Float64Type>(column, among, k)
            }
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// Searches with numbers of type `T`, which holds those of both columns.
fn search<T>(vectors: &ArrayRef, among: &ArrayRef, k: usize) -> Result<ArrayRef>
where
    T: ArrowPrimitiveType<Native: Into<f64>>,
{
    let vectors = FeatureRows::<T>::try_new(NAME, vectors)?;
    let among = FeatureRows::<T>::try_new(NAME, among)?;
    let vectors: Vec<_> = vectors.iter().collect();
    let among: Vec<_> = among.iter().collect();
    list(nearest(&vectors, &among, k).map_err(FunctionError::from)?)
}

/// The vectors in a list of vectors; `None` for NULL.
fn inner_vectors(list: &ScalarValue) -> Option<ArrayRef> {
    match list {
        ScalarValue::List(list) if list.is_valid(0) => Some(list.value(0)),
        ScalarValue::LargeList(list) if list.is_valid(0) => Some(list.value(0)),
        _ => None,
    }
}

fn list(rows: Vec<Option<Vec<Neighbour>>>) -> Result<ArrayRef> {
    let all = || rows.iter().flatten().flatten();
    // There are fewer positions than 2^32.
    let positions: Int64Array = all().map(|one| Some(one.position as i64 + 1)).collect();
    let similarities: Float64Array = all().map(|one| Some(one.similarity)).collect();
    let neighbours = StructArray::try_new(
        fields(),
        vec![Arc::new(positions), Arc::new(similarities)],
        None,
    )?;
    let valid = NullBuffer::from_iter(rows.iter().map(Option::is_some));
    let lengths = rows.iter().map(|row| row.as_ref().map_or(0, Vec::len));
    Ok(Arc::new(ListArray::try_new(
        Arc::new(Field::new_list_field(DataType::Struct(fields()), true)),
        OffsetBuffer::from_lengths(lengths),
        Arc::new(neighbours),
        Some(valid).filter(|nulls| nulls.null_count() > 0),
    )?))
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("position", DataType::Int64, true),
        Field::new("similarity", DataType::Float64, true),
    ])
}
