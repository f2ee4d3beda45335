//! [`PortableFunc`]: a scalar function that brings its options.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};

use super::guard::guarded;

/// A function under its own name, with options that it is always called with.
#[derive(Debug)]
pub(super) struct PortableFunc {
    function: Arc<ScalarUDF>,
    options: Arc<ConfigOptions>,
}

impl PortableFunc {
    pub(super) fn new(function: Arc<ScalarUDF>, options: Arc<ConfigOptions>) -> Self {
        Self { function, options }
    }
}

/// Functions of one name compute the same where their options are the same object.
impl PartialEq for PortableFunc {
    fn eq(&self, other: &Self) -> bool {
        self.function == other.function && Arc::ptr_eq(&self.options, &other.options)
    }
}

impl Eq for PortableFunc {}

impl Hash for PortableFunc {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.hash(state);
    }
}

impl ScalarUDFImpl for PortableFunc {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        guarded(self.name(), || self.function.coerce_types(arg_types))
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        guarded(self.name(), || self.function.return_type(arg_types))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        guarded(self.name(), || self.function.return_field_from_args(args))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if args.number_rows == 0 {
            let none = new_empty_array(args.return_field.data_type());
            return Ok(ColumnarValue::Array(none));
        }
        guarded(self.name(), || {
            let values = args.args.into_iter().map(constant);
            args.args = values.collect::<Result<_>>()?;
            args.config_options = Arc::clone(&self.options);
            self.function.inner().invoke_with_args(args)
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }
}

/// A column whose values are all equal, as the constant that it is: across a boundary of libraries constants
/// arrive as columns, and some arguments must be constant (`top`, `network`, `k`).
fn constant(value: ColumnarValue) -> Result<ColumnarValue> {
    match value {
        ColumnarValue::Array(column) if is_constant(&column) => {
            ScalarValue::try_from_array(&column, 0).map(ColumnarValue::Scalar)
        }
        other => Ok(other),
    }
}

/// Whether each value is equal to the next. The comparison ends at the first that is not.
fn is_constant(column: &ArrayRef) -> bool {
    let Some(rest) = column.len().checked_sub(1) else {
        return false;
    };
    column.slice(0, rest).to_data() == column.slice(1, rest).to_data()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float32Array, Int64Array, ListArray, StringArray};
    use arrow::datatypes::Float32Type;

    use super::*;

    fn is(column: impl Array + 'static) -> bool {
        is_constant(&(Arc::new(column) as ArrayRef))
    }

    #[test]
    fn a_column_of_one_value_is_a_constant() {
        assert!(is(Int64Array::from(vec![3, 3, 3])) && is(Int64Array::from(vec![3])));
        assert!(!is(Int64Array::from(vec![3, 3, 4])) && !is(Int64Array::from(Vec::<i64>::new())));
        assert!(is(StringArray::from(vec!["resnet18"; 5])));
        assert!(is(Int64Array::from(vec![None, None])));
        assert!(!is(Int64Array::from(vec![None, Some(0)])));
        let rows = |last: f32| {
            let rows = vec![
                Some(vec![Some(1.0), Some(2.0)]),
                Some(vec![Some(1.0), Some(last)]),
            ];
            ListArray::from_iter_primitive::<Float32Type, _, _>(rows)
        };
        assert!(is(rows(2.0)) && !is(rows(2.5)));
        // A slice is compared where it begins.
        let column = Float32Array::from(vec![1.0, 2.0, 2.0]);
        assert!(is(column.slice(1, 2)) && !is(column));
    }
}
