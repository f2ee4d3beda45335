//! The division of a listing among partitions.

use std::sync::Arc;

use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, collect_partitioned};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use pomona_images::{ImageScanConfig, ImageScanExec};

use crate::session::{create, session, store_with, table};

async fn scan(target_partitions: usize, sizes: &[usize]) -> (Arc<dyn ExecutionPlan>, String) {
    let store = store_with::<&str>([]).await;
    for (i, &size) in sizes.iter().enumerate() {
        let path = Path::from(format!("d/{}/{i:03}.jpg", i % 5));
        store.put(&path, vec![i as u8; size].into()).await.unwrap();
    }
    let ctx = session(store, target_partitions);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    let frame = ctx.sql("SELECT path, content FROM images").await.unwrap();
    let rows = "SELECT path, label, length, md5(content) AS digest FROM images ORDER BY path";
    (
        frame.create_physical_plan().await.unwrap(),
        table(&ctx, rows).await,
    )
}

#[tokio::test]
async fn results_do_not_depend_on_the_number_of_partitions() {
    let sizes: Vec<usize> = (0..50).map(|i| 10 + i * i % 97).collect();
    let (one, expected) = scan(1, &sizes).await;
    assert_eq!(one.output_partitioning().partition_count(), 1);
    for partitions in [3, 16] {
        let (plan, rows) = scan(partitions, &sizes).await;
        assert_eq!(plan.output_partitioning().partition_count(), partitions);
        assert_eq!(rows, expected);
    }
    let (plan, _) = scan(16, &[1, 2]).await;
    assert_eq!(plan.output_partitioning().partition_count(), 2);
}

#[tokio::test]
async fn partitions_have_about_the_same_bytes() {
    let sizes: Vec<usize> = (0..60).map(|i| 100 + i * 31 % 400).collect();
    let (plan, _) = scan(4, &sizes).await;
    let total: usize = sizes.iter().sum();
    for partition in 0..4 {
        let ctx = Arc::default();
        let batches: Vec<_> =
            futures::TryStreamExt::try_collect(plan.children()[0].execute(partition, ctx).unwrap())
                .await
                .unwrap();
        let bytes: i64 = batches
            .iter()
            .filter_map(|batch: &arrow::array::RecordBatch| {
                let lengths = batch.column_by_name("length").unwrap();
                arrow::compute::sum(arrow::array::AsArray::as_primitive::<
                    arrow::datatypes::Int64Type,
                >(lengths))
            })
            .sum();
        let mean = total as f64 / 4.0;
        assert!(
            (bytes as f64 - mean).abs() < 0.05 * mean,
            "{bytes} bytes, mean {mean}"
        );
    }
}

/// What a codec does: take the operator apart into input and configuration, and rebuild it.
#[tokio::test]
async fn the_operator_can_be_taken_apart_and_rebuilt() {
    let store = store_with(["d/1.jpg", "d/2.jpg"]).await;
    let ctx = session(store, 2);
    create(&ctx, "s3://bucket/d/", "").await.unwrap();
    let frame = ctx.sql("SELECT label, content FROM images").await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let scan = plan
        .downcast_ref::<ImageScanExec>()
        .expect("the scan is the whole plan");
    assert!(scan.input().is::<DataSourceExec>());

    let written = serde_json::to_string(scan.config()).unwrap();
    let config: ImageScanConfig = serde_json::from_str(&written).unwrap();
    assert_eq!(&config, scan.config());
    let rebuilt: Arc<dyn ExecutionPlan> =
        Arc::new(ImageScanExec::try_new(Arc::clone(scan.input()), config).unwrap());
    let expected = collect_partitioned(Arc::clone(&plan), ctx.task_ctx())
        .await
        .unwrap();
    let partitions = collect_partitioned(rebuilt, ctx.task_ctx()).await.unwrap();
    assert_eq!(partitions, expected);
    assert_eq!(partitions.len(), 2);
}
