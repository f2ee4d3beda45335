//! [`ToJsonFunc`]: `to_json(value)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringBuilder};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use arrow::json::writer::{EncoderOptions, make_encoder};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::columnar::{flexible_signature, map_column};

/// Writes any value as JSON, as DuckDB's function of this name. NULL gives NULL.
///
/// Lists become arrays, structs and maps objects, bytes text of hexadecimal digits, and what JSON
/// has no number for (NaN, infinity) null.
#[user_doc(
    doc_section(label = "String Functions"),
    description = "Writes a value of any type as JSON text: lists as arrays, structs and maps as objects, bytes as hexadecimal digits, NaN and infinity as null. This is how vectors are written to CSV. NULL gives NULL. Never fails for a type that Arrow writes as JSON.",
    syntax_example = "to_json(value)",
    sql_example = r#"```sql
> SELECT to_json([1.5, NULL]);
```"#,
    argument(name = "value", description = "A value of any type.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ToJsonFunc {
    signature: Signature,
}

impl Default for ToJsonFunc {
    fn default() -> Self {
        Self::new()
    }
}

impl ToJsonFunc {
    /// The function `to_json`.
    pub fn new() -> Self {
        Self {
            signature: flexible_signature([vec![DataType::new_list(DataType::Float32, true)]]),
        }
    }
}

impl ScalarUDFImpl for ToJsonFunc {
    fn name(&self) -> &str {
        "to_json"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types {
            [_] => Ok(DataType::Utf8),
            _ => plan_err!("to_json takes one argument: to_json(value)"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = take_function_args(self.name(), args.args)?;
        map_column(&value, |column| Ok(json_text(column)?))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

/// Each value of a column as JSON text; NULL stays NULL.
///
/// # Errors
/// When the column's type has no JSON form.
pub fn json_text(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let field = Arc::new(Field::new("value", column.data_type().clone(), true));
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(&field, column, &options)?;
    let mut texts = StringBuilder::with_capacity(column.len(), 16 * column.len());
    let mut text = Vec::new();
    for row in 0..column.len() {
        if encoder.is_null(row) {
            texts.append_null();
            continue;
        }
        text.clear();
        encoder.encode(row, &mut text);
        let text =
            std::str::from_utf8(&text).map_err(|error| ArrowError::JsonError(error.to_string()))?;
        texts.append_value(text);
    }
    Ok(Arc::new(texts.finish()))
}
