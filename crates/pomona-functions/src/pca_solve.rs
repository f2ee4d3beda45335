//! [`PcaSolveFunc`]: `pca_solve(moments, k)`.

use arrow::array::{Array, AsArray, new_empty_array};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
};
use datafusion_macros::user_doc;

use crate::FunctionError;
use crate::columnar::{flexible_signature, map_column};
use crate::model::{model_to_scalar, model_type};
use crate::moments::{check_moments_type, coerce_moments, moments_from_row, moments_type};
use crate::number_of_components::{check_k_type, coerce_k, components, k_examples};

const NAME: &str = "pca_solve";

/// Solves moments for the model that `pca_fit` returns of the same rows; NULL gives NULL.
#[user_doc(
    doc_section(label = "PCA Functions"),
    description = "Solves moments for their principal components and returns the model that pca_fit returns of the same rows. NULL gives NULL. Fails where k is no constant or more than the rows or the length of the vectors, and where the moments are not what pca_moments returns.",
    syntax_example = "pca_solve(moments, k)",
    sql_example = r#"```sql
> SELECT pca_solve(pca_moments(features), 50) AS model FROM features;
> SELECT pca_solve(moments, 0.95) AS model FROM 'results/moments/';
```"#,
    argument(
        name = "moments",
        description = "What pca_moments, pca_merge or pca_subtract return."
    ),
    argument(
        name = "k",
        description = "A constant: the number of components to keep (an integer, or 'at most 50' for as many as there are up to that), or the share of the variance to keep (a fraction below 1)."
    )
)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PcaSolveFunc {
    signature: Signature,
}

impl Default for PcaSolveFunc {
    fn default() -> Self {
        Self::new()
    }
}

impl PcaSolveFunc {
    /// The function `pca_solve`.
    pub fn new() -> Self {
        Self {
            signature: flexible_signature(k_examples(&moments_type())),
        }
    }
}

impl ScalarUDFImpl for PcaSolveFunc {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        if let Some(moments) = types.get_mut(0) {
            coerce_moments(moments);
        }
        if let Some(k) = types.get_mut(1) {
            coerce_k(k);
        }
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [moments, k] = arg_types else {
            return plan_err!("{NAME} takes two arguments: {NAME}(moments, k)");
        };
        check_moments_type(NAME, moments)?;
        check_k_type(NAME, k)?;
        Ok(model_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let k = match &args.args[1] {
            ColumnarValue::Scalar(k) => Some(k),
            ColumnarValue::Array(_) => None,
        };
        let components = components(NAME, k)?;
        map_column(&args.args[0], |column| {
            let rows = column.as_struct();
            let mut models = Vec::with_capacity(rows.len());
            for row in 0..rows.len() {
                models.push(match moments_from_row(NAME, rows, row)? {
                    Some(moments) => {
                        let model = moments.solve(components);
                        model_to_scalar(&model.map_err(FunctionError::pca(NAME))?)?
                    }
                    None => ScalarValue::try_from(model_type())?,
                });
            }
            if models.is_empty() {
                return Ok(new_empty_array(&model_type()));
            }
            ScalarValue::iter_to_array(models)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.doc()
    }
}
