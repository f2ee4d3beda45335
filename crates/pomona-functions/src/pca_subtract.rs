//! [`PcaSubtractFunc`]: `pca_subtract(a, b)`.

use arrow::array::{AsArray, StructArray, new_empty_array};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::FunctionError;
use crate::columnar::flexible_signature;
use crate::moments::{
    check_moments_type, coerce_moments, moments_from_row, moments_to_scalar, moments_type,
};

const NAME: &str = "pca_subtract";

/// Takes rows out of moments, given as their own moments: the inverse of `pca_merge`.
///
/// NULL moments, which `pca_moments` gives of no rows, take nothing away; from NULL moments nothing
/// can be taken but NULL.
#[user_doc(
    doc_section(label = "PCA Functions"),
    description = "Takes the rows of the moments b out of the moments a: the inverse of pca_merge, for erasing rows from a model without the others. NULL is the moments of no rows. Fails where b has more rows than a or vectors of another length, where either is not what pca_moments returns, and where rows are taken out of NULL.",
    syntax_example = "pca_subtract(a, b)",
    sql_example = r#"```sql
> SELECT pca_solve(pca_subtract(moments, (SELECT pca_moments(features) FROM erased)), 50) AS model
  FROM 'results/moments/';
```"#,
    argument(
        name = "a",
        description = "The moments of all rows, as pca_moments or pca_merge return them."
    ),
    argument(
        name = "b",
        description = "The moments of the rows to take out, all of which are among those of a."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PcaSubtractFunc {
    signature: Signature,
}

impl Default for PcaSubtractFunc {
    fn default() -> Self {
        Self::new()
    }
}

impl PcaSubtractFunc {
    /// The function `pca_subtract`.
    pub fn new() -> Self {
        Self {
            signature: flexible_signature([vec![moments_type(), moments_type()]]),
        }
    }
}

impl ScalarUDFImpl for PcaSubtractFunc {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        types.iter_mut().for_each(coerce_moments);
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [a, b] = arg_types else {
            return plan_err!("{NAME} takes two arguments: {NAME}(a, b)");
        };
        check_moments_type(NAME, a)?;
        check_moments_type(NAME, b)?;
        Ok(moments_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let all_scalars = args
            .args
            .iter()
            .all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if all_scalars { 1 } else { args.number_rows };
        let (a, b) = (args.args[0].to_array(rows)?, args.args[1].to_array(rows)?);
        let mut left = Vec::with_capacity(rows);
        for row in 0..rows {
            left.push(subtract(a.as_struct(), b.as_struct(), row)?);
        }
        if all_scalars {
            return Ok(ColumnarValue::Scalar(left.remove(0)));
        }
        Ok(ColumnarValue::Array(match left.is_empty() {
            true => new_empty_array(&moments_type()),
            false => ScalarValue::iter_to_array(left)?,
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}

fn subtract(a: &StructArray, b: &StructArray, row: usize) -> Result<ScalarValue> {
    let all = moments_from_row(NAME, a, row)?;
    let Some(gone) = moments_from_row(NAME, b, row)? else {
        return moments_to_scalar(all.as_ref());
    };
    let mut left = all.ok_or_else(|| FunctionError::Moments {
        function: NAME,
        reason: "rows cannot be taken out of NULL".to_string(),
    })?;
    left.subtract(&gone).map_err(FunctionError::pca(NAME))?;
    moments_to_scalar(Some(&left))
}
