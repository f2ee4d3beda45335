//! [`UrlDecodeFunc`]: `url_decode(text)`.

use std::sync::Arc;

use arrow::array::{AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::utils::take_function_args;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_macros::user_doc;
use percent_encoding::percent_decode_str;

use crate::columnar::map_column;

/// Replaces `%XX` sequences by the characters they stand for, as in a URL's path. NULL gives NULL.
///
/// As DuckDB's function of this name and unlike Spark's, it leaves `+` alone, which stands for a
/// space in the fields of a form and for itself in a path. What is no sequence, and what would not
/// be UTF-8, stays as it is.
#[user_doc(
    doc_section(label = "String Functions"),
    description = "Replaces %XX sequences by the characters they stand for, as in the path of a URL. A plus sign stays one. NULL gives NULL. Never fails for a text: what is no such sequence stays as it is.",
    syntax_example = "url_decode(text)",
    sql_example = r#"```sql
> SELECT url_decode('s3://bucket/Apple%20Braeburn/0_100.jpg');
```"#,
    argument(name = "text", description = "The text.")
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct UrlDecodeFunc {
    signature: Signature,
}

impl Default for UrlDecodeFunc {
    fn default() -> Self {
        Self::new()
    }
}

impl UrlDecodeFunc {
    /// The function `url_decode`.
    pub fn new() -> Self {
        Self {
            signature: Signature::string(1, Volatility::Immutable)
                .with_parameter_names(vec!["text".to_string()])
                .expect("one name for one parameter"),
        }
    }
}

impl ScalarUDFImpl for UrlDecodeFunc {
    fn name(&self) -> &str {
        "url_decode"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text] = take_function_args(self.name(), args.args)?;
        map_column(&text, |column| {
            let column = cast(column, &DataType::Utf8)?;
            let decoded: StringArray = column
                .as_string::<i32>()
                .iter()
                .map(|text| {
                    text.map(|text| {
                        percent_decode_str(text)
                            .decode_utf8()
                            .unwrap_or(text.into())
                    })
                })
                .collect();
            Ok(Arc::new(decoded))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
