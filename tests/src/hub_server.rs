//! A hub on loopback: the paths and headers with which the Hugging Face Hub gives large files.
//!
//! A file's own address answers with its commit, its size and its sha256, and points to where the
//! bytes are, as the hub points to its store. What can go wrong on the way can be asked for.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use bytes::Bytes;
use futures::stream;

use crate::served::Served;
use crate::weights::sha256_of;

/// The commit that every branch points at.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What happens to the bytes of a file on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// One byte in the middle is another.
    Damaged,
    /// The connection ends after half of them, this many times.
    Broken(u32),
    /// The server gives a page with an error in their place.
    Failing,
}

/// A running hub; it stops when this is dropped.
pub struct HubServer {
    hub: Arc<Hub>,
    _served: Served,
}

struct Hub {
    address: SocketAddr,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By repository and name: `google/mobilenet_v2_1.0_224/model.safetensors`.
    files: HashMap<String, Bytes>,
    fault: Option<Fault>,
    requests: Vec<String>,
    sent: u64,
}

impl HubServer {
    /// Starts a hub without files on a free port. It answers when this returns.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start() -> io::Result<Self> {
        let mut hub = None;
        let served = Served::start(|address| {
            let hub = hub.insert(Arc::new(Hub {
                address,
                inner: Mutex::default(),
            }));
            Router::new().fallback(answer).with_state(Arc::clone(hub))
        })?;
        Ok(Self {
            hub: hub.expect("the routes were made"),
            _served: served,
        })
    }

    /// The URL of the hub, for `HF_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.hub.address)
    }

    /// Puts a file into a repository: `put("google/mobilenet_v2_1.0_224", "model.safetensors", …)`.
    pub fn put(&self, repository: &str, file: &str, bytes: impl Into<Bytes>) {
        let name = format!("{repository}/{file}");
        self.hub.open().files.insert(name, bytes.into());
    }

    /// From now on this happens to files.
    pub fn fail(&self, fault: Option<Fault>) {
        self.hub.open().fault = fault;
    }

    /// Method and path of every request.
    pub fn requests(&self) -> Vec<String> {
        self.hub.open().requests.clone()
    }

    /// The bytes of files that were sent.
    pub fn sent(&self) -> u64 {
        self.hub.open().sent
    }
}

impl Hub {
    fn open(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|p| p.into_inner())
    }
}

async fn answer(State(hub): State<Arc<Hub>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_string();
    let mut inner = hub.open();
    inner.requests.push(format!("{} {path}", request.method()));
    if let Some(name) = path.strip_prefix("/store/") {
        let Some(bytes) = inner.files.get(name).cloned() else {
            return status(StatusCode::NOT_FOUND, "nothing here");
        };
        let body = request.method() != Method::HEAD;
        return inner.give(&bytes, request.headers(), body);
    }
    let Some((repository, file)) = path[1..].split_once("/resolve/main/") else {
        return status(StatusCode::NOT_FOUND, "no such page");
    };
    let Some(bytes) = inner.files.get(&format!("{repository}/{file}")) else {
        let mut answer = status(StatusCode::NOT_FOUND, "Entry not found");
        answer
            .headers_mut()
            .insert("x-repo-commit", COMMIT.parse().expect("letters and digits"));
        return answer;
    };
    let digest = sha256_of(bytes);
    Response::builder()
        .status(StatusCode::FOUND)
        .header(
            header::LOCATION,
            format!("http://{}/store/{repository}/{file}", hub.address),
        )
        .header("x-repo-commit", COMMIT)
        .header("x-linked-etag", format!("\"{digest}\""))
        .header("x-linked-size", bytes.len())
        .body(Body::empty())
        .expect("headers of letters and digits")
}

impl Inner {
    fn give(&mut self, bytes: &Bytes, headers: &HeaderMap, with_body: bool) -> Response<Body> {
        let mut bytes = bytes.clone();
        let mut breaks = false;
        match &mut self.fault {
            Some(Fault::Failing) => {
                return status(StatusCode::FORBIDDEN, "<html>not today</html>");
            }
            Some(Fault::Damaged) => {
                let mut changed = bytes.to_vec();
                let middle = changed.len() / 2;
                changed[middle] ^= 1;
                bytes = changed.into();
            }
            Some(Fault::Broken(times)) if *times > 0 => {
                *times -= 1;
                breaks = true;
            }
            _ => {}
        }
        let range = range(headers, bytes.len());
        let code = match range {
            Some(_) => StatusCode::PARTIAL_CONTENT,
            None => StatusCode::OK,
        };
        let part = bytes.slice(range.unwrap_or(0..bytes.len()));
        let answer = Response::builder()
            .status(code)
            .header(header::ACCEPT_RANGES, "bytes")
            .header(header::CONTENT_LENGTH, part.len());
        let body = if !with_body {
            Body::empty()
        } else if breaks {
            let half = part.slice(..part.len() / 2);
            self.sent += half.len() as u64;
            let pieces = [Ok(half), Err(io::Error::other("the connection breaks"))];
            Body::from_stream(stream::iter(pieces))
        } else {
            self.sent += part.len() as u64;
            Body::from(part)
        };
        answer.body(body).expect("headers of letters and digits")
    }
}

/// The part of a file that a request asks for: `bytes=FIRST-` or `bytes=FIRST-LAST`.
fn range(headers: &HeaderMap, length: usize) -> Option<Range<usize>> {
    let value = headers.get(header::RANGE)?.to_str().ok()?;
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    let end = last.parse::<usize>().map_or(length, |last| last + 1);
    Some(first.parse().ok()?..end.min(length))
}

fn status(code: StatusCode, text: &'static str) -> Response<Body> {
    Response::builder()
        .status(code)
        .body(Body::from(text))
        .expect("a status without headers")
}
