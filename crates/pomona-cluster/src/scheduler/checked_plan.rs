//! [`CheckedPlan`]: a plan that came over the network, and is read within bounds.

use std::sync::Arc;

use bytes::BufMut;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion_proto::physical_plan::{
    AsExecutionPlan, DefaultPhysicalProtoConverter, PhysicalExtensionCodec,
    PhysicalPlanDecodeContext, PhysicalPlanNodeExt, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::physical_expr_node::ExprType;
use datafusion_proto::protobuf::{PhysicalExprNode, PhysicalPlanNode};

use crate::plan_depth::check_terms;

/// The encoding of a plan.
///
/// The levels of its messages are bounded by their decoder, at 100. A chain of operators such as
/// `a + b + c` is one level there and one a term in the plan, whose operators recurse over them.
#[derive(Debug, Clone)]
pub(crate) struct CheckedPlan(PhysicalPlanNode);

impl AsExecutionPlan for CheckedPlan {
    fn try_decode(buf: &[u8]) -> Result<Self> {
        PhysicalPlanNode::try_decode(buf).map(Self)
    }

    fn try_encode<B: BufMut>(&self, buf: &mut B) -> Result<()> {
        self.0.try_encode(buf)
    }

    fn try_into_physical_plan(
        &self,
        ctx: &TaskContext,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.0
            .try_into_physical_plan_with_converter(ctx, codec, &Checked)
    }

    fn try_from_physical_plan(
        plan: Arc<dyn ExecutionPlan>,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<Self> {
        PhysicalPlanNode::try_from_physical_plan(plan, codec).map(Self)
    }
}

/// DataFusion's reader, which looks at each expression before it makes it.
struct Checked;

impl PhysicalProtoConverterExtension for Checked {
    fn proto_to_execution_plan(
        &self,
        proto: &PhysicalPlanNode,
        ctx: &PhysicalPlanDecodeContext<'_>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.default_proto_to_execution_plan(proto, ctx)
    }

    fn execution_plan_to_proto(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<PhysicalPlanNode> {
        DefaultPhysicalProtoConverter {}.execution_plan_to_proto(plan, codec)
    }

    fn proto_to_physical_expr(
        &self,
        proto: &PhysicalExprNode,
        input_schema: &Schema,
        ctx: &PhysicalPlanDecodeContext<'_>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        if let Some(ExprType::BinaryExpr(chain)) = &proto.expr_type {
            check_terms(chain.operands.len())?;
        }
        self.default_proto_to_physical_expr(proto, input_schema, ctx)
    }

    fn physical_expr_to_proto(
        &self,
        expr: &Arc<dyn PhysicalExpr>,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<PhysicalExprNode> {
        DefaultPhysicalProtoConverter {}.physical_expr_to_proto(expr, codec)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;
    use datafusion_proto::protobuf::PhysicalBinaryExprNode;
    use datafusion_proto::protobuf::physical_plan_node::PhysicalPlanType;
    use pomona_session::{RuntimeOptions, session_context};

    use super::*;
    use crate::codec::PomonaCodec;
    use crate::plan_depth::MOST_TERMS;

    async fn encoded(ctx: &SessionContext) -> PhysicalPlanNode {
        let sql = "SELECT value + value + value AS s FROM generate_series(1, 3)";
        let plan = ctx.sql(sql).await.unwrap();
        let plan = plan.create_physical_plan().await.unwrap();
        PhysicalPlanNode::try_from_physical_plan(plan, &PomonaCodec::default()).unwrap()
    }

    /// The chain of the projection.
    fn chain(plan: &mut PhysicalPlanNode) -> &mut PhysicalBinaryExprNode {
        let Some(PhysicalPlanType::Projection(projection)) = &mut plan.physical_plan_type else {
            panic!("the plan begins with a projection");
        };
        match &mut projection.expr[0].expr_type {
            Some(ExprType::BinaryExpr(chain)) => chain,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_chain_of_too_many_terms_is_refused_before_it_is_made() {
        let ctx = session_context(RuntimeOptions::default()).unwrap();
        let mut plan = encoded(&ctx).await;
        let read = |plan: &PhysicalPlanNode| {
            let task = ctx.task_ctx();
            let plan = CheckedPlan(plan.clone());
            plan.try_into_physical_plan(&task, &PomonaCodec::default())
        };
        read(&plan).unwrap();
        let operands = &mut chain(&mut plan).operands;
        assert_eq!(operands.len(), 3);
        // It is not made: that would overflow the stack of this thread.
        *operands = vec![operands[0].clone(); 100_000];
        let error = read(&plan).unwrap_err().to_string();
        assert!(error.contains(&MOST_TERMS.to_string()), "{error}");
    }
}
