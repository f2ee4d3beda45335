//! A cluster inside this process: Ballista's scheduler and one executor, on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;
use std::{fmt, fs, io};

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::serde::{BallistaCodec, BallistaLogicalExtensionCodec};
use ballista_core::utils::{GrpcServerConfig, create_grpc_server};
use ballista_executor::executor::Executor;
use ballista_executor::executor_process::{ExecutorProcessConfig, structure_executor_metadata};
use ballista_executor::executor_server;
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::health::ExecutorHealth;
use ballista_executor::metrics::LoggingMetricsCollector;
use ballista_executor::shutdown::ShutdownNotifier;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tonic::transport::server::TcpIncoming;

use super::address::SchedulerAddress;
use super::cancellation::Live;
use super::connection::connect;
use super::executor::Parts;
use super::job::PATIENCE;
use super::location::Cluster;
use super::scheduler::{SchedulerOptions, run_scheduler};
use super::settings::MAX_MESSAGE_BYTES;
use crate::ClusterError;

/// The role that an error names.
const ROLE: &str = "standalone cluster";

/// How often the executor says that it lives, and when it is lost: while the process lives, never.
const HEARTBEAT_SECONDS: u64 = 60;
const EXECUTOR_TIMEOUT_SECONDS: u64 = 3600;

/// How often the folder is removed at the end, and how long a task is waited for in between: a second in all.
const REMOVALS: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// A scheduler and an executor in this process; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Standalone {
    _services: JoinSet<()>,
    /// Closed by the drop, which the executor's own tasks wait for.
    _shutdown: broadcast::Sender<()>,
    /// What the stages of queries hand on.
    _work_dir: WorkDir,
    /// Dropped after the folder is gone.
    _live: Live,
}

/// The folder of an executor, which goes with it.
struct WorkDir {
    work_dir: TempDir,
    tasks: Tasks,
}

/// The tasks of an executor.
struct Tasks {
    executor: Arc<Executor>,
    is_over: Arc<AtomicBool>,
}

impl fmt::Debug for WorkDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.work_dir.fmt(f)
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        let path = self.work_dir.path();
        // Of a query that is interrupted a task may be on its way here, or be making a file at this moment.
        self.tasks.is_over.store(true, Ordering::SeqCst);
        for _ in 0..REMOVALS {
            let _ = fs::remove_dir_all(path);
            if self.tasks.executor.active_task_count() == 0 && !path.exists() {
                return;
            }
            sleep(PAUSE);
        }
    }
}

impl Cluster {
    /// Starts a scheduler and an executor of `slots` tasks in this process: the same plans, codecs
    /// and messages as on a cluster of many machines, and nothing to start before or to end after.
    /// Both listen on loopback alone, on free ports, and end with the last clone of the cluster.
    ///
    /// # Errors
    /// When a port cannot be had, or the folder for results between stages cannot be made.
    pub async fn standalone(slots: usize) -> Result<Self, ClusterError> {
        let mut services = JoinSet::new();
        let address = start_scheduler(&mut services).await?;
        let cluster = Self::new(
            SchedulerAddress::new(address.ip().to_string(), address.port()),
            None,
        );
        let work_dir = tempfile::tempdir().map_err(failed)?;
        let (tasks, shutdown) = start_executor(&cluster, slots, &work_dir, &mut services).await?;
        Ok(cluster.kept_by(Standalone {
            _services: services,
            _shutdown: shutdown,
            _work_dir: WorkDir { work_dir, tasks },
            _live: Live::new(),
        }))
    }
}

