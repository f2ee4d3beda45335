//! A task is tried again when its error is at its root one of input and output, and no other.

use std::io;

use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::FailedTask;
use ballista_core::serde::protobuf::failed_task::FailedReason;
use datafusion::error::DataFusionError;
use object_store::Error as StoreError;
use pomona_images::ImagesError;

fn is_retryable(error: DataFusionError) -> bool {
    let failed = FailedTask::from(BallistaError::DataFusionError(Box::new(error)));
    failed.retryable && matches!(failed.failed_reason, Some(FailedReason::IoError(_)))
}

fn failed_get() -> StoreError {
    StoreError::Generic {
        store: "S3",
        source: "503 Slow Down".into(),
    }
}

#[test]
fn a_fault_of_a_store_is_retried_as_configured() {
    assert!(is_retryable(DataFusionError::IoError(io::Error::other(
        "gone"
    ))));
    assert!(!is_retryable(DataFusionError::ObjectStore(Box::new(
        failed_get()
    ))));
    assert!(!is_retryable(DataFusionError::External(
        "a bad image".into()
    )));

    let fetch = ImagesError::Fetch {
        path: "s3://bucket/a.jpg".to_string(),
        source: failed_get(),
    };
    assert!(is_retryable(fetch.into()));
}
