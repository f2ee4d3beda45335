//! What a client of another kind sends to a scheduler is answered, and ends no process.

use anyhow::Result;
use ballista_core::serde::protobuf::ExecuteQueryParams;
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::execute_query_result::Result::Failure;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::version::insert_version_header;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::physical_expr_node::ExprType;
use datafusion_proto::protobuf::physical_plan_node::PhysicalPlanType;
use datafusion_proto::protobuf::{PhysicalExprNode, PhysicalNot, PhysicalPlanNode};
use pomona_cluster::PomonaCodec;
use pomona_tests::cluster::{Cluster, ClusterOptions};
use tonic::Request;

use crate::engine::{cluster_session, local_session, query};

/// The plan of a projection, whose expression is changed.
async fn projected(change: impl FnOnce(&mut PhysicalExprNode)) -> Result<Vec<u8>> {
    let ctx = local_session("")?;
    let sql = "SELECT value > 1 OR value > 2 OR value > 3 AS b FROM generate_series(1, 3)";
    let plan = ctx.sql(sql).await?.create_physical_plan().await?;
    let codec = PomonaCodec::default();
    let mut plan = PhysicalPlanNode::try_from_physical_plan(plan, &codec)?;
    let Some(PhysicalPlanType::Projection(projection)) = &mut plan.physical_plan_type else {
        panic!("the plan begins with a projection");
    };
    change(&mut projection.expr[0]);
    let mut bytes = vec![];
    plan.try_encode(&mut bytes)?;
    Ok(bytes)
}

/// `… OR a OR a OR a`
fn long(expression: &mut PhysicalExprNode) {
    let Some(ExprType::BinaryExpr(chain)) = &mut expression.expr_type else {
        panic!("the expression is a chain");
    };
    chain.operands = vec![chain.operands[0].clone(); 50_000];
}

/// `NOT NOT NOT …`
fn nested(expression: &mut PhysicalExprNode) {
    for _ in 0..60 {
        let inner = std::mem::take(expression);
        expression.expr_type = Some(ExprType::NotExpr(Box::new(PhysicalNot {
            expr: Some(Box::new(inner)),
        })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_of_all_kinds_are_refused_with_the_reason() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::new())?;
    let http = cluster.url().replace("df://", "http://");
    let mut client = SchedulerGrpcClient::connect(http).await?;
    let params = |query| {
        let mut request = Request::new(ExecuteQueryParams {
            query: Some(query),
            ..ExecuteQueryParams::default()
        });
        insert_version_header(request.metadata_mut());
        request
    };
    let logical = client
        .execute_query(params(Query::LogicalPlan(vec![])))
        .await;
    let error = logical.expect_err("a logical plan is refused").to_string();
    assert!(error.contains("runs physical plans"), "{error}");
    for (plan, expected) in [
        (projected(long).await?, "50000 terms"),
        (projected(nested).await?, "RecursionLimitReached"),
        (b"no plan".to_vec(), "failed to decode"),
    ] {
        let answer = client
            .execute_query(params(Query::PhysicalPlan(plan)))
            .await?;
        let Some(Failure(failure)) = answer.into_inner().result else {
            panic!("a plan is taken that should be refused: {expected}");
        };
        let error = format!("{failure:?}");
        assert!(error.contains(expected), "{error}");
    }
    assert!(cluster.jobs()?.is_empty());
    let ctx = cluster_session(&cluster, "")?;
    assert_eq!(query(&ctx, "SELECT 1").await?.len(), 1);
    Ok(())
}
