//! Ballista's codec does not know Pomona's operators.

use std::sync::Arc;

use anyhow::Result;
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use pomona_cluster::PomonaCodec;

use super::super::codec::session;

#[tokio::test]
async fn only_our_codec_writes_our_operators() -> Result<()> {
    let (ctx, _folder) = session().await?;
    let sql = "SELECT path, content FROM images";
    let plan = ctx.sql(sql).await?.create_physical_plan().await?;
    let ballistas = BallistaPhysicalExtensionCodec::default();
    assert!(PhysicalPlanNode::try_from_physical_plan(Arc::clone(&plan), &ballistas).is_err());
    assert!(PhysicalPlanNode::try_from_physical_plan(plan, &PomonaCodec::default()).is_ok());
    Ok(())
}
