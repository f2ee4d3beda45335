//! A real S3 server on loopback, over a folder.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// The key that the server knows.
pub const ACCESS_KEY: &str = "pomona-test-key";
/// Its secret: requests that are not signed with it are refused.
pub const SECRET_KEY: &str = "pomona-test-secret";

/// How the requests for objects fail, in turn.
const FAULTS: [Option<StatusCode>; 3] = [
    Some(StatusCode::INTERNAL_SERVER_ERROR),
    Some(StatusCode::SERVICE_UNAVAILABLE),
    // Slow, and well after all.
    None,
];

/// How long a slow answer takes.
const SLOW: Duration = Duration::from_millis(500);

/// Which requests fail.
#[derive(Debug, Default)]
struct Faults {
    /// Every so many requests for an object one fails; 0 for none.
    every: usize,
    requests: AtomicUsize,
    injected: AtomicUsize,
}

impl Faults {
    /// The fault of the next request for an object, if it is one that fails.
    fn next(&self) -> Option<Option<StatusCode>> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        if self.every == 0 || !number.is_multiple_of(self.every) {
            return None;
        }
        let fault = self.injected.fetch_add(1, Ordering::Relaxed);
        Some(FAULTS[fault % FAULTS.len()])
    }
}

/// A running server; it stops when this is dropped.
pub struct S3Server {
    address: SocketAddr,
    root: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
    faults: Arc<Faults>,
}

impl S3Server {
    /// Starts a server on a free port, with these buckets. It answers when this returns.
    ///
    /// # Errors
    /// When no port or no temporary folder can be had.
    pub fn start(buckets: &[&str]) -> io::Result<Self> {
        Self::start_with_faults(buckets, 0)
    }

    /// Starts a server of which one in `every` requests for an object fails or is slow.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with_faults(buckets: &[&str], every: usize) -> io::Result<Self> {
        let faults = Arc::new(Faults {
            every,
            ..Faults::default()
        });
        let root = tempfile::tempdir()?;
        for bucket in buckets {
            fs::create_dir(root.path().join(bucket))?;
        }
        let files =
            FileSystem::new(root.path()).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();

        // The listener is bound here, so that clients can connect from now on.
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let injected = Arc::clone(&faults);
        // A thread of its own: a test may block its runtime without stopping the server.
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("the system lets a process make a runtime");
            runtime.block_on(async move {
                let listener =
                    TcpListener::from_std(listener).expect("the listener does not block");
                tokio::select! {
                    () = serve(listener, service, injected) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self {
            address,
            root,
            stop: Some(stop),
            thread: Some(thread),
            faults,
        })
    }

    /// How many requests have failed or were slow.
    pub fn faults(&self) -> usize {
        self.faults.injected.load(Ordering::Relaxed)
    }

    /// The URL of the server.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder behind a bucket: files written here are objects.
    pub fn bucket(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The folder behind the server.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The variables that make the AWS clients use this server.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_string()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_string()),
            ("AWS_REGION", "eu-west-3".to_string()),
        ]
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, service: S3Service, faults: Arc<Faults>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let service = service.clone();
        let faults = Arc::clone(&faults);
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let service = service.clone();
                let fault = is_for_object(&request).then(|| faults.next()).flatten();
                async move {
                    match fault {
                        None => Service::call(&service, request).await,
                        Some(None) => {
                            sleep(SLOW).await;
                            Service::call(&service, request).await
                        }
                        Some(Some(status)) => {
                            let mut response = Response::new(Body::empty());
                            *response.status_mut() = status;
                            Ok(response)
                        }
                    }
                }
            });
            // A client that hangs up early is no concern of the server.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(socket), answer)
                .await;
        });
    }
}

/// Whether a request reads an object; those that list a bucket have a query.
fn is_for_object(request: &Request<Incoming>) -> bool {
    request.method() == Method::GET && request.uri().query().is_none()
}
