//! A table of our own cannot leave the client in a logical plan, which is what Ballista's own client
//! sends. Ours sends the physical plan.

use anyhow::Result;
use ballista_core::serde::BallistaLogicalExtensionCodec;
use datafusion_proto::logical_plan::AsLogicalPlan;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use pomona_cluster::PomonaCodec;

use super::super::codec::session;

#[tokio::test]
async fn an_image_table_travels_as_a_physical_plan_alone() -> Result<()> {
    let (ctx, _folder) = session().await?;
    let frame = ctx.sql("SELECT path FROM images").await?;
    let codec = BallistaLogicalExtensionCodec::default();
    let logical = LogicalPlanNode::try_from_logical_plan(frame.logical_plan(), &codec);
    assert!(logical.is_err());
    let physical = frame.create_physical_plan().await?;
    assert!(PhysicalPlanNode::try_from_physical_plan(physical, &PomonaCodec::default()).is_ok());
    Ok(())
}
