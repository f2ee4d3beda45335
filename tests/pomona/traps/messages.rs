//! Messages above 16 MiB are refused in five places, and the job hangs.

use anyhow::Result;
use ballista_core::extension::SessionConfigExt;
use ballista_core::utils::GrpcClientConfig;
use ballista_executor::executor_process::ExecutorProcessConfig;
use ballista_scheduler::config::SchedulerConfig;
use datafusion::prelude::SessionConfig;
use pomona_cluster::{Cluster, SchedulerAddress, cluster_context};
use pomona_session::RuntimeOptions;

const BALLISTAS: usize = 16 << 20;

#[test]
fn ballistas_limits_are_small() {
    let (scheduler, executor) = (SchedulerConfig::default(), ExecutorProcessConfig::default());
    let limits = [
        scheduler.grpc_server_max_decoding_message_size,
        scheduler.grpc_server_max_encoding_message_size,
        scheduler.grpc_client_max_message_size,
        executor.grpc_max_decoding_message_size,
        executor.grpc_max_encoding_message_size,
    ];
    assert_eq!(limits.map(|limit| limit as usize), [BALLISTAS; 5]);
    assert_eq!(GrpcClientConfig::default().max_message_size, BALLISTAS);
    let session = SessionConfig::new_with_ballista();
    assert_eq!(session.ballista_grpc_client_max_message_size(), BALLISTAS);
}

/// `cluster::counts` sends a plan of 24 MB through all of ours.
#[test]
fn a_session_of_ours_takes_sixteen_times_as_much() -> Result<()> {
    let nowhere = Cluster::new(SchedulerAddress::new("127.0.0.1", 1), None);
    let ours = cluster_context(RuntimeOptions::default(), nowhere)?;
    let limit = ours
        .state()
        .config()
        .ballista_grpc_client_max_message_size();
    assert_eq!(limit, 16 * BALLISTAS);
    Ok(())
}
