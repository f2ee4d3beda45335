//! A real S3 server on loopback, over a folder.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response, StatusCode};
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

use crate::s3_faults::{Fault, FaultPlan, Faults, RequestLine, one_in};
use crate::s3_keys::{Bucket, OtherKeys};

/// The key that the server knows.
pub const ACCESS_KEY: &str = "pomona-test-key";
/// Its secret: requests that are not signed with it are refused.
pub const SECRET_KEY: &str = "pomona-test-secret";

/// A running server; it stops when this is dropped.
pub struct S3Server {
    address: SocketAddr,
    root: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
    faults: Arc<Faults>,
    others: OtherKeys,
}

impl S3Server {
    /// Starts a server on a free port, with these buckets. It answers when this returns.
    ///
    /// # Errors
    /// When no port or no temporary folder can be had.
    pub fn start(buckets: &[&str]) -> io::Result<Self> {
        Self::start_faulty(buckets, Box::new(|_| None))
    }

    /// Starts a server of which one in `every` requests for an object fails or is slow.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with_faults(buckets: &[&str], every: usize) -> io::Result<Self> {
        Self::start_faulty(buckets, one_in(every))
    }

    /// Starts a server whose requests fail as planned.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_faulty(buckets: &[&str], plan: FaultPlan) -> io::Result<Self> {
        let faults = Arc::new(Faults::new(plan));
        let root = tempfile::tempdir()?;
        for bucket in buckets {
            fs::create_dir(root.path().join(bucket))?;
        }
        let files =
            FileSystem::new(root.path()).map_err(|error| io::Error::other(format!("{error:?}")))?;
        let others = OtherKeys::default();
        let mut service = S3ServiceBuilder::new(Bucket {
            files,
            others: others.clone(),
            root: root.path().to_owned(),
        });
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();

        // The listener is bound here, so that clients can connect from now on.
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let (injected, folder) = (Arc::clone(&faults), root.path().to_path_buf());
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
                    () = serve(listener, service, injected, folder) => {}
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
            others,
        })
    }

    /// How many requests have failed or were slow.
    pub fn faults(&self) -> usize {
        self.faults.injected()
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<RequestLine> {
        self.faults.seen()
    }

    /// The URL of the server.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The folder behind a bucket: files written here are objects.
    pub fn bucket(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Lists a key that no file can have, such as `a//b.jpg`, as an object of so many bytes.
    pub fn list_key(&self, bucket: &str, key: &str, size: u32) {
        self.others.add(bucket, key, size.into());
    }

    /// How many times keys were listed so far.
    pub fn lists(&self) -> usize {
        let requests = self.requests();
        let lists = requests.iter().filter(|line| line.lists_keys());
        lists.count()
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

async fn serve(listener: TcpListener, service: S3Service, faults: Arc<Faults>, root: PathBuf) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let service = service.clone();
        let (faults, root) = (Arc::clone(&faults), root.clone());
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let service = service.clone();
                let uri = request.uri();
                let query = uri.query().unwrap_or_default();
                let is_conditional = ["if-match", "if-none-match"]
                    .iter()
                    .any(|name| request.headers().contains_key(*name));
                let method = request.method().as_str();
                let creates = request.headers().contains_key("if-none-match");
                let fault = faults.next(method, uri.path(), query, is_conditional);
                let object = root.join(uri.path().trim_start_matches('/'));
                async move {
                    let served = |request| async {
                        let served = Service::call(&service, request).await;
                        served.map_err(|error| io::Error::other(format!("{error:?}")))
                    };
                    // An error of the service closes the connection.
                    let closed = Err(io::Error::other("closed by the test"));
                    match fault {
                        None => served(request).await,
                        Some(Fault::Slow(late)) => {
                            sleep(late).await;
                            served(request).await
                        }
                        Some(Fault::Held(condition)) => {
                            condition.wait().await;
                            served(request).await
                        }
                        Some(Fault::CreatesOver(condition)) => {
                            condition.wait().await;
                            if creates {
                                let _ = fs::remove_file(object);
                            }
                            served(request).await
                        }
                        Some(Fault::Status(status)) => Ok(answer_with(status, String::new())),
                        Some(Fault::Refusal(status, code)) => Ok(answer_with(
                            status,
                            format!(
                                "<Error><Code>{code}</Code><Message>by the test</Message></Error>"
                            ),
                        )),
                        Some(Fault::Reset) => closed,
                        Some(Fault::LostAnswer) => {
                            served(request).await?;
                            closed
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

fn answer_with(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
