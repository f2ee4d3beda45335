//! [`DecodeApart`]: finds the operators that decode images or run a network.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

use super::DecodeExec;
use crate::image_function::ImageFunc;

/// Puts a [`DecodeExec`] above each operator whose expressions decode images or run a network. It goes
/// behind all other rules, which would not see through it.
#[derive(Debug)]
pub struct DecodeApart;

impl PhysicalOptimizerRule for DecodeApart {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let above = |node: Arc<dyn ExecutionPlan>| match node.downcast_ref::<DecodeExec>() {
            // The plan went through here before.
            Some(outer) if outer.input().is::<DecodeExec>() => {
                Ok(Transformed::yes(Arc::clone(outer.input())))
            }
            None if decodes(&node)? => Ok(Transformed::yes(
                Arc::new(DecodeExec::new(node)) as Arc<dyn ExecutionPlan>
            )),
            _ => Ok(Transformed::no(node)),
        };
        plan.transform_up(above).map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "DecodeApart"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether an operator itself calls a function that decodes images or runs a network.
fn decodes(node: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(&mut |root| {
        root.apply(|part| {
            let call = part.downcast_ref::<ScalarFunctionExpr>();
            found |= call.is_some_and(|call| call.fun().inner().is::<ImageFunc>());
            Ok(match found {
                true => TreeNodeRecursion::Stop,
                false => TreeNodeRecursion::Continue,
            })
        })
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::{Objects, scalar_functions};

    /// The operators of a plan, from the top, after the rule was applied twice.
    async fn operators(sql: &str) -> Vec<String> {
        let ctx = SessionContext::new();
        for function in scalar_functions(&Objects::none()) {
            ctx.register_udf(function.as_ref().clone());
        }
        let frame = ctx.sql(sql).await.unwrap();
        let mut plan = frame.create_physical_plan().await.unwrap();
        for _ in 0..2 {
            plan = DecodeApart
                .optimize(plan, &ConfigOptions::default())
                .unwrap();
        }
        let shown = displayable(plan.as_ref()).indent(false).to_string();
        let names = shown.lines().map(|line| {
            let line = line.trim();
            line.split(':').next().unwrap().to_string()
        });
        names.collect()
    }

    #[tokio::test]
    async fn each_operator_that_decodes_runs_apart_and_no_other() {
        let images = "(SELECT CAST(b AS bytea) AS c FROM (VALUES ('x'), ('y')) t(b))";
        let sql = format!("SELECT image_info(c) FROM {images}");
        assert!(
            !operators(&sql)
                .await
                .contains(&DecodeExec::NAME.to_string())
        );
        let sql = format!("SELECT count(image_error(c)) FROM {images} GROUP BY image_error(c)");
        let aggregated = operators(&sql).await;
        for sql in [
            format!("SELECT image_error(c) FROM {images}"),
            format!("SELECT 1 FROM {images} WHERE image_error(c) IS NULL"),
            format!("SELECT c FROM {images} ORDER BY image_error(c)"),
            format!("SELECT classify_features([CAST(length(c) AS FLOAT)]) FROM {images}"),
        ] {
            let operators = operators(&sql).await;
            let apart: Vec<_> = operators
                .iter()
                .filter(|name| *name == DecodeExec::NAME)
                .collect();
            assert_eq!(apart.len(), 1, "{operators:?}");
        }
        let at = aggregated.iter().position(|name| name == DecodeExec::NAME);
        let below = &aggregated[at.unwrap() + 1];
        assert!(
            ["AggregateExec", "ProjectionExec"].contains(&below.as_str()),
            "{aggregated:?}"
        );
    }
}
