//! Objects that vanish, are forbidden, or cannot be read.

use std::error::Error;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use pomona_images::ImagesError;

use crate::probe::{Fault, ProbeStore};
use crate::session::{create, run, session, store_with, table};

async fn with_fault(fault: Fault, options: &str) -> SessionContext {
    let inner = store_with((0..5).map(|i| format!("d/{i}.jpg"))).await;
    let ctx = session(
        Arc::new(ProbeStore::new(inner).with_fault("d/3.jpg", fault)),
        2,
    );
    create(&ctx, "s3://bucket/d/", options).await.unwrap();
    ctx
}

const SQL: &str = "SELECT path, content IS NULL AS missing FROM images ORDER BY path";

/// The typed error below whatever DataFusion wrapped around it.
fn images_error(error: &DataFusionError) -> &ImagesError {
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        if let Some(found) = cause.downcast_ref::<ImagesError>() {
            return found;
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && let Some(found) = io.get_ref().and_then(|e| e.downcast_ref::<ImagesError>())
        {
            return found;
        }
        cause = cause
            .source()
            .unwrap_or_else(|| panic!("no ImagesError in {error:?}"));
    }
}

#[tokio::test]
async fn an_unreadable_object_is_an_error_that_names_it() {
    for fault in [Fault::Vanished, Fault::Forbidden] {
        let ctx = with_fault(fault, "").await;
        let error = run(&ctx, SQL).await.unwrap_err();
        assert!(error.to_string().contains("s3://bucket/d/3.jpg"), "{error}");
        assert!(
            matches!(error.find_root(), DataFusionError::External(_)),
            "{error:?}"
        );
        match (fault, images_error(&error)) {
            (Fault::Vanished, ImagesError::Vanished { .. }) => {}
            (Fault::Forbidden, ImagesError::Forbidden { .. }) => {}
            (_, other) => panic!("{fault:?} became {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_unreadable_object_is_null_where_that_is_asked_for() {
    for fault in [Fault::Vanished, Fault::Forbidden] {
        let ctx = with_fault(fault, "OPTIONS (missing 'null')").await;
        let rows = table(&ctx, SQL).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(rows, @r"
            +---------------------+---------+
            | path                | missing |
            +---------------------+---------+
            | s3://bucket/d/0.jpg | false   |
            | s3://bucket/d/1.jpg | false   |
            | s3://bucket/d/2.jpg | false   |
            | s3://bucket/d/3.jpg | true    |
            | s3://bucket/d/4.jpg | false   |
            +---------------------+---------+
            ");
        }
        let text = table(&ctx, &format!("EXPLAIN ANALYZE {SQL}")).await;
        assert!(text.contains("objects_missing=1"), "{text}");
    }
}

#[tokio::test]
async fn a_fault_of_the_storage_is_never_null_and_can_be_retried() {
    for options in ["", "OPTIONS (missing 'null')"] {
        let ctx = with_fault(Fault::Broken, options).await;
        let error = run(&ctx, SQL).await.unwrap_err();
        assert!(
            matches!(error.find_root(), DataFusionError::IoError(_)),
            "{error:?}"
        );
        assert!(
            matches!(images_error(&error), ImagesError::Fetch { .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains("s3://bucket/d/3.jpg") && text.contains("connection reset"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_panic_does_not_end_the_rows_early() {
    let ctx = with_fault(Fault::Panic, "").await;
    let query = tokio::spawn(async move { run(&ctx, SQL).await });
    match query.await {
        Err(stopped) => assert!(stopped.is_panic()),
        Ok(result) => assert!(result.is_err(), "{result:?}"),
    }
}

#[tokio::test]
async fn a_file_that_is_deleted_after_planning_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..3 {
        std::fs::write(dir.path().join(format!("{i}.png")), "x").unwrap();
    }
    for (options, fails) in [("", true), ("OPTIONS (missing 'null')", false)] {
        let ctx = session(store_with::<&str>([]).await, 1);
        create(&ctx, dir.path().to_str().unwrap(), options)
            .await
            .unwrap();
        let planned = ctx
            .sql(SQL)
            .await
            .unwrap()
            .create_physical_plan()
            .await
            .unwrap();
        std::fs::remove_file(dir.path().join("1.png")).unwrap();
        let result = datafusion::physical_plan::collect(planned, ctx.task_ctx()).await;
        assert_eq!(result.is_err(), fails, "{result:?}");
        // The listing of the next scan no longer has it.
        let rows = run(&ctx, SQL).await.unwrap();
        assert_eq!(rows.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
        std::fs::write(dir.path().join("1.png"), "x").unwrap();
    }
}
