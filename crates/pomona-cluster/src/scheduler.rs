//! The scheduler's process: Ballista's, with Pomona's session.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::extension::SessionConfigExt;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::{create_scheduler, start_grpc_service_with_listener};
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tokio::net::TcpListener;

use super::settings::{MAX_MESSAGE_BYTES, NO_EXECUTORS_LIMIT, config_producer};
use super::tls::Tls;
use super::tls_front::serve;
use pomona_session::{RuntimeOptions, runtime_env, session_state};

use crate::ClusterError;

/// What a scheduler is started with.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// The address to listen on.
    pub bind_host: String,
    /// The port for gRPC and REST; 0 takes a free one.
    pub bind_port: u16,
    /// The name by which executors reach this scheduler.
    pub external_host: String,
    /// An executor that was not heard of for so long is lost, and its tasks run elsewhere. Longer
    /// than an executor's heartbeat interval.
    pub executor_timeout_seconds: u64,
    /// How often lost executors are looked for.
    pub expire_dead_executor_interval_seconds: u64,
    /// The certificates of a cluster whose processes prove who they are.
    pub tls: Option<Tls>,
}

/// Runs a scheduler until its process ends. `on_ready` is called with the address once it listens.
///
/// # Errors
/// When the address cannot be had, or the service fails.
pub async fn run_scheduler(
    options: SchedulerOptions,
    on_ready: impl FnOnce(SocketAddr),
) -> Result<(), ClusterError> {
    let failed = |reason: String| ClusterError::Role {
        role: "scheduler",
        reason,
    };
    let bind = |error: std::io::Error| ClusterError::Bind {
        role: "scheduler",
        address: format!("{}:{}", options.bind_host, options.bind_port),
        reason: error.to_string(),
    };
    let listener = TcpListener::bind((options.bind_host.as_str(), options.bind_port))
        .await
        .map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;

    let config_producer =
        config_producer(options.tls.clone()).map_err(|error| failed(error.to_string()))?;
    let physical_codec = config_producer().ballista_physical_extension_codec();
    let runtime =
        runtime_env(RuntimeOptions::default()).map_err(|error| failed(error.to_string()))?;
    let session_builder =
        Arc::new(move |config: SessionConfig| session_state(config, Arc::clone(&runtime)));
    let config = SchedulerConfig {
        external_host: options.external_host,
        bind_host: options.bind_host.clone(),
        bind_port: address.port(),
        scheduling_policy: TaskSchedulingPolicy::PushStaged,
        executor_timeout_seconds: options.executor_timeout_seconds,
        no_executors_grace_period_seconds: NO_EXECUTORS_LIMIT.as_secs(),
        expire_dead_executor_interval_seconds: options.expire_dead_executor_interval_seconds,
        grpc_server_max_decoding_message_size: MAX_MESSAGE_BYTES,
        grpc_server_max_encoding_message_size: MAX_MESSAGE_BYTES,
        grpc_client_max_message_size: MAX_MESSAGE_BYTES,
        override_physical_codec: Some(physical_codec),
        override_session_builder: Some(Arc::clone(&session_builder) as _),
        override_config_producer: Some(Arc::clone(&config_producer)),
        use_tls: options.tls.is_some(),
        override_create_grpc_client_endpoint: options.tls.as_ref().map(Tls::endpoint_override),
        ..SchedulerConfig::default()
    };
    config
        .validate()
        .map_err(|error| failed(error.to_string()))?;
    let cluster = BallistaCluster::new_memory(
        config.scheduler_id.clone(),
        session_builder,
        config_producer,
    );
    let server = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(config))
        .await
        .map_err(|error| failed(error.to_string()))?;
    // With TLS, the service itself is for this machine alone.
    let listener = match &options.tls {
        None => listener,
        Some(tls) => {
            let inner = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .map_err(bind)?;
            let inner_address = inner.local_addr().map_err(bind)?;
            let acceptor = tls.acceptor().map_err(|error| failed(error.to_string()))?;
            tokio::spawn(serve(listener, acceptor, inner_address));
            inner
        }
    };
    on_ready(address);
    start_grpc_service_with_listener(listener, server)
        .await
        .map_err(|error| failed(error.to_string()))
}
