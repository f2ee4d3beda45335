//! Evaluates uncorrelated scalar subqueries before the query that contains them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use datafusion::catalog::Session;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};
use datafusion::physical_plan::collect;

/// Replaces each uncorrelated scalar subquery of a plan by its value, which is computed here and
/// now, as DataFusion computes it once before the rest. As a join, which is what a cluster makes of
/// it otherwise, a model of megabytes would be copied to every row.
///
/// # Errors
/// When a subquery fails, or has more than one row.
pub(crate) async fn evaluate_scalar_subqueries(
    plan: &LogicalPlan,
    session: &dyn Session,
) -> Result<LogicalPlan> {
    let mut values = HashMap::new();
    for subquery in scalar_subqueries(plan)? {
        if let Entry::Vacant(slot) = values.entry(subquery) {
            let value = evaluate(slot.key(), session).await?;
            slot.insert(value);
        }
    }
    if values.is_empty() {
        return Ok(plan.clone());
    }
    let replaced = plan.clone().transform_up(|node| {
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expression| {
            let name = names.save(&expression);
            let replaced = expression.transform_up(|part| match &part {
                Expr::ScalarSubquery(subquery) => Ok(match values.get(subquery) {
                    Some(value) => Transformed::yes(Expr::Literal(value.clone(), None)),
                    None => Transformed::no(part),
                }),
                _ => Ok(Transformed::no(part)),
            })?;
            Ok(replaced.update_data(|expression| name.restore(expression)))
        })?;
        if node.transformed {
            node.map_data(LogicalPlan::recompute_schema)
        } else {
            Ok(node)
        }
    })?;
    Ok(replaced.data)
}

/// The uncorrelated scalar subqueries of the plan's own expressions; theirs are evaluated with them.
fn scalar_subqueries(plan: &LogicalPlan) -> Result<Vec<Subquery>> {
    let mut found = vec![];
    plan.apply(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::ScalarSubquery(subquery) = part
                    && subquery.outer_ref_columns.is_empty()
                {
                    found.push(subquery.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

async fn evaluate(subquery: &Subquery, session: &dyn Session) -> Result<ScalarValue> {
    let plan = session.create_physical_plan(&subquery.subquery).await?;
    let batches = collect(plan, session.task_ctx()).await?;
    let mut rows = batches.iter().filter(|batch| batch.num_rows() > 0);
    match (rows.next(), rows.next()) {
        (None, _) => ScalarValue::try_from(subquery.subquery.schema().field(0).data_type()),
        (Some(batch), None) if batch.num_rows() == 1 => {
            ScalarValue::try_from_array(batch.column(0), 0)
        }
        _ => exec_err!("Scalar subquery returned more than one row"),
    }
}
