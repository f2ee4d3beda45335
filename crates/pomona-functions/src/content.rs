//! The column of image files: binary arrays of every layout as byte slices.

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{Signature, TypeSignature, Volatility};

/// The signature of a function of `content`: one binary argument of any layout.
pub(crate) fn content_signature() -> Signature {
    Signature::uniform(
        1,
        vec![
            DataType::Binary,
            DataType::BinaryView,
            DataType::LargeBinary,
        ],
        Volatility::Immutable,
    )
    .with_parameter_names(vec!["content".to_string()])
    .expect("one name for one parameter")
}

/// The signature of a function of `content` and others: one way to call it for each list of others.
pub(crate) fn content_and_signature(others: &[&[DataType]]) -> Signature {
    let contents = [
        DataType::Binary,
        DataType::BinaryView,
        DataType::LargeBinary,
    ];
    let ways = contents.iter().flat_map(|content| {
        others.iter().map(|others| {
            let content = std::iter::once(content.clone());
            TypeSignature::Exact(content.chain(others.iter().cloned()).collect())
        })
    });
    Signature::one_of(ways.collect(), Volatility::Immutable)
}

/// The files of a binary column, a row each, without copying; NULL is `None`.
pub(crate) fn contents(array: &dyn Array) -> Result<Vec<Option<&[u8]>>> {
    Ok(match array.data_type() {
        DataType::Binary => array.as_binary::<i32>().iter().collect(),
        DataType::LargeBinary => array.as_binary::<i64>().iter().collect(),
        DataType::BinaryView => array.as_binary_view().iter().collect(),
        other => return exec_err!("the content of an image is binary, not {other}"),
    })
}
