//! [`KeepWindowDirection`]: window functions that are not reversed.
//!
//! ```sql
//! CREATE TABLE t AS SELECT value AS x FROM generate_series(1, 20);
//! SELECT x, lag(x) OVER (ORDER BY x), lag(x) OVER (ORDER BY x DESC) FROM t
//! -- on an executor: the second lag is the first one again
//! ```
//!
//! Where rows are sorted the other way already, DataFusion keeps them so and replaces `lag` by its
//! reverse. The encoding of a window function has its name and not that it is reversed, so the
//! executor runs `lag` on rows in the wrong order.
//!
//! Upstream: no issue known; `WindowUDFExpr` has no accessor for `is_reversed`, and its encoding no
//! field.
//! Remove when: `tests/pomona/traps/rules.rs` fails, because the rows are right without it.

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{LimitEffect, PartitionEvaluator};
use datafusion::physical_expr::window::{
    StandardWindowExpr, StandardWindowFunctionExpr, WindowExpr,
};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

/// Makes window functions not reversible, before DataFusion places the sorts: a plan has one more
/// sort instead.
#[derive(Debug)]
pub(crate) struct KeepWindowDirection;

impl PhysicalOptimizerRule for KeepWindowDirection {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let keep = |node: Arc<dyn ExecutionPlan>| {
            let one_way: Arc<dyn ExecutionPlan> =
                if let Some(window) = node.downcast_ref::<BoundedWindowAggExec>() {
                    let new = BoundedWindowAggExec::try_new(
                        forwards(window.window_expr()),
                        Arc::clone(window.input()),
                        window.input_order_mode.clone(),
                        !window.partition_keys().is_empty(),
                    )?;
                    Arc::new(new.with_state_observer(window.state_observer().cloned())?)
                } else if let Some(window) = node.downcast_ref::<WindowAggExec>() {
                    Arc::new(WindowAggExec::try_new(
                        forwards(window.window_expr()),
                        Arc::clone(window.input()),
                        !window.partition_keys().is_empty(),
                    )?)
                } else {
                    return Ok(Transformed::no(node));
                };
            Ok(Transformed::yes(one_way))
        };
        plan.transform_up(keep).map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "KeepWindowDirection"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The functions of a window, none of which can be reversed. Aggregates are left as they are: their
/// reverses are functions of other names, or themselves.
fn forwards(functions: &[Arc<dyn WindowExpr>]) -> Vec<Arc<dyn WindowExpr>> {
    let forwards = functions.iter().map(|function| {
        let Some(window) = function.as_any().downcast_ref::<StandardWindowExpr>() else {
            return Arc::clone(function);
        };
        let one_way = Forwards(Arc::clone(window.get_standard_func_expr()));
        Arc::new(StandardWindowExpr::new(
            Arc::new(one_way),
            window.partition_by(),
            window.order_by(),
            Arc::clone(window.get_window_frame()),
        )) as Arc<dyn WindowExpr>
    });
    forwards.collect()
}

/// A function that has no reverse, and is in all else what it was: also to the encoder of plans,
/// which looks for DataFusion's own type.
#[derive(Debug)]
struct Forwards(Arc<dyn StandardWindowFunctionExpr>);

impl StandardWindowFunctionExpr for Forwards {
    fn as_any(&self) -> &dyn Any {
        self.0.as_any()
    }

    fn field(&self) -> Result<FieldRef> {
        self.0.field()
    }

    fn expressions(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        self.0.expressions()
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn create_evaluator(&self) -> Result<Box<dyn PartitionEvaluator>> {
        self.0.create_evaluator()
    }

    fn reverse_expr(&self) -> Option<Arc<dyn StandardWindowFunctionExpr>> {
        None
    }

    fn get_result_ordering(&self, schema: &SchemaRef) -> Option<PhysicalSortExpr> {
        self.0.get_result_ordering(schema)
    }

    fn limit_effect(&self) -> LimitEffect {
        self.0.limit_effect()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::SessionStateBuilder;
    use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;

    use super::*;

    /// The operators of a query's plan with DataFusion's rules after one of ours.
    async fn plan(first: Option<KeepWindowDirection>, sql: &str) -> String {
        let mut rules = PhysicalOptimizer::new().rules;
        if let Some(first) = first {
            rules.insert(0, Arc::new(first));
        }
        let state = SessionStateBuilder::new()
            .with_default_features()
            .with_physical_optimizer_rules(rules)
            .build();
        let frame = SessionContext::new_with_state(state).sql(sql).await;
        let plan = frame.unwrap().create_physical_plan().await.unwrap();
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        let operators = shown.lines().map(|line| line.split(':').next().unwrap());
        operators.collect::<Vec<_>>().join("\n")
    }

    #[tokio::test]
    async fn a_function_is_not_reversed_and_its_rows_are_sorted() {
        let sql = "SELECT lag(value) OVER (ORDER BY value DESC) AS a FROM generate_series(1, 3)";
        let plans = format!(
            "{}\nbecomes\n{}",
            plan(None, sql).await,
            plan(Some(KeepWindowDirection), sql).await
        );
        insta::assert_snapshot!(plans, @r"
        ProjectionExec
          BoundedWindowAggExec
            LazyMemoryExec
        becomes
        ProjectionExec
          BoundedWindowAggExec
            SortExec
              LazyMemoryExec
        ");
    }
}
