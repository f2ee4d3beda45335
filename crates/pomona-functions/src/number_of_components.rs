//! The argument `k` of `pca_fit` and `pca_solve`.

use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use pomona_pca::Components;

use crate::FunctionError;

/// Integers are counts and other numbers are shares, whatever their width.
pub(crate) fn coerce_k(data_type: &mut DataType) {
    if data_type.is_integer() {
        *data_type = DataType::Int64;
    } else if data_type.is_numeric() {
        *data_type = DataType::Float64;
    }
}

/// A planning error for a `k` that is no number.
pub(crate) fn check_k_type(function: &str, data_type: &DataType) -> Result<()> {
    if data_type.is_numeric() {
        return Ok(());
    }
    plan_err!(
        "{function}: k is a number of components (50) or a share of the variance (0.95), \
         not {data_type}"
    )
}

/// Reads `k` from its constant; `None` is a column.
pub(crate) fn components(function: &'static str, k: Option<&ScalarValue>) -> Result<Components> {
    let components = match k {
        None => return plan_err!("{function}: k is a constant, the same for all rows"),
        Some(ScalarValue::Int64(Some(k))) => Components::try_from(*k),
        Some(ScalarValue::Float64(Some(k))) => Components::try_from(*k),
        Some(other) => return exec_err!("{function}: k is a number, not {other}"),
    };
    Ok(components.map_err(FunctionError::pca(function))?)
}
