//! The executor's process: Ballista's, with Pomona's session.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::extension::SessionConfigExt;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::{ConfigProducer, RuntimeProducer};
use ballista_executor::execution_engine::{DefaultExecutionEngine, ExecutionEngine};
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::health::ExecutorHealth;
use datafusion::common::Result;
use datafusion_proto::physical_plan::PhysicalExtensionCodec;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::address::SchedulerAddress;
use super::connection::connect;
use super::console::KnownHosts;
use super::engine::Engine;
use super::executor_metrics::TaskCounters;
use super::executor_service::ExecutorService;
use super::location::Cluster;
use super::settings::{MAX_MESSAGE_BYTES, config_producer};
use super::tls::Tls;
use super::tls_front::serve;
use super::work_folder::WorkFolder;
use pomona_functions::Turns;
use pomona_session::{RuntimeOptions, runtime_env, session_state};

use crate::ClusterError;

/// What an executor is started with.
#[derive(Debug)]
pub struct ExecutorOptions {
    /// The IP address to listen on.
    pub bind_host: String,
    /// The name by which others reach this executor; if `None`, the address that the scheduler
    /// sees.
    pub external_host: Option<String>,
    /// The port from which results are fetched (Arrow Flight), with probes and metrics; 0 is any free one.
    pub bind_port: u16,
    /// The port where tasks arrive (gRPC); 0 is any free one.
    pub bind_grpc_port: u16,
    /// The scheduler's host.
    pub scheduler_host: String,
    /// The scheduler's port.
    pub scheduler_port: u16,
    /// How long to try to reach a scheduler that is not there yet, in seconds.
    pub scheduler_connect_timeout_seconds: u16,
    /// How often this executor says that it lives.
    pub executor_heartbeat_interval_seconds: u64,
    /// Tasks that run at the same time, each on a thread of its own.
    pub vcores: usize,
    /// The folder for results between stages.
    pub work_dir: PathBuf,
    /// The memory of all tasks' operators together, in bytes; if `None`, `memory_pool_fraction` of
    /// the machine's.
    pub memory_pool_size: Option<u64>,
    /// The share of the machine's memory, above 0 and up to 1. Network and images are beside it.
    pub memory_pool_fraction: f64,
    /// The certificates of a cluster whose processes prove who they are.
    pub tls: Option<Tls>,
}

