//! The scheduler divides ranges of keys as it divides rows in memory, and a plan with them stays small.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use ballista_scheduler::state::task_builder::restrict_plan_to_partitions;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, collect, displayable};
use datafusion::prelude::SessionContext;
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use pomona_cluster::PomonaCodec;
use pomona_images::{ListRangesExec, ListWhilePlanning};
use pomona_session::{RuntimeOptions, runtime_env, session_config, session_state};
use url::Url;

use super::invented::InventedStore;
use crate::engine::{query, set};

/// A session whose plans travel, with a bucket of so many objects of a byte in a thousand folders.
async fn session(objects: usize) -> Result<SessionContext> {
    let store = Arc::new(InMemory::new());
    for number in 0..objects {
        let key = format!("Training/class {:04}/{number:07}.jpg", number % 1_000);
        store.put(&Path::from(key), "x".into()).await?;
    }
    let config = session_config()?.with_extension(Arc::new(ListWhilePlanning));
    let state = session_state(config, runtime_env(RuntimeOptions::default())?)?;
    let ctx = SessionContext::new_with_state(state);
    set(&ctx, "datafusion.execution.target_partitions", "16")?;
    let store: Arc<dyn ObjectStore> = store;
    ctx.register_object_store(&Url::parse("s3://photos")?, store);
    let table = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 's3://photos/Training'";
    query(&ctx, table).await?;
    Ok(ctx)
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

fn text(plan: &Arc<dyn ExecutionPlan>) -> String {
    displayable(plan.as_ref()).indent(true).to_string()
}

#[tokio::test]
async fn each_task_lists_its_own_keys() -> Result<()> {
    let ctx = session(20_000).await?;
    for (sql, expected) in [
        ("SELECT path, content FROM images", 20_000),
        ("SELECT path FROM images WHERE label > 'class 0099'", 18_000),
    ] {
        let sent = plan(&ctx, sql).await?;
        assert!(
            text(&sent).contains(ListRangesExec::NAME),
            "{}",
            text(&sent)
        );
        let bytes = encoded(&sent)?;
        let node = PhysicalPlanNode::try_decode(&bytes)?;
        let received = node.try_into_physical_plan(&ctx.task_ctx(), &PomonaCodec::default())?;
        assert_eq!(text(&received), text(&sent));
        let partitions = received.output_partitioning().partition_count();
        assert_eq!(partitions, 16);
        let mut total = 0;
        for partition in 0..partitions {
            let task = restrict_plan_to_partitions(Arc::clone(&received), &[partition])?;
            assert_eq!(task.output_partitioning().partition_count(), 1);
            let rows = collect(task, ctx.task_ctx()).await?;
            total += rows.iter().map(|batch| batch.num_rows()).sum::<usize>();
        }
        assert_eq!(total, expected, "{sql}");
    }
    Ok(())
}

/// The same with a bucket that invents its objects, a thousand in a folder.
async fn invented(objects: usize) -> Result<(SessionContext, InventedStore)> {
    let config = session_config()?.with_extension(Arc::new(ListWhilePlanning));
    let state = session_state(config, runtime_env(RuntimeOptions::default())?)?;
    let ctx = SessionContext::new_with_state(state);
    set(&ctx, "datafusion.execution.target_partitions", "16")?;
    let store = InventedStore::new(objects / 1_000, 1_000, Duration::ZERO);
    let registered: Arc<dyn ObjectStore> = Arc::new(store.clone());
    ctx.register_object_store(&Url::parse("s3://photographs")?, registered);
    let table = "CREATE EXTERNAL TABLE images STORED AS IMAGES LOCATION 's3://photographs/d'";
    query(&ctx, table).await?;
    Ok((ctx, store))
}

#[tokio::test]
async fn a_plan_with_ranges_is_small() -> Result<()> {
    let objects = match std::env::var("POMONA_TEST_KEYS") {
        Ok(objects) => objects.parse()?,
        Err(_) => 200_000,
    };
    for objects in [20_000, objects] {
        let (ctx, store) = invented(objects).await?;
        let (mut sizes, mut lists) = (vec![], vec![]);
        // What a limit leaves travels as rows.
        for sql in [
            format!("SELECT path, content FROM images LIMIT {objects}"),
            "SELECT path, content FROM images".to_owned(),
        ] {
            let (begin, before) = (Instant::now(), store.pages());
            let plan = plan(&ctx, &sql).await?;
            let bytes = encoded(&plan)?.len();
            let asked = store.pages() - before;
            println!(
                "{objects} objects, {sql}: {bytes} bytes, {asked} LIST requests, {:?}",
                begin.elapsed()
            );
            sizes.push(bytes);
            lists.push(asked);
        }
        assert!(sizes[0] > 50 * objects, "{sizes:?}");
        assert!(sizes[1] < 16_000, "{sizes:?}");
        // All of a listing that is no longer than some pages, and some of any other.
        assert!(lists[1] <= 250.min(lists[0] + 40), "{lists:?}");
    }
    Ok(())
}
