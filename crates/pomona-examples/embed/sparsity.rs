//! [`Sparsity`]: the SQL function `sparsity(features)`, to start a function of your own from.

use std::sync::Arc;

use arrow::array::{AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// The share of the numbers of a vector that are 0, from 0 to 1; NULL for NULL.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sparsity {
    signature: Signature,
}

impl Sparsity {
    pub(crate) fn new() -> Self {
        Self {
            signature: Signature::any(1, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Sparsity {
    fn name(&self) -> &str {
        "sparsity"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            // Functions return vectors as FixedSizeList, Parquet files contain them as List.
            [DataType::FixedSizeList(..) | DataType::List(_)] => Ok(DataType::Float64),
            _ => plan_err!("sparsity takes a vector, as mobilenet_v2(content) returns it"),
        }
    }

    /// Computes a batch of rows.
    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let vectors = arguments.args[0].to_array(arguments.number_rows)?;
        let vectors = cast(&vectors, &DataType::new_list(DataType::Float32, true))?;
        let shares: Float64Array = vectors
            .as_list::<i32>()
            .iter()
            .map(|vector| {
                let vector = vector?;
                let numbers = vector.as_primitive::<Float32Type>().values();
                let zeros = numbers.iter().filter(|number| **number == 0.0).count();
                Some(zeros as f64 / numbers.len() as f64)
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(shares)))
    }
}
