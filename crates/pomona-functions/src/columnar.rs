//! How functions are called: signatures, and arrays or scalars as arguments.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, Signature, TypeSignature, Volatility};

/// Applies `function` to one argument and keeps its form: an array gives an array, a scalar
/// gives a scalar.
pub(crate) fn map_column(
    argument: &ColumnarValue,
    function: impl FnOnce(&ArrayRef) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    match argument {
        ColumnarValue::Array(array) => Ok(ColumnarValue::Array(function(array)?)),
        ColumnarValue::Scalar(scalar) => {
            let result = function(&scalar.to_array()?)?;
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &result, 0,
            )?))
        }
    }
}

/// The signature of a function that takes types beyond enumeration, such as lists of every layout.
///
/// `coerce_types` must take whatever it is given, and `return_type` say what is wrong with it: a
/// refusal here would reach the user as an internal error. The examples are what `SHOW FUNCTIONS`
/// lists, which passes over functions without them.
pub(crate) fn flexible_signature(examples: impl IntoIterator<Item = Vec<DataType>>) -> Signature {
    let examples = examples.into_iter().map(TypeSignature::Exact);
    Signature::one_of(
        std::iter::once(TypeSignature::UserDefined)
            .chain(examples)
            .collect(),
        Volatility::Immutable,
    )
}
