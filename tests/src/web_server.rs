//! A web server on loopback: files, and whatever else a URL may lead to.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode, header};
use bytes::Bytes;
use futures::stream;
use tokio::time::sleep;

use crate::served::Served;

/// What a path leads to.
#[derive(Debug, Clone)]
pub enum Page {
    /// A file.
    File(Bytes),
    /// A file, after so long.
    Slow(Bytes, Duration),
    /// Nothing but a status.
    Status(StatusCode),
    /// This status for so many requests, and a file from then on.
    Failing(u32, StatusCode, Bytes),
    /// Another URL.
    Redirect(String),
    /// Bytes without an end, and without a length.
    Endless,
    /// A connection on which nothing comes.
    Silent,
}

/// A running server; it stops when this is dropped.
pub struct WebServer {
    site: Arc<Mutex<Site>>,
    served: Served,
}

#[derive(Default)]
struct Site {
    pages: HashMap<String, Page>,
    requests: Vec<String>,
    in_flight: usize,
    most_in_flight: usize,
}

impl WebServer {
    /// Starts a server without pages on a free port of 127.0.0.1. It answers when this returns.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> io::Result<Self> {
        let site = Arc::new(Mutex::new(Site::default()));
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&site));
        Ok(Self {
            served: Served::start(|_| routes)?,
            site,
        })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.served.address().port()
    }

    /// The URL of a path: `url("/a.jpg")`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.served.address())
    }

    /// From now on a path leads to this. Returns its URL.
    pub fn put(&self, path: &str, page: Page) -> String {
        self.open().pages.insert(path.to_string(), page);
        self.url(path)
    }

    /// The paths of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.open().requests.clone()
    }

    /// How many requests for a path there were.
    pub fn count(&self, path: &str) -> usize {
        let site = self.open();
        site.requests.iter().filter(|one| *one == path).count()
    }

    /// The most requests that were being answered at once.
    pub fn most_in_flight(&self) -> usize {
        self.open().most_in_flight
    }

    fn open(&self) -> MutexGuard<'_, Site> {
        open(&self.site)
    }
}

fn open(site: &Mutex<Site>) -> MutexGuard<'_, Site> {
    site.lock().unwrap_or_else(|broken| broken.into_inner())
}

async fn answer(State(site): State<Arc<Mutex<Site>>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_string();
    let page = {
        let mut site = open(&site);
        site.requests.push(path.clone());
        site.in_flight += 1;
        site.most_in_flight = site.most_in_flight.max(site.in_flight);
        let page = site.pages.get(&path).cloned();
        if let Some(Page::Failing(times @ 1.., ..)) = site.pages.get_mut(&path) {
            *times -= 1;
        }
        page
    };
    let response = match page {
        Some(Page::File(bytes) | Page::Failing(0, _, bytes)) => with(StatusCode::OK, bytes),
        Some(Page::Slow(bytes, late)) => {
            sleep(late).await;
            with(StatusCode::OK, bytes)
        }
        Some(Page::Status(status) | Page::Failing(_, status, _)) => with(status, Bytes::new()),
        Some(Page::Redirect(to)) => Response::builder()
            .status(StatusCode::FOUND)
            .header(header::LOCATION, to)
            .body(Body::empty())
            .expect("a URL is a header"),
        Some(Page::Endless) => {
            let pieces = stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from_static(&[7; 4096])));
            Response::new(Body::from_stream(pieces))
        }
        Some(Page::Silent) => {
            sleep(Duration::from_secs(3600)).await;
            with(StatusCode::OK, Bytes::new())
        }
        None => with(StatusCode::NOT_FOUND, Bytes::from_static(b"no such page")),
    };
    open(&site).in_flight -= 1;
    response
}

fn with(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response
}
