//! Window functions that the client computes: two of their clauses do not reach an executor.
//!
//! ```sql
//! SELECT lag(x) IGNORE NULLS OVER (ORDER BY y) FROM t           -- on an executor: lag(x)
//! SELECT sum(x) FILTER (WHERE x > 3) OVER (ORDER BY y) FROM t   -- on an executor: sum(x)
//! ```
//!
//! Upstream: apache/datafusion#17417, closed for logical plans. The encoding of a physical plan has
//! no filter of a window, and writes `ignore_nulls` for aggregates alone.
//! Remove when: `tests/pomona/traps/windows.rs` says that both clauses arrive.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::NullTreatment;
use datafusion::logical_expr::{Expr, LogicalPlan, WindowFunctionDefinition};

/// Whether a query has a window function with a clause that would be lost.
///
/// # Errors
/// Those of walking the plan.
pub(crate) fn has_client_windows(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::WindowFunction(window) = part {
                    let is_udwf = matches!(window.fun, WindowFunctionDefinition::WindowUDF(_));
                    let treatment = window.params.null_treatment;
                    let ignores_nulls = treatment == Some(NullTreatment::IgnoreNulls);
                    found |= window.params.filter.is_some() || (is_udwf && ignores_nulls);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}
