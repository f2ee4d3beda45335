//! The scheduler's process: Ballista's, with Pomona's session.
//!
//! ```text
//! SchedulerService   what clients and executors reach: passes requests on to Ballista's server
//! FinishedJobs       the jobs, of which the finished ones are bounded
//! Executors          the executors, whose losses the guard counts
//! Ahead              tasks that read images while others compute
//! Launcher           sends tasks
//! JobGuard           ends jobs that kill executors, and jobs whose clients are gone
//! Console            the pages about all of these (crate::console)
//! ```

mod ahead;
mod checked_plan;
mod clients;
mod executors;
mod finished_jobs;
mod guard;
mod job_size;
mod launcher;
mod service;
mod stopped_jobs;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_core::serde::{BallistaCodec, BallistaLogicalExtensionCodec};

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::extension::SessionConfigExt;
use ballista_scheduler::api::get_routes;
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::cluster::memory::InMemoryJobState;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::metrics::default_metrics_collector;
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::LogicalPlanNode;
use tokio::net::TcpListener;
use tonic::service::RoutesBuilder;

use checked_plan::CheckedPlan;
use executors::Executors;
use finished_jobs::{FinishedJobs, Limits};
use guard::JobGuard;
use launcher::Launcher;
use service::SchedulerService;
pub(crate) use stopped_jobs::StoppedJobs;

use super::address::SchedulerAddress;
use super::role_metrics::{answer, exposition};
use super::settings::{MAX_MESSAGE_BYTES, NO_EXECUTORS_LIMIT, config_producer};
use super::tls::Tls;
use super::tls_front::serve;
use crate::console::{
    ClusterView, Console, ConsoleAccess, FOREIGN_PAGE, History, HistoryOptions, JobBook,
    KnownHosts, console_routes, history_routes, now, redacted_answers, same_origin,
    scheduler_metrics, unknown,
};
use pomona_session::{RuntimeOptions, runtime_env, session_state};

use crate::ClusterError;

/// Ballista's server, which reads plans within bounds.
pub(crate) type Server = SchedulerServer<LogicalPlanNode, CheckedPlan>;

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
    /// Finished jobs that are remembered, with their plans and metrics.
    pub finished_job_state_max_jobs: usize,
    /// About how many bytes finished jobs take together.
    pub finished_job_state_max_bytes: usize,
    /// How long a finished job is remembered; 0 is as long as there is room.
    pub finished_job_state_clean_up_interval_seconds: u64,
    /// How long executors keep the rows of a finished job whose client does not fetch them; 0 is for
    /// ever.
    pub finished_job_data_clean_up_interval_seconds: u64,
    /// A job fails when so many executors were lost while they ran one and the same of its partitions;
    /// 0 is no limit.
    pub task_max_lost_executors: usize,
    /// A job is cancelled when its client has not asked for it for so long; 0 is never.
    pub client_timeout_seconds: u64,
    /// What the pages of the scheduler may do; if `None`, cancel jobs where it listens on this machine
    /// alone, and nothing elsewhere.
    pub console: Option<ConsoleAccess>,
    /// Where jobs that have ended are kept when this scheduler ends.
    pub history: Option<HistoryOptions>,
    /// The certificates of a cluster whose processes prove who they are.
    pub tls: Option<Tls>,
}

impl SchedulerOptions {
    fn hosts(&self) -> KnownHosts {
        KnownHosts::of(&self.bind_host, &self.external_host)
    }

