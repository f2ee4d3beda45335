//! The pages of a scheduler, on a port of this machine: `pomona ui`.
//!
//! A browser needs no certificate of the cluster, and the scheduler no port that a browser reaches: this process
//! has both. It passes on the addresses of the pages and nothing else.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION,
};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures::stream::unfold;
use reqwest::Client;
use tokio::net::TcpListener;

use super::same_origin::{KnownHosts, same_origin};
use crate::ClusterError;
use crate::api::SchedulerApi;
use crate::connection::innermost;
use crate::location::Cluster;

/// Headers that are passed on to the scheduler, and back.
const ASKED: [HeaderName; 2] = [ACCEPT_LANGUAGE, CONTENT_TYPE];
const ANSWERED: [HeaderName; 4] = [
    CONTENT_TYPE,
    CONTENT_SECURITY_POLICY,
    CACHE_CONTROL,
    LOCATION,
];

/// How the pages of a scheduler are shown here.
#[derive(Debug, Clone)]
pub struct ForwardOptions {
    /// The cluster whose pages they are.
    pub cluster: Cluster,
    /// The port of this machine; 0 takes a free one.
    pub port: u16,
}

struct Scheduler {
    client: Client,
    base: String,
    cluster: Cluster,
}

/// Shows the pages of a scheduler on a port of this machine, until the process ends. `on_ready` is called
/// with the address once the port listens and the scheduler has answered.
///
/// # Errors
/// When the port cannot be had, or no scheduler answers.
pub async fn forward_console(
    options: ForwardOptions,
    on_ready: impl FnOnce(SocketAddr),
) -> Result<(), ClusterError> {
    let bind = |error: std::io::Error| ClusterError::Bind {
        role: "ui",
        address: format!("{}:{}", Ipv4Addr::LOCALHOST, options.port),
        reason: error.to_string(),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await;
    let listener = listener.map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    SchedulerApi::new(options.cluster.clone())
        .executors()
        .await?;
    let scheduler = Arc::new(Scheduler::new(options.cluster));
    let pages = get(forward);
    let app = Router::new()
        .route("/", pages.clone())
        .route("/jobs", pages.clone())
        .route("/executors", pages.clone())
        .route("/job/{id}", pages.clone())
        .route("/job/{id}/stage/{stage}", pages.clone())
        .route("/job/{id}/cancel", any(forward))
        .route("/live/", pages.clone())
        .route("/live/{*page}", pages.clone())
        .route("/console.css", pages.clone())
        .route("/console.js", pages)
        .with_state(scheduler);
    let hosts = Arc::new(KnownHosts::of("127.0.0.1", "localhost"));
    let app = app.layer(from_fn_with_state(hosts, same_origin));
    on_ready(address);
    let served = axum::serve(listener, app).await;
    served.map_err(|error| ClusterError::Role {
        role: "ui",
        reason: error.to_string(),
    })
}

impl Scheduler {
    fn new(cluster: Cluster) -> Self {
        // No limit to a request's time: the events of a page end with the page.
        let builder = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let (client, base) = match cluster.tls() {
            None => (builder.build(), cluster.scheduler().http()),
            Some(tls) => (
                tls.rest_client(builder).and_then(|builder| builder.build()),
                cluster.scheduler().https(),
            ),
        };
        Self {
            client: client.expect("certificates were read without an error before"),
            base,
            cluster,
        }
    }
}

async fn forward(
    State(scheduler): State<Arc<Scheduler>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{}{path}", scheduler.base);
    let mut request = scheduler.client.request(method, url).body(body);
    for name in ASKED {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value.clone());
        }
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            let error = ClusterError::SchedulerUnreachable {
                scheduler: scheduler.cluster.to_string(),
                seconds: 0,
                reason: innermost(&error),
            };
            return (StatusCode::BAD_GATEWAY, error.to_string()).into_response();
        }
    };
    let mut response = Response::builder().status(answer.status());
    for name in ANSWERED {
        if let Some(value) = answer.headers().get(&name) {
            response = response.header(name, value.clone());
        }
    }
    let parts = unfold(answer, |mut answer| async move {
        let part = answer.chunk().await.transpose()?;
        Some((part, answer))
    });
    let body = response.body(Body::from_stream(parts));
    body.unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}