/// Runs an executor until it gets SIGTERM or SIGINT, or its scheduler stops it; it then takes no more
/// tasks, and ends when those that run are complete.
///
/// # Errors
/// When the scheduler cannot be reached in time, when a port cannot be had, or when a service fails.
pub async fn run_executor(options: ExecutorOptions) -> Result<ExecutorEnd, ClusterError> {
    let failed = |reason: String| ClusterError::Role {
        role: "executor",
        reason,
    };
    let work_folder = WorkFolder::open(&options.work_dir)?;
    let work_dir = work_folder.path().to_str().map(str::to_string);
    let work_dir = work_dir.ok_or_else(|| {
        failed(format!(
            "the path of --work-dir, {}, is not Unicode",
            options.work_dir.display()
        ))
    })?;
    let hosts = KnownHosts::of(
        &options.bind_host,
        options.external_host.as_deref().unwrap_or("localhost"),
    );
    let parts = Parts::new(options.tls.clone(), options.vcores)
        .map_err(|error| failed(error.to_string()))?;

    let ports = [
        numbered(&options.bind_host, options.bind_port).await?,
        numbered(&options.bind_host, options.bind_grpc_port).await?,
    ];
    let (bind_host, external_host) = match &options.tls {
        None => (options.bind_host, options.external_host),
        Some(tls) => {
            put_fronts(tls, &options.bind_host, ports).await?;
            // The scheduler sees its own front, not where this executor is.
            let external_host = options.external_host.unwrap_or(options.bind_host);
            (INNER_HOST.to_string(), Some(external_host))
        }
    };

    parts.counters.set_slots(options.vcores);
    let service = ExecutorService {
        health: ExecutorHealth::new(),
        counters: parts.counters,
        hosts: Arc::new(hosts),
    };
    let health = service.health.clone();
    let config = ExecutorProcessConfig {
        bind_host,
        external_host,
        port: ports[0],
        grpc_port: ports[1],
        scheduler_host: options.scheduler_host,
        scheduler_port: options.scheduler_port,
        scheduler_connect_timeout_seconds: options.scheduler_connect_timeout_seconds,
        vcores: options.vcores,
        task_scheduling_policy: TaskSchedulingPolicy::PushStaged,
        work_dir: Some(work_dir),
        job_data_ttl_seconds: JOB_DATA_TTL.as_secs(),
        job_data_clean_up_interval_seconds: JOB_DATA_SWEEP.as_secs(),
        grpc_max_decoding_message_size: MAX_MESSAGE_BYTES,
        grpc_max_encoding_message_size: MAX_MESSAGE_BYTES,
        executor_heartbeat_interval_seconds: options.executor_heartbeat_interval_seconds,
        memory_pool_size: options.memory_pool_size,
        memory_pool_fraction: options.memory_pool_fraction,
        override_execution_engine: Some(parts.engine),
        override_function_registry: Some(parts.functions),
        override_runtime_producer: Some(parts.runtime_producer),
        override_config_producer: Some(parts.config_producer),
        override_create_grpc_client_endpoint: options.tls.as_ref().map(Tls::endpoint_override),
        override_physical_codec: Some(parts.codec),
        override_arrow_flight_service: Some(Arc::new(
            move |work_dir, address, shutdown, config| {
                tokio::spawn(service.clone().serve(work_dir, address, shutdown, config))
            },
        )),
        health,
        ..ExecutorProcessConfig::default()
    };
    let is_stopping = stop_signals()?;
    let config = Arc::new(config);
    check_ports(&config).await?;
    // Ballista waits for a scheduler on its own, without a message and longer than the option says.
    let cluster = Cluster::new(
        SchedulerAddress::new(config.scheduler_host.clone(), config.scheduler_port),
        options.tls,
    );
    let patience = Duration::from_secs(config.scheduler_connect_timeout_seconds.into());
    connect(&cluster, patience).await?;
    let began = Instant::now();
    let ended = start_executor_process(config).await;
    if is_stopping.load(Ordering::Relaxed) {
        return Ok(ExecutorEnd::Signal);
    }
    ended.map_err(|error| failed(error.to_string()))?;
    if began.elapsed() < SHORT_LIFE {
        let reason = "its services end as soon as they have begun; the log says why";
        return Err(failed(reason.to_string()));
    }
    log::warn!("the executor was stopped, not by a signal: {cluster} took it for lost");
    Ok(ExecutorEnd::Stopped)
}

/// Why an executor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutorEnd {
    /// By SIGTERM or SIGINT.
    Signal,
    /// The scheduler stopped it, because it took it for lost: it was suspended, or cut off. Another
    /// process can take its place; this one cannot, since Ballista keeps for the whole process that
    /// its executor ends.
    Stopped,
}

/// How long what a stage has written stays when nobody removes it: its scheduler or its client is
/// gone. Longer than any query.
const JOB_DATA_TTL: Duration = Duration::from_secs(24 * 3600);

/// How often that is looked for. Ballista's default is never.
const JOB_DATA_SWEEP: Duration = Duration::from_secs(1800);

/// An executor that ends sooner has a service that cannot run, for which Ballista has no error.
const SHORT_LIFE: Duration = Duration::from_secs(2);

/// Hears of SIGTERM and SIGINT, at which Ballista's executor ends as if nothing had happened.
fn stop_signals() -> Result<Arc<AtomicBool>, ClusterError> {
    let is_stopping = Arc::new(AtomicBool::new(false));
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).map_err(|error| ClusterError::Role {
            role: "executor",
            reason: error.to_string(),
        })?;
        let is_stopping = Arc::clone(&is_stopping);
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                is_stopping.store(true, Ordering::Relaxed);
            }
        });
    }
    Ok(is_stopping)
}

