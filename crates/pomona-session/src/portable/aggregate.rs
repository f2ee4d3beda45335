//! [`PortableAggregate`]: an aggregate function whose panics are errors.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Signature,
};

use super::guard::guarded;

/// A function under its own name.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct PortableAggregate {
    function: Arc<AggregateUDF>,
}

impl PortableAggregate {
    pub(super) fn new(function: Arc<AggregateUDF>) -> Self {
        Self { function }
    }
}

impl AggregateUDFImpl for PortableAggregate {
    fn name(&self) -> &str {
        self.function.name()
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

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        guarded(self.name(), || self.function.state_fields(args))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let accumulator = guarded(self.name(), || self.function.accumulator(args))?;
        Ok(Box::new(Guarded {
            name: self.name().to_owned(),
            accumulator,
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }
}

#[derive(Debug)]
struct Guarded {
    name: String,
    accumulator: Box<dyn Accumulator>,
}

impl Accumulator for Guarded {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        guarded(&self.name, || self.accumulator.update_batch(values))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        guarded(&self.name, || self.accumulator.merge_batch(states))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        guarded(&self.name, || self.accumulator.state())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        guarded(&self.name, || self.accumulator.evaluate())
    }

    fn size(&self) -> usize {
        self.accumulator.size()
    }
}
