//! Plans that travel: they arrive as they were, and what is no plan is an error and no crash.

use std::sync::Arc;

use anyhow::Result;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::prelude::SessionContext;
use datafusion_proto::physical_plan::{AsExecutionPlan, PhysicalExtensionCodec};
use datafusion_proto::protobuf::PhysicalPlanNode;
use pomona_cluster::PomonaCodec;
use pomona_tests::images;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;

use crate::engine::{image_table, local_session, set};

/// A session with the table `images`, of two partitions.
pub async fn session() -> Result<(SessionContext, TempDir)> {
    let folder = tempfile::tempdir()?;
    images::write_folder(folder.path(), &["Apple", "Kiwi"], 4);
    let ctx = local_session("")?;
    set(&ctx, "datafusion.execution.target_partitions", "2")?;
    image_table(&ctx, folder.path()).await?;
    Ok((ctx, folder))
}

async fn plan(ctx: &SessionContext, sql: &str) -> Result<Arc<dyn ExecutionPlan>> {
    Ok(ctx.sql(sql).await?.create_physical_plan().await?)
}

fn encoded(plan: &Arc<dyn ExecutionPlan>) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    PhysicalPlanNode::try_from_physical_plan(Arc::clone(plan), &PomonaCodec::default())?
        .try_encode(&mut bytes)?;
    Ok(bytes)
}

fn decoded(ctx: &SessionContext, bytes: &[u8]) -> Result<Arc<dyn ExecutionPlan>> {
    let node = PhysicalPlanNode::try_decode(bytes)?;
    Ok(node.try_into_physical_plan(&ctx.task_ctx(), &PomonaCodec::default())?)
}

const QUERIES: [&str; 5] = [
    "SELECT path, content FROM images",
    "SELECT label, count(*) AS n, sum(length) AS bytes, count(content) FROM images WHERE length > 10 GROUP BY label",
    "SELECT path, image_info(content) FROM images ORDER BY path LIMIT 3",
    "SELECT pca_fit(try_mobilenet_v2(content), 2) FROM images",
    "SELECT try_read_image(path), read_error(path), read_image(path || '?') FROM images",
];

#[tokio::test]
async fn a_plan_arrives_as_it_was() -> Result<()> {
    let (ctx, _folder) = session().await?;
    for sql in QUERIES {
        let sent = plan(&ctx, sql).await?;
        let received = decoded(&ctx, &encoded(&sent)?)?;
        let text =
            |plan: &Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(true).to_string();
        assert_eq!(text(&received), text(&sent), "{sql}");
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_plan_is_an_error_and_no_crash() -> Result<()> {
    let (ctx, _folder) = session().await?;
    let mut plans = vec![];
    for sql in QUERIES {
        plans.push(encoded(&plan(&ctx, sql).await?)?);
    }
    let damage = (
        0..plans.len(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        any::<prop::sample::Index>(),
    );
    let mut runner = TestRunner::new(Config::with_cases(2000));
    runner.run(&damage, |(number, changes, end)| {
        let mut bytes = plans[number].clone();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(end.index(bytes.len()).max(bytes.len() / 2));
        // What decodes is a plan; what does not is an error. Neither is a panic.
        let _ = decoded(&ctx, &bytes);
        Ok(())
    })?;
    Ok(())
}

#[tokio::test]
async fn any_bytes_behind_the_mark_are_an_error() -> Result<()> {
    let (ctx, _folder) = session().await?;
    let listing = plan(&ctx, "SELECT path, length FROM images").await?;
    let codec = PomonaCodec::default();
    let converter = datafusion_proto::physical_plan::DefaultPhysicalProtoConverter {};
    let mut runner = TestRunner::new(Config::with_cases(2000));
    let strategy = (
        any::<bool>(),
        prop::collection::vec(any::<u8>(), 0..200),
        0..3_usize,
    );
    runner.run(&strategy, |(is_marked, body, inputs)| {
        let mut bytes = if is_marked {
            b"wPOMONA".to_vec()
        } else {
            vec![]
        };
        bytes.extend(body);
        let inputs = vec![Arc::clone(&listing); inputs];
        let decoded = codec.try_decode(&bytes, &inputs, &ctx.task_ctx(), &converter);
        if is_marked {
            let error = decoded
                .expect_err("random bytes are no operator")
                .to_string();
            prop_assert!(error.contains("a plan that cannot be read"), "{error}");
        }
        Ok(())
    })?;
    Ok(())
}
