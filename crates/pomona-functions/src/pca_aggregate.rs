//! [`PcaAggregate`]: what the PCA aggregates have in common.

use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomData;
use std::mem::size_of_val;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Documentation, Signature};

use crate::columnar::flexible_signature;
use crate::gathered::GatheredMoments;

/// An aggregate that gathers moments and returns something that follows from them: `F` says what.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PcaAggregate<F> {
    function: F,
    signature: Signature,
}

/// What one PCA aggregate does differently from the others.
pub trait MomentsFunction: Debug + Default + Eq + Hash + Send + Sync + Sized + 'static {
    /// The function's name in SQL.
    const NAME: &'static str;
    /// How it is called, for errors.
    const USAGE: &'static str;

    /// What it computes at the end, from the constant arguments of a call.
    type Answer: Debug + Send + Sync + 'static;

    /// Types of arguments that it takes, for `SHOW FUNCTIONS`.
    fn examples() -> Vec<Vec<DataType>>;

    /// The types that arguments are cast to before the call.
    fn coerce(types: &mut [DataType]);

    /// The type returned for arguments of these types; `None` if their number is wrong.
    fn return_type(types: &[DataType]) -> Option<Result<DataType>>;

    /// The function's entry in the reference.
    fn documentation(&self) -> Option<&Documentation>;

    /// Reads the constant arguments of a call.
    fn answer(args: &AccumulatorArgs) -> Result<Self::Answer>;

    /// Adds a batch of the first argument.
    fn add(moments: &mut GatheredMoments, column: &ArrayRef) -> Result<()>;

    /// The value returned of the moments.
    fn evaluate(answer: &Self::Answer, moments: &GatheredMoments) -> Result<ScalarValue>;
}

impl<F: MomentsFunction> Default for PcaAggregate<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: MomentsFunction> PcaAggregate<F> {
    /// The function.
    pub fn new() -> Self {
        Self {
            function: F::default(),
            signature: flexible_signature(F::examples()),
        }
    }
}

impl<F: MomentsFunction> AggregateUDFImpl for PcaAggregate<F> {
    fn name(&self) -> &str {
        F::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = arg_types.to_vec();
        F::coerce(&mut types);
        Ok(types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match F::return_type(arg_types) {
            Some(data_type) => data_type,
            None => plan_err!("{} takes {}", F::NAME, F::USAGE),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(GatheredMoments::state_fields(&args))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{} does not support DISTINCT", F::NAME);
        }
        Ok(Box::new(MomentsAccumulator::<F> {
            answer: F::answer(&args)?,
            moments: GatheredMoments::new(F::NAME),
            function: PhantomData,
        }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }
}

/// Gathers the moments of the rows it sees, and answers at the end.
#[derive(Debug)]
struct MomentsAccumulator<F: MomentsFunction> {
    answer: F::Answer,
    moments: GatheredMoments,
    function: PhantomData<F>,
}

impl<F: MomentsFunction> Accumulator for MomentsAccumulator<F> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        F::add(&mut self.moments, &values[0])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.moments.merge_states(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(self.moments.state())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        F::evaluate(&self.answer, &self.moments)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.moments.size()
    }
}