async fn start_scheduler(services: &mut JoinSet<()>) -> Result<SocketAddr, ClusterError> {
    let options = SchedulerOptions {
        executor_timeout_seconds: EXECUTOR_TIMEOUT_SECONDS,
        expire_dead_executor_interval_seconds: EXECUTOR_TIMEOUT_SECONDS,
        // The client is this process.
        client_timeout_seconds: 0,
        ..SchedulerOptions::default()
    };
    let (sender, ready) = oneshot::channel();
    let (fate, ended) = oneshot::channel();
    services.spawn(async move {
        let on_ready = |address| {
            // Whoever started it may have given up.
            let _ = sender.send(address);
        };
        if let Err(error) = run_scheduler(options, on_ready).await {
            log::error!("{error}");
            let _ = fate.send(error);
        }
    });
    tokio::select! {
        biased;
        Ok(address) = ready => Ok(address),
        Ok(error) = ended => Err(error),
        else => Err(failed("the scheduler has ended")),
    }
}

async fn start_executor(
    cluster: &Cluster,
    slots: usize,
    work_dir: &TempDir,
    services: &mut JoinSet<()>,
) -> Result<(Tasks, broadcast::Sender<()>), ClusterError> {
    let work_dir = work_dir.path().to_str();
    let work_dir = work_dir.ok_or_else(|| failed("the path of TMPDIR is not Unicode"))?;
    let parts = Parts::new(None, slots).map_err(failed)?;
    let flight = listener().await?;
    let config = Arc::new(ExecutorProcessConfig {
        bind_host: Ipv4Addr::LOCALHOST.to_string(),
        external_host: Some(Ipv4Addr::LOCALHOST.to_string()),
        port: flight.local_addr().map_err(failed)?.port(),
        // Ballista takes the number of a port, not a listener: this one is free a moment before.
        grpc_port: listener().await?.local_addr().map_err(failed)?.port(),
        grpc_max_decoding_message_size: MAX_MESSAGE_BYTES,
        grpc_max_encoding_message_size: MAX_MESSAGE_BYTES,
        executor_heartbeat_interval_seconds: HEARTBEAT_SECONDS,
        ..ExecutorProcessConfig::default()
    });
    let executor = Arc::new(Executor::new(
        structure_executor_metadata(&config, slots as u32),
        work_dir,
        parts.runtime_producer,
        parts.config_producer,
        parts.functions,
        Arc::new(LoggingMetricsCollector::default()),
        slots,
        parts.engine,
    ));
    let service = FlightServiceServer::new(BallistaFlightService::new(work_dir.to_string()))
        .max_encoding_message_size(MAX_MESSAGE_BYTES as usize)
        .max_decoding_message_size(MAX_MESSAGE_BYTES as usize);
    let server = create_grpc_server(&GrpcServerConfig::default()).add_service(service);
    let served = server.serve_with_incoming(TcpIncoming::from(flight).with_nodelay(Some(true)));
    services.spawn(async move {
        if let Err(error) = served.await {
            log::error!("results cannot be fetched: {error}");
        }
    });

    // The process's own executor would take Ctrl-C for its end, and here it cancels a query.
    let notifier = ShutdownNotifier::new();
    let (stop, mut stopped) = mpsc::channel(1);
    let codec: BallistaCodec<LogicalPlanNode, PhysicalPlanNode> = BallistaCodec::new(
        Arc::new(BallistaLogicalExtensionCodec::default()),
        parts.codec,
    );
    let services_of_tasks = executor_server::startup(
        connect(cluster, PATIENCE).await?,
        config,
        Arc::clone(&executor),
        codec,
        stop,
        &notifier,
        ExecutorHealth::new(),
    )
    .await
    .map_err(failed)?;
    services.spawn(async move {
        tokio::select! {
            ended = services_of_tasks => log::debug!("the executor's service has ended: {ended:?}"),
            _ = stopped.recv() => log::debug!("the executor is asked to stop"),
        }
    });
    let tasks = Tasks {
        executor,
        is_over: parts.is_over,
    };
    Ok((tasks, notifier.notify_shutdown))
}

async fn listener() -> Result<TcpListener, ClusterError> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    bound.map_err(|error: io::Error| failed(error))
}

fn failed(reason: impl ToString) -> ClusterError {
    ClusterError::Role {
        role: ROLE,
        reason: reason.to_string(),
    }
}