    fn access(&self) -> ConsoleAccess {
        let by_place = || match self.hosts() {
            KnownHosts::Loopback(_) => ConsoleAccess::Full,
            KnownHosts::Elsewhere(_) => ConsoleAccess::ReadOnly,
        };
        self.console.unwrap_or_else(by_place)
    }
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self {
            bind_host: Ipv4Addr::LOCALHOST.to_string(),
            bind_port: 0,
            external_host: Ipv4Addr::LOCALHOST.to_string(),
            executor_timeout_seconds: 30,
            expire_dead_executor_interval_seconds: 5,
            finished_job_state_max_jobs: 200,
            finished_job_state_max_bytes: 256 << 20,
            finished_job_state_clean_up_interval_seconds: 3600,
            finished_job_data_clean_up_interval_seconds: 300,
            task_max_lost_executors: 4,
            client_timeout_seconds: 180,
            console: None,
            history: None,
            tls: None,
        }
    }
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

    let (hosts, access) = (Arc::new(options.hosts()), options.access());
    let config_producer =
        config_producer(options.tls.clone()).map_err(|error| failed(error.to_string()))?;
    let physical_codec = config_producer().ballista_physical_extension_codec();
    let runtime =
        runtime_env(RuntimeOptions::default()).map_err(|error| failed(error.to_string()))?;
    let book = Arc::new(JobBook::default());
    let history = match &options.history {
        None => None,
        Some(kept) => Some(History::open(kept, &runtime, Arc::clone(&book)).await?),
    };
    let session_builder =
        Arc::new(move |config: SessionConfig| session_state(config, Arc::clone(&runtime)));
    let config = SchedulerConfig {
        external_host: options.external_host.clone(),
        bind_host: options.bind_host.clone(),
        bind_port: address.port(),
        scheduling_policy: TaskSchedulingPolicy::PushStaged,
        executor_timeout_seconds: options.executor_timeout_seconds,
        finished_job_data_clean_up_interval_seconds: options
            .finished_job_data_clean_up_interval_seconds,
        finished_job_state_clean_up_interval_seconds: options
            .finished_job_state_clean_up_interval_seconds,
        no_executors_grace_period_seconds: NO_EXECUTORS_LIMIT.as_secs(),
        expire_dead_executor_interval_seconds: options.expire_dead_executor_interval_seconds,
        grpc_server_max_decoding_message_size: MAX_MESSAGE_BYTES,
        grpc_server_max_encoding_message_size: MAX_MESSAGE_BYTES,
        grpc_client_max_message_size: MAX_MESSAGE_BYTES,
        override_physical_codec: Some(Arc::clone(&physical_codec)),
        override_session_builder: Some(Arc::clone(&session_builder) as _),
        override_config_producer: Some(Arc::clone(&config_producer)),
        use_tls: options.tls.is_some(),
        web_tui_route: FOREIGN_PAGE.to_string(),
        override_create_grpc_client_endpoint: options.tls.as_ref().map(Tls::endpoint_override),
        ..SchedulerConfig::default()
    };
    config
        .validate()
        .map_err(|error| failed(error.to_string()))?;
    let stopped = Arc::new(StoppedJobs::default());
    let guard = Arc::new(JobGuard::new(
        options.task_max_lost_executors,
        options.client_timeout_seconds,
        Arc::clone(&stopped),
    ));
    let limits = Limits {
        jobs: options.finished_job_state_max_jobs,
        bytes: options.finished_job_state_max_bytes,
    };
    let jobs = InMemoryJobState::new(
        config.scheduler_id.clone(),
        session_builder,
        config_producer,
    );
    let jobs = Arc::new(FinishedJobs::new(
        jobs,
        limits,
        Arc::clone(&stopped),
        Arc::clone(&book),
        history.clone(),
    ));
    let cluster = BallistaCluster::new(
        Arc::new(Executors::new(Arc::clone(&guard), Arc::clone(&book))),
        Arc::clone(&jobs) as _,
    );
    let codec = BallistaCodec::new(
        Arc::new(BallistaLogicalExtensionCodec::default()),
        physical_codec,
    );
    let endpoint = config.scheduler_endpoint();
    let launcher = Launcher::new(endpoint.clone(), Arc::clone(&guard));
    let metrics = default_metrics_collector().map_err(|error| failed(error.to_string()))?;
    let mut server = Server::new_with_task_launcher(
        endpoint,
        cluster,
        codec,
        Arc::new(config),
        metrics,
        Arc::new(launcher),
    );
    let started = server.init().await;
    started.map_err(|error| failed(error.to_string()))?;
    let server = Arc::new(server);
    guard.watch(&server);
    let about = pomona_console::Cluster {
        address: SchedulerAddress::new(&options.external_host, address.port()).to_string(),
        version: env!("CARGO_PKG_VERSION").to_string(),
        started: now(),
        now: now(),
        executor_timeout_seconds: options.executor_timeout_seconds,
    };
    let view = ClusterView::new(Arc::clone(&server), jobs, book, history, stopped, about);
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
    let app =
        routes(server, guard, Arc::new(view), access).layer(from_fn_with_state(hosts, same_origin));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, app).await;
    served.map_err(|error| failed(error.to_string()))
}

/// gRPC, Ballista's REST API, the pages, probes and metrics.
fn routes(
    server: Arc<Server>,
    guard: Arc<JobGuard>,
    view: Arc<ClusterView>,
    access: ConsoleAccess,
) -> axum::Router {
    let service = SchedulerService {
        server: Arc::clone(&server) as _,
        clients: Arc::clone(guard.clients()),
        stopped: Arc::clone(guard.stopped()),
        book: Arc::clone(view.book()),
    };
    let mut grpc = RoutesBuilder::default();
    grpc.add_service(
        SchedulerGrpcServer::new(service)
            .max_encoding_message_size(MAX_MESSAGE_BYTES as usize)
            .max_decoding_message_size(MAX_MESSAGE_BYTES as usize),
    );
    let probed = Arc::clone(&server);
    let is_ready = move || async move {
        match probed.is_ready() {
            true => StatusCode::OK,
            false => StatusCode::SERVICE_UNAVAILABLE,
        }
    };
    let measured = Arc::clone(&view);
    let metrics = move |headers: HeaderMap| async move {
        let (format, mut text) = exposition(&headers);
        scheduler_metrics(measured, &mut text).await;
        answer(format, text.finish())
    };
    let routes = get_routes(server)
        .route_layer(from_fn(redacted_answers))
        .merge(grpc.routes().into_axum_router())
        .route("/healthz", get(StatusCode::OK))
        .route("/readyz", get(is_ready))
        .route("/metrics", get(metrics))
        .merge(history_routes(Arc::clone(&view)))
        .fallback(unknown);
    match access {
        ConsoleAccess::Off => routes,
        ConsoleAccess::Full | ConsoleAccess::ReadOnly => {
            routes.merge(console_routes(Console::new(view, access)))
        }
    }
}
