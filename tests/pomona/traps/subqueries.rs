//! Ballista makes joins of uncorrelated scalar subqueries, which copy their value to every row.

use anyhow::Result;
use ballista_core::extension::SessionConfigExt;
use datafusion::physical_plan::displayable;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::engine::{cluster_session, query, shared_cluster};

const TABLES: [&str; 2] = [
    "CREATE TABLE a AS SELECT value AS x FROM generate_series(1, 100)",
    "CREATE TABLE b AS SELECT value AS y FROM generate_series(1, 3)",
];

const SCALAR: &str = "SELECT x + (SELECT max(y) FROM b) AS z FROM a";

async fn plan(ctx: &SessionContext) -> Result<String> {
    let plan = ctx.sql(SCALAR).await?.create_physical_plan().await?;
    Ok(displayable(plan.as_ref()).indent(false).to_string())
}

#[tokio::test]
async fn ballistas_options_make_a_join() -> Result<()> {
    let ctx = SessionContext::new_with_config(SessionConfig::new().upgrade_for_ballista());
    for table in TABLES {
        query(&ctx, table).await?;
    }
    assert!(plan(&ctx).await?.contains("Join"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_make_a_value() -> Result<()> {
    let cluster = shared_cluster()?;
    let ctx = cluster_session(&cluster, "")?;
    for table in TABLES {
        query(&ctx, table).await?;
    }
    let plan = plan(&ctx).await?;
    assert!(
        plan.contains("ClusterQueryExec") && plan.contains("+ 3"),
        "{plan}"
    );
    assert!(!plan.contains("Join"), "{plan}");
    Ok(())
}
