//! The options of COPY are lost in a logical plan, which is what Ballista's own client sends.

use std::fs;

use anyhow::Result;
use ballista_core::serde::BallistaLogicalExtensionCodec;
use datafusion::prelude::SessionContext;
use datafusion_proto::logical_plan::AsLogicalPlan;
use datafusion_proto::protobuf::LogicalPlanNode;

use crate::engine::{cluster_session, local_session, query, shared_cluster};

const COPY: &str = "COPY (SELECT 1 AS a, 2 AS b) TO '${folder}/' STORED AS CSV
    OPTIONS ('format.has_header' 'true', 'format.delimiter' ';')";

async fn written(ctx: &SessionContext, logical: bool) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let copy = COPY.replace("${folder}", &folder.path().display().to_string());
    if logical {
        let codec = BallistaLogicalExtensionCodec::default();
        let plan = ctx.sql(&copy).await?.into_parts().1;
        let node = LogicalPlanNode::try_from_logical_plan(&plan, &codec)?;
        let plan = node.try_into_logical_plan(&ctx.task_ctx(), &codec)?;
        ctx.execute_logical_plan(plan).await?.collect().await?;
    } else {
        query(ctx, &copy).await?;
    }
    let mut files = fs::read_dir(folder.path())?;
    let file = files.next().expect("COPY writes a file")?;
    Ok(fs::read_to_string(file.path())?)
}

#[tokio::test(flavor = "multi_thread")]
async fn options_arrive_with_a_physical_plan() -> Result<()> {
    let local = local_session("")?;
    assert_eq!(written(&local, false).await?, "a;b\n1;2\n");
    assert_ne!(written(&local, true).await?, "a;b\n1;2\n");
    let cluster = shared_cluster()?;
    let remote = cluster_session(&cluster, "")?;
    assert_eq!(written(&remote, false).await?, "a;b\n1;2\n");
    Ok(())
}
