//! Fetches the rows of a finished job from the executors that hold them.

use ballista_core::client::BallistaClient;
use ballista_core::serde::protobuf::PartitionLocation;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;

use super::location::Cluster;
use super::settings::MAX_MESSAGE_BYTES;
use crate::SessionError;

/// Attempts for one partition, and the milliseconds between them.
const ATTEMPTS: u8 = 3;
const PAUSE_MILLISECONDS: u64 = 500;

/// The rows of one partition of a job's result.
///
/// # Errors
/// [`SessionError::ResultLost`] when the executor does not have them any more, or is gone.
pub(crate) async fn fetch(
    location: PartitionLocation,
    cluster: &Cluster,
) -> Result<SendableRecordBatchStream> {
    let lost = |reason: String| SessionError::ResultLost { reason };
    let layout = location.layout();
    let (Some(executor), Some(partition)) = (location.executor_meta, location.partition_id) else {
        return Err(lost("the scheduler does not tell where the rows are".to_string()).into());
    };
    let port = u16::try_from(executor.port)
        .map_err(|_| lost(format!("an executor has the port {}", executor.port)))?;
    let mut client = BallistaClient::try_new(
        &executor.host,
        port,
        MAX_MESSAGE_BYTES as usize,
        cluster.tls().is_some(),
        cluster.endpoint_override(),
        ATTEMPTS,
        PAUSE_MILLISECONDS,
        0,
        0,
    )
    .await
    .map_err(|error| lost(error.to_string()))?;
    let rows = client
        .fetch_partition(
            &executor.id,
            &partition.into(),
            location.file_id,
            layout,
            true,
        )
        .await
        .map_err(|error| lost(error.to_string()))?;
    Ok(rows)
}