/// The port, or for 0 one that is free now: Ballista gives the number to the scheduler before it listens.
async fn numbered(host: &str, port: u16) -> Result<u16, ClusterError> {
    if port != 0 {
        return Ok(port);
    }
    let bound = TcpListener::bind((host, port)).await;
    let address = bound.and_then(|listener| listener.local_addr());
    let address = address.map_err(|error| ClusterError::Bind {
        role: "executor",
        address: format!("{host}:{port}"),
        reason: error.to_string(),
    })?;
    Ok(address.port())
}

/// Fails where a port cannot be had, which Ballista's executor would log and end without an error.
async fn check_ports(config: &ExecutorProcessConfig) -> Result<(), ClusterError> {
    for port in [config.port, config.grpc_port] {
        let bound = TcpListener::bind((config.bind_host.as_str(), port)).await;
        bound.map_err(|error| ClusterError::Bind {
            role: "executor",
            address: format!("{}:{port}", config.bind_host),
            reason: error.to_string(),
        })?;
    }
    Ok(())
}

/// What an executor is made of, in a process of its own or not.
pub(super) struct Parts {
    pub(super) config_producer: ConfigProducer,
    pub(super) runtime_producer: RuntimeProducer,
    pub(super) functions: Arc<BallistaFunctionRegistry>,
    pub(super) engine: Arc<dyn ExecutionEngine>,
    pub(super) codec: Arc<dyn PhysicalExtensionCodec>,
    pub(super) counters: Arc<TaskCounters>,
    /// Set, no task begins any more.
    pub(super) is_over: Arc<AtomicBool>,
}

impl Parts {
    /// Pomona's session, functions and codec, for an executor of so many cores.
    pub(super) fn new(tls: Option<Tls>, cores: usize) -> Result<Self> {
        let turns = Arc::new(Turns::new(cores));
        let of_cluster = config_producer(tls)?;
        let config_producer: ConfigProducer =
            Arc::new(move || of_cluster().with_extension(Arc::clone(&turns)));
        let config = config_producer();
        let codec = config.ballista_physical_extension_codec();
        let runtime = runtime_env(RuntimeOptions::default())?;
        let state = session_state(config, Arc::clone(&runtime))?;
        let counters = Arc::new(TaskCounters::default());
        let is_over = Arc::new(AtomicBool::new(false));
        Ok(Self {
            config_producer,
            // One runtime for all sessions: the clients of object stores are few and long-lived.
            runtime_producer: Arc::new(move |_| Ok(Arc::clone(&runtime))),
            functions: Arc::new(BallistaFunctionRegistry::from(&state)),
            // Ballista does not lend its pool of connections to engines of others, so each fetch of
            // another executor's rows opens one: the merge of a few partial results.
            engine: Arc::new(Engine::new(
                DefaultExecutionEngine::new(),
                Arc::clone(&counters),
                Arc::clone(&is_over),
            )),
            codec,
            counters,
            is_over,
        })
    }
}

/// Where the services listen behind their fronts: an address of this machine alone that is not
/// the usual one, since both have the same port.
const INNER_HOST: &str = "127.0.0.2";

/// Puts TLS in front of the services of these ports.
async fn put_fronts(tls: &Tls, bind_host: &str, ports: [u16; 2]) -> Result<(), ClusterError> {
    for port in ports {
        let bind = |error: String| ClusterError::Bind {
            role: "executor",
            address: format!("{bind_host}:{port}"),
            reason: error,
        };
        let inner = format!("{INNER_HOST}:{port}").parse();
        let inner = inner.expect("an address and a port are a socket's address");
        let is_any = bind_host
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_unspecified());
        if is_any {
            return Err(bind("with TLS, --bind-host is one address".to_string()));
        }
        let listener = TcpListener::bind((bind_host, port)).await;
        let listener = listener.map_err(|error| bind(error.to_string()))?;
        let acceptor = tls.acceptor().map_err(|error| bind(error.to_string()))?;
        tokio::spawn(serve(listener, acceptor, inner));
    }
    Ok(())
}
