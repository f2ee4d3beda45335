//! Fetches the rows of a finished job from the executors that hold them.

use ballista_core::client::BallistaClient;
use ballista_core::error::BallistaError;
use ballista_core::serde::protobuf::PartitionLocation;
use datafusion::execution::SendableRecordBatchStream;

use super::location::Cluster;
use super::settings::MAX_MESSAGE_BYTES;

/// Attempts for one partition, and the milliseconds between them.
const ATTEMPTS: u8 = 3;
const PAUSE_MILLISECONDS: u64 = 500;

/// The rows of one partition of a job's result.
///
/// # Errors
/// When the executor does not have them any more, or is gone.
pub(crate) async fn fetch(
    location: PartitionLocation,
    cluster: &Cluster,
) -> Result<SendableRecordBatchStream, BallistaError> {
    let layout = location.layout();
    let (Some(executor), Some(partition)) = (location.executor_meta, location.partition_id) else {
        let reason = "the scheduler does not say where the rows are";
        return Err(BallistaError::General(reason.to_string()));
    };
    let port = u16::try_from(executor.port).map_err(|_| {
        BallistaError::General(format!("an executor has the port {}", executor.port))
    })?;
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
    .await?;
    client
        .fetch_partition(
            &executor.id,
            &partition.into(),
            location.file_id,
            layout,
            true,
        )
        .await
}
