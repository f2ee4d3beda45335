//! The connection to a scheduler.

use std::error::Error;
use std::time::{Duration, Instant};

use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::utils::{GrpcClientConfig, create_grpc_client_endpoint};
use tokio::time::sleep;
use tonic::transport::{Channel, Endpoint};

use super::location::Cluster;
use super::settings::MAX_MESSAGE_BYTES;
use crate::ClusterError;

/// A client of a scheduler's gRPC service.
pub(crate) type SchedulerClient = SchedulerGrpcClient<Channel>;

/// The time between two attempts to reach a scheduler.
const PAUSE: Duration = Duration::from_millis(250);

/// A request that takes longer has failed. A plan of the largest size takes seconds to read.
const REQUEST_SECONDS: u64 = 60;

/// Connects to the scheduler, and tries again for as long as `patience` lasts.
///
/// # Errors
/// [`ClusterError::SchedulerUnreachable`].
pub(crate) async fn connect(
    cluster: &Cluster,
    patience: Duration,
) -> Result<SchedulerClient, ClusterError> {
    let config = GrpcClientConfig {
        timeout_seconds: REQUEST_SECONDS,
        max_message_size: MAX_MESSAGE_BYTES as usize,
        ..GrpcClientConfig::default()
    };
    let start = Instant::now();
    loop {
        let connected = match endpoint(cluster, &config) {
            Ok(endpoint) => endpoint.connect().await.map_err(Into::into),
            Err(error) => Err(error),
        };
        match connected {
            Ok(channel) => {
                return Ok(SchedulerGrpcClient::new(channel)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES as usize)
                    .max_decoding_message_size(MAX_MESSAGE_BYTES as usize));
            }
            Err(error) if start.elapsed() >= patience => {
                return Err(ClusterError::SchedulerUnreachable {
                    scheduler: cluster.to_string(),
                    seconds: start.elapsed().as_secs(),
                    reason: innermost(error.as_ref()),
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

fn endpoint(
    cluster: &Cluster,
    config: &GrpcClientConfig,
) -> Result<Endpoint, Box<dyn Error + Send + Sync>> {
    let endpoint = create_grpc_client_endpoint(cluster.scheduler().http(), Some(config))?;
    match cluster.tls() {
        None => Ok(endpoint),
        Some(tls) => tls.endpoint(endpoint),
    }
}

/// The words of the cause, "connection refused", without the layers around it.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
