//! How deep a plan may be that goes to a cluster.
//!
//! Two things are bounded. Operators and expressions inside one another are messages inside one
//! another, of which protobuf's decoder reads 100 levels. A chain such as `a + b + c` is one message,
//! and one level of recursion a term wherever the plan is rewritten, printed, run or dropped.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::physical_plan::expressions::BinaryExpr;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion_proto::physical_plan::{AsExecutionPlan, PhysicalExtensionCodec};
use datafusion_proto::protobuf::physical_plan_node::PhysicalPlanType;
use datafusion_proto::protobuf::{PhysicalExtensionNode, PhysicalPlanNode};

use crate::ClusterError;

/// Terms of a chain. The stacks of Pomona's threads (128 MB) carry several times as many.
pub(crate) const MOST_TERMS: usize = 5_000;

/// A plan of so few levels has room for whatever else is in its messages.
const ALWAYS_READ: usize = 20;

/// # Errors
/// [`ClusterError::TooManyTerms`].
pub(crate) fn check_terms(terms: usize) -> Result<(), ClusterError> {
    if terms > MOST_TERMS {
        return Err(ClusterError::TooManyTerms {
            terms,
            most: MOST_TERMS,
        });
    }
    Ok(())
}

/// Checks that executors can read and run a plan.
///
/// # Errors
/// [`ClusterError::TooManyTerms`] and [`ClusterError::TooDeep`].
pub(crate) fn check_plan(plan: &Arc<dyn ExecutionPlan>) -> Result<()> {
    levels(plan).map(drop)
}

/// The encoding of a plan that executors can read and run.
///
/// # Errors
/// As [`check_plan`], and when an operator cannot be encoded.
pub(crate) fn encode(
    plan: &Arc<dyn ExecutionPlan>,
    codec: &dyn PhysicalExtensionCodec,
) -> Result<Vec<u8>> {
    let levels = levels(plan)?;
    let encoded = PhysicalPlanNode::try_from_physical_plan(Arc::clone(plan), codec)?;
    if levels > ALWAYS_READ {
        check_levels(levels, encoded.clone())?;
    }
    let mut bytes = vec![];
    encoded.try_encode(&mut bytes)?;
    Ok(bytes)
}

/// Checks that the decoder of protobuf reads a plan, also below the operator that a stage puts above
/// it.
fn check_levels(levels: usize, encoded: PhysicalPlanNode) -> Result<()> {
    let writer = PhysicalExtensionNode {
        node: vec![],
        inputs: vec![encoded],
    };
    let stage = PhysicalPlanNode {
        physical_plan_type: Some(PhysicalPlanType::Extension(writer)),
    };
    let mut bytes = vec![];
    stage.try_encode(&mut bytes)?;
    match PhysicalPlanNode::try_decode(&bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(ClusterError::TooDeep { levels }.into()),
    }
}

/// Operators and expressions on the longest way down. Without recursion, which is what is to be
/// avoided.
fn levels(plan: &Arc<dyn ExecutionPlan>) -> Result<usize> {
    let mut deepest = 0;
    let mut left = vec![(Arc::clone(plan), 1)];
    while let Some((operator, level)) = left.pop() {
        deepest = deepest.max(level);
        let mut expressions = vec![];
        operator.apply_expressions(&mut |expression| {
            expressions.push((Arc::clone(expression), level + 1));
            Ok(TreeNodeRecursion::Continue)
        })?;
        while let Some((expression, level)) = expressions.pop() {
            deepest = deepest.max(level);
            let inner = operands(&expression);
            check_terms(inner.len())?;
            expressions.extend(inner.into_iter().map(|inner| (inner, level + 1)));
        }
        let inputs = operator.children().into_iter().map(Arc::clone);
        left.extend(inputs.map(|input| (input, level + 1)));
    }
    Ok(deepest)
}

/// What an expression's message holds: its arguments, and the terms of a chain of one operator.
fn operands(expression: &Arc<dyn PhysicalExpr>) -> Vec<Arc<dyn PhysicalExpr>> {
    let Some(mut chain) = expression.downcast_ref::<BinaryExpr>() else {
        return expression.children().into_iter().map(Arc::clone).collect();
    };
    let operator = *chain.op();
    let mut terms = vec![Arc::clone(chain.right())];
    while let Some(inner) = chain.left().downcast_ref::<BinaryExpr>()
        && *inner.op() == operator
    {
        terms.push(Arc::clone(inner.right()));
        chain = inner;
    }
    terms.push(Arc::clone(chain.left()));
    terms
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::logical_expr::Operator;
    use datafusion::physical_plan::empty::EmptyExec;
    use datafusion::physical_plan::expressions::{NotExpr, col};
    use datafusion::physical_plan::filter::FilterExec;

    use super::*;
    use crate::codec::PomonaCodec;

    fn source() -> Arc<dyn ExecutionPlan> {
        let schema = Schema::new(vec![Field::new("a", DataType::Boolean, true)]);
        Arc::new(EmptyExec::new(Arc::new(schema)))
    }

    fn filtered(predicate: Arc<dyn PhysicalExpr>) -> Arc<dyn ExecutionPlan> {
        Arc::new(FilterExec::try_new(predicate, source()).unwrap())
    }

    fn column() -> Arc<dyn PhysicalExpr> {
        col("a", &source().schema()).unwrap()
    }

    /// `a OR a OR …`
    fn chain(terms: usize) -> Arc<dyn PhysicalExpr> {
        (1..terms).fold(column(), |left, _| {
            Arc::new(BinaryExpr::new(left, Operator::Or, column()))
        })
    }

    fn check(plan: &Arc<dyn ExecutionPlan>) -> Result<()> {
        encode(plan, &PomonaCodec::default()).map(drop)
    }

    #[test]
    fn a_chain_is_one_level_of_so_many_terms() {
        let checked = || {
            let plan = filtered(chain(MOST_TERMS));
            assert_eq!(levels(&plan).unwrap(), 3);
            check(&plan).unwrap();
            let error = check_plan(&filtered(chain(MOST_TERMS + 1))).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("5001 terms") && text.contains("IN ("),
                "{text}"
            );
        };
        // As the threads of all roles have it: dropping a chain recurses, too.
        let thread = std::thread::Builder::new().stack_size(128 << 20);
        thread.spawn(checked).unwrap().join().unwrap();
    }

    /// What a decoder reads is known from it, not from our count.
    #[test]
    fn a_plan_that_a_decoder_reads_passes_and_the_next_level_does_not() {
        let nested = |levels: usize| {
            let predicate = (0..levels).fold(column(), |inner, _| {
                Arc::new(NotExpr::new(inner)) as Arc<dyn PhysicalExpr>
            });
            filtered(predicate)
        };
        let is_read = |levels: usize| {
            let codec = PomonaCodec::default();
            let plan = nested(levels);
            let encoded = PhysicalPlanNode::try_from_physical_plan(plan, &codec).unwrap();
            let mut bytes = vec![];
            encoded.try_encode(&mut bytes).unwrap();
            PhysicalPlanNode::try_decode(&bytes).is_ok()
        };
        let deepest = (1..100).take_while(|levels| is_read(*levels)).count();
        assert!((30..60).contains(&deepest), "{deepest}");
        // A stage needs one level of ours for its own operator.
        check(&nested(deepest - 1)).unwrap();
        let error = check(&nested(deepest)).unwrap_err().to_string();
        assert!(error.contains("CREATE TABLE"), "{error}");
    }
}
