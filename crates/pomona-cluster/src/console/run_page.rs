//! [`RunPage`]: the page of one run, on a port of this machine: `pomona run --ui`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::middleware::from_fn_with_state;
use pomona_console::{Cluster, Content, Run, Settings, View};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::now;
use super::pages::{Pages, Source, page_routes};
use super::same_origin::{KnownHosts, same_origin};
use crate::ClusterError;

/// How long an ended run waits at most for those who look at it to have its end: a page looks every second, and one
/// that is suspended does not.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// The time between two looks at who still waits, and the time that the last bytes have on their way.
const PAUSE: Duration = Duration::from_millis(100);

/// A run as it is now.
struct Shown {
    run: Mutex<Run>,
    started: u64,
}

#[async_trait]
impl Source for Shown {
    fn cluster(&self) -> Cluster {
        Cluster {
            version: env!("CARGO_PKG_VERSION").to_string(),
            started: self.started,
            now: now(),
            ..Cluster::default()
        }
    }

    async fn content(&self, view: &View) -> Option<Content> {
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        match view {
            View::Jobs { .. } => Some(Content::Run(Arc::new(run.clone()))),
            _ => None,
        }
    }
}

/// The page of a run, which is there until this is dropped.
pub struct RunPage {
    shown: Arc<Shown>,
    pages: Arc<Pages>,
    address: SocketAddr,
    service: JoinHandle<()>,
}

impl RunPage {
    /// Shows a run on a port of this machine; 0 takes a free one.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(run: Run, port: u16) -> Result<Self, ClusterError> {
        let bind = |error: std::io::Error| ClusterError::Bind {
            role: "page of the run",
            address: format!("{}:{port}", Ipv4Addr::LOCALHOST),
            reason: error.to_string(),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let shown = Arc::new(Shown {
            run: Mutex::new(run),
            started: now(),
        });
        let settings = Settings {
            read_only: true,
            single_run: true,
        };
        let pages = Arc::new(Pages::new(Arc::clone(&shown) as _, settings));
        let hosts = Arc::new(KnownHosts::of("127.0.0.1", "localhost"));
        let app =
            page_routes(Arc::clone(&pages), &["/"]).layer(from_fn_with_state(hosts, same_origin));
        let service = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                log::warn!("the page of the run is gone: {error}");
            }
        });
        Ok(Self {
            shown,
            pages,
            address,
            service,
        })
    }

    /// Where a browser finds the page.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what the page says. The second argument of `change` is the time, in milliseconds since 1970.
    pub fn update(&self, change: impl FnOnce(&mut Run, u64)) {
        let mut run = self
            .shown
            .run
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut run, now());
    }

    /// Ends the page when those who look at it have seen the end.
    pub async fn close(self) {
        let begin = Instant::now();
        if !self.pages.has_readers() {
            return;
        }
        while self.pages.has_readers() && begin.elapsed() < LAST_LOOK {
            sleep(PAUSE).await;
        }
        sleep(PAUSE).await;
    }
}

impl Drop for RunPage {
    fn drop(&mut self) {
        self.service.abort();
    }
}
