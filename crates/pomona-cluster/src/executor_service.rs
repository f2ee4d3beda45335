//! The port of an executor that serves its results: Arrow Flight, and probes and metrics for machines.

use std::net::SocketAddr;
use std::sync::Arc;

use arrow_flight::flight_service_server::FlightServiceServer;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use ballista_core::error::BallistaError;
use ballista_core::utils::{GrpcServerConfig, create_grpc_server};
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::health::ExecutorHealth;
use ballista_executor::shutdown::Shutdown;
use tonic::service::Routes;

use super::console::{KnownHosts, same_origin, unknown};
use super::executor_metrics::TaskCounters;
use super::role_metrics::{answer, exposition};
use super::settings::MAX_MESSAGE_BYTES;

/// What the port serves besides results.
#[derive(Clone)]
pub(super) struct ExecutorService {
    /// Whether the scheduler has confirmed the last heartbeat.
    pub(super) health: ExecutorHealth,
    pub(super) counters: Arc<TaskCounters>,
    pub(super) hosts: Arc<KnownHosts>,
}

impl ExecutorService {
    /// Serves until the executor ends.
    ///
    /// # Errors
    /// When the port cannot be had, or the service fails.
    pub(super) async fn serve(
        self,
        work_dir: String,
        address: SocketAddr,
        mut shutdown: Shutdown,
        config: GrpcServerConfig,
    ) -> Result<(), BallistaError> {
        let flight = FlightServiceServer::new(BallistaFlightService::new(work_dir))
            .max_decoding_message_size(MAX_MESSAGE_BYTES as usize)
            .max_encoding_message_size(MAX_MESSAGE_BYTES as usize);
        let health = self.health;
        let is_ready = move || async move {
            match health.is_ready() {
                true => StatusCode::OK,
                false => StatusCode::SERVICE_UNAVAILABLE,
            }
        };
        let counters = self.counters;
        let metrics = move |headers: HeaderMap| async move {
            let (format, mut text) = exposition(&headers);
            counters.write(&mut text);
            answer(format, text.finish())
        };
        let routes = Routes::new(flight)
            .into_axum_router()
            .route("/healthz", get(StatusCode::OK))
            .route("/readyz", get(is_ready))
            .route("/metrics", get(metrics))
            .fallback(unknown)
            .layer(from_fn_with_state(self.hosts, same_origin));
        // Probes speak HTTP/1.
        let served = create_grpc_server(&config)
            .accept_http1(true)
            .add_routes(Routes::from(routes))
            .serve_with_shutdown(address, shutdown.recv());
        served.await.map_err(|error| {
            log::error!("results cannot be served at {address}: {error}");
            BallistaError::TonicError(error)
        })
    }
}
