//! Window functions that are not reversed.
//!
//! ```sql
//! SELECT lag(x) OVER (ORDER BY x DESC) FROM t   -- t is sorted by x
//! -- on an executor: the values of lead
//! ```
//!
//! Where rows are sorted the other way, DataFusion replaces `lag` by its reverse. `reversed` is not
//! serialized, so the executor runs `lag` on the reversed rows.
//!
//! This is the one fix that is no rule over the plan. After DataFusion's rules it would have to undo what
//! one of them decided together with the sorts below; before them it would have to make the expression
//! again, which has no accessor for IGNORE NULLS.
//!
//! Upstream: no issue known; the encoding of `WindowUDF` has a name and no direction.
//! Remove when: `tests/pomona/traps/windows.rs` fails, because the rows are right without it.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::execution::SessionState;
use datafusion::execution::registry::FunctionRegistry;
use datafusion::logical_expr::function::{
    ExpressionArgs, PartitionEvaluatorArgs, WindowFunctionSimplification, WindowUDFFieldArgs,
};
use datafusion::logical_expr::{
    Documentation, LimitEffect, PartitionEvaluator, ReversedUDWF, Signature, WindowUDF,
    WindowUDFImpl,
};
use datafusion::physical_expr::PhysicalExpr;

/// Makes the window functions of a session not reversible: the plan then has one more sort.
///
/// # Errors
/// When a function cannot be registered.
pub(crate) fn keep_window_directions(state: &mut SessionState) -> Result<()> {
    let functions: Vec<_> = state.window_functions().values().map(Arc::clone).collect();
    for function in functions {
        if matches!(function.reverse_expr(), ReversedUDWF::Reversed(_)) {
            let forwards = Forwards(function);
            state.register_udwf(Arc::new(WindowUDF::new_from_impl(forwards)))?;
        }
    }
    Ok(())
}

/// A window function that is never reversed.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Forwards(Arc<WindowUDF>);

impl WindowUDFImpl for Forwards {
    fn reverse_expr(&self) -> ReversedUDWF {
        ReversedUDWF::NotSupported
    }

    fn name(&self) -> &str {
        self.0.inner().name()
    }

    fn aliases(&self) -> &[String] {
        self.0.inner().aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.inner().signature()
    }

    fn expressions(&self, arguments: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        self.0.inner().expressions(arguments)
    }

    fn partition_evaluator(
        &self,
        arguments: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        self.0.inner().partition_evaluator(arguments)
    }

    fn simplify(&self) -> Option<WindowFunctionSimplification> {
        self.0.inner().simplify()
    }

    fn field(&self, arguments: WindowUDFFieldArgs) -> Result<FieldRef> {
        self.0.inner().field(arguments)
    }

    fn sort_options(&self) -> Option<SortOptions> {
        self.0.inner().sort_options()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.inner().coerce_types(types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.inner().documentation()
    }

    fn limit_effect(&self, arguments: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        self.0.inner().limit_effect(arguments)
    }
}
