//! A series loses its projection on the way to an executor, and its rows do not fit its schema there.

use std::sync::Arc;

use anyhow::Result;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;

use crate::engine::{cluster_session, local_session, query, shared_cluster};

/// The series below the aggregate of these has no column.
const QUERIES: [(&str, i64); 3] = [
    (
        "SELECT count(*) FROM generate_series(1, 5000) a CROSS JOIN generate_series(1, 3) b",
        15_000,
    ),
    (
        "SELECT sum(a.value) FROM generate_series(1, 10) a CROSS JOIN generate_series(1, 3) b",
        165,
    ),
    (
        "SELECT count(a.value) FROM generate_series(1, 10) a CROSS JOIN generate_series(3, 1) b",
        0,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_series_without_columns_are_counted() -> Result<()> {
    let local = local_session("")?;
    let plan = local
        .sql(QUERIES[0].0)
        .await?
        .create_physical_plan()
        .await?;
    let codec = BallistaPhysicalExtensionCodec::default();
    let node = PhysicalPlanNode::try_from_physical_plan(Arc::clone(&plan), &codec)?;
    let arrived = node.try_into_physical_plan(&local.task_ctx(), &codec);
    let lost = match arrived {
        Ok(plan) => datafusion::physical_plan::collect(plan, local.task_ctx())
            .await
            .is_err(),
        Err(_) => true,
    };
    assert!(lost, "the projection of a series travels now");

    let cluster = shared_cluster()?;
    let remote = cluster_session(&cluster, "")?;
    for (sql, expected) in QUERIES {
        for ctx in [&local, &remote] {
            let batches = query(ctx, sql).await?;
            let answer = batches[0].column(0).as_primitive::<Int64Type>().value(0);
            assert_eq!(answer, expected, "{sql}");
        }
    }
    Ok(())
}
