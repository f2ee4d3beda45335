//! The argument `k` of `pca_fit` and `pca_solve`.

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use pomona_pca::Components;

use crate::FunctionError;

/// Types of arguments for `SHOW FUNCTIONS`: `k` as a count, a share and text, after the type of the first
/// argument.
pub(crate) fn k_examples(first: &DataType) -> Vec<Vec<DataType>> {
    [DataType::Int64, DataType::Float64, DataType::Utf8]
        .map(|k| vec![first.clone(), k])
        .to_vec()
}

/// Integers are counts and other numbers are shares, whatever their width.
pub(crate) fn coerce_k(data_type: &mut DataType) {
    if data_type.is_integer() {
        *data_type = DataType::Int64;
    } else if data_type.is_numeric() {
        *data_type = DataType::Float64;
    } else if data_type.is_string() {
        *data_type = DataType::Utf8;
    }
}

/// A planning error for a `k` that is neither a number nor text.
pub(crate) fn check_k_type(function: &str, data_type: &DataType) -> Result<()> {
    if data_type.is_numeric() || data_type.is_string() {
        return Ok(());
    }
    plan_err!(
        "{function}: k is a number of components (50, or 'at most 50') or a share of the variance \
         (0.95), not {data_type}"
    )
}

/// Reads `k` from its constant; `None` is a column.
pub(crate) fn components(function: &'static str, k: Option<&ScalarValue>) -> Result<Components> {
    let components = match k {
        None => return plan_err!("{function}: k is a constant, the same for all rows"),
        Some(ScalarValue::Int64(Some(k))) => Components::try_from(*k),
        Some(ScalarValue::Float64(Some(k))) => Components::try_from(*k),
        Some(ScalarValue::Utf8(Some(k))) => k.parse(),
        Some(other) => return exec_err!("{function}: k is a number or text, not {other}"),
    };
    Ok(components.map_err(FunctionError::pca(function))?)
}
