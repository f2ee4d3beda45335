//! TLS in front of a service that has none.
//!
//! Ballista's servers speak plain HTTP/2. Theirs listen on this machine alone, and a front takes
//! the connections from outside: it checks the certificate and hands on the bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// What strangers and neighbours may take of a front.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// How long a client may take to show its certificate.
    handshake: Duration,
    /// A connection without a byte in either direction is closed after so long. Ballista's clients
    /// ping every 5 minutes, and connect again where they need to.
    idle: Duration,
    /// Connections at the same time, those in their handshake among them. A cluster of a hundred
    /// executors has some hundreds; each takes two files, of the 1,024 that a process usually has.
    connections: usize,
    /// After so long without a byte the system asks whether the other side still lives.
    keepalive: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(15 * 60),
            connections: 450,
            keepalive: Duration::from_secs(60),
        }
    }
}

/// The pause after a connection that could not be accepted, at first and at most: other files must
/// be closed before another attempt can succeed.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The time between two log lines about connections that could not be accepted.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// Bytes that are handed on at once.
const BUFFER: usize = 32 << 10;

/// Takes connections from `listener` for as long as the process lives, and hands those with a
/// certificate on to the service at `inner`.
pub(crate) async fn serve(listener: TcpListener, acceptor: TlsAcceptor, inner: SocketAddr) {
    serve_within(Bounds::default(), listener, acceptor, inner).await;
}

async fn serve_within(
    bounds: Bounds,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    inner: SocketAddr,
) {
    let places = Arc::new(Semaphore::new(bounds.connections));
    let mut pause = PAUSE;
    let mut logged: Option<Instant> = None;
    loop {
        // Without a place, clients wait in the system's queue.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((socket, from)) => {
                pause = PAUSE;
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Err(error) = hand_on(bounds, socket, acceptor, inner).await {
                        log::debug!("the connection from {from} ends: {error}");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                if logged.is_none_or(|logged| logged.elapsed() > LOG_INTERVAL) {
                    logged = Some(Instant::now());
                    log::warn!("connections are not accepted: {error}");
                }
                sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn hand_on(
    bounds: Bounds,
    socket: TcpStream,
    acceptor: TlsAcceptor,
    inner: SocketAddr,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(bounds.keepalive)
        .with_interval(bounds.keepalive / 4);
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    let outside = timeout(bounds.handshake, acceptor.accept(socket)).await??;
    let mut inside = TcpStream::connect(inner).await?;
    inside.set_nodelay(true)?;
    let (from_outside, to_outside) = split(outside);
    let (from_inside, to_inside) = inside.split();
    let heard = Mutex::new(Instant::now());
    let both = async {
        let to_service = copy(from_outside, to_inside, &heard);
        let to_client = copy(from_inside, to_outside, &heard);
        tokio::try_join!(to_service, to_client).map(drop)
    };
    tokio::select! {
        ended = both => ended,
        () = silence(&heard, bounds.idle) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Copies until the end of `from`, and notes each byte that passed.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    heard: &Mutex<Instant>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
        to.flush().await?;
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// Resolves when nothing was heard for so long.
async fn silence(heard: &Mutex<Instant>, limit: Duration) {
    loop {
        let quiet = heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed();
        match limit.checked_sub(quiet) {
            Some(left) if !left.is_zero() => sleep(left).await,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use pomona_tests::certificates::write_certificates;
    use rustls::pki_types::ServerName;
    use tempfile::TempDir;
    use tokio::task::JoinHandle;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    use super::*;
    use crate::tls::{Tls, TlsFiles};

    /// How long a test waits for what must happen.
    const LIMIT: Duration = Duration::from_secs(180);

    /// A front of a service that sends back what it gets.
    struct Front {
        address: SocketAddr,
        tls: Tls,
        tasks: [JoinHandle<()>; 2],
        _folder: TempDir,
    }

    impl Front {
        async fn start(bounds: Bounds) -> Self {
            let folder = tempfile::tempdir().unwrap();
            write_certificates(folder.path());
            let file = |name| folder.path().join(name);
            let tls = Tls::read(&TlsFiles {
                ca: file("ca.pem"),
                cert: file("cert.pem"),
                key: file("key.pem"),
            });
            let tls = tls.unwrap();
            let listener = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
            let (echo, front) = (listener().await.unwrap(), listener().await.unwrap());
            let inner = echo.local_addr().unwrap();
            let address = front.local_addr().unwrap();
            let echo = tokio::spawn(async move {
                while let Ok((mut socket, _)) = echo.accept().await {
                    tokio::spawn(async move {
                        let (mut from, mut to) = socket.split();
                        let _ = tokio::io::copy(&mut from, &mut to).await;
                    });
                }
            });
            let acceptor = tls.acceptor().unwrap();
            let served = tokio::spawn(serve_within(bounds, front, acceptor, inner));
            Self {
                address,
                tls,
                tasks: [echo, served],
                _folder: folder,
            }
        }

        async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
            let connector = TlsConnector::from(Arc::new(self.tls.client_config().unwrap()));
            let socket = TcpStream::connect(self.address).await?;
            let name = ServerName::try_from("localhost").unwrap();
            connector.connect(name, socket).await
        }
    }

    impl Drop for Front {
        fn drop(&mut self) {
            for task in &self.tasks {
                task.abort();
            }
        }
    }

    async fn echoes(stream: &mut TlsStream<TcpStream>) -> bool {
        let mut answer = [0; 4];
        let asked = async {
            stream.write_all(b"ping").await?;
            stream.flush().await?;
            stream.read_exact(&mut answer).await
        };
        matches!(timeout(LIMIT, asked).await, Ok(Ok(_))) && &answer == b"ping"
    }

    /// Whether somebody with a certificate is served.
    async fn serves(front: &Front) -> bool {
        match front.connect().await {
            Ok(mut stream) => echoes(&mut stream).await,
            Err(_) => false,
        }
    }

    /// The stream ends, well or with an error, and gives no more bytes.
    async fn ends(stream: &mut (impl AsyncRead + Unpin)) {
        let read = timeout(LIMIT, stream.read(&mut [0; 64])).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_shows_no_certificate_in_time_is_cut_off() {
        let bounds = Bounds {
            handshake: Duration::from_millis(200),
            ..Bounds::default()
        };
        let front = Front::start(bounds).await;
        let start = Instant::now();
        let mut silent = TcpStream::connect(front.address).await.unwrap();
        ends(&mut silent).await;
        assert!(start.elapsed() >= bounds.handshake);
        // Half of a handshake is none.
        let mut slow = TcpStream::connect(front.address).await.unwrap();
        slow.write_all(&[22, 3, 1, 2]).await.unwrap();
        ends(&mut slow).await;
        // On a busy machine a certificate may come too late as well.
        let begin = Instant::now();
        while !serves(&front).await {
            assert!(begin.elapsed() < LIMIT, "nobody is served any more");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_connection_without_a_byte_is_closed_and_one_that_talks_is_not() {
        let bounds = Bounds {
            idle: Duration::from_secs(4),
            ..Bounds::default()
        };
        let front = Front::start(bounds).await;
        let mut silent = front.connect().await.unwrap();
        let mut talking = front.connect().await.unwrap();
        let (mut start, mut last) = (Instant::now(), Instant::now());
        while start.elapsed() < bounds.idle.mul_f64(1.5) {
            let now = Instant::now();
            if echoes(&mut talking).await {
                last = now;
                sleep(bounds.idle / 20).await;
                continue;
            }
            // Only where the machine was busy with other things for so long that this was silent too.
            assert!(last.elapsed() >= bounds.idle, "after {:?}", start.elapsed());
            talking = front.connect().await.unwrap();
            (start, last) = (Instant::now(), Instant::now());
        }
        ends(&mut silent).await;
        assert!(echoes(&mut talking).await || last.elapsed() >= bounds.idle);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn connections_beyond_the_limit_wait_for_a_place() {
        let bounds = Bounds {
            connections: 3,
            ..Bounds::default()
        };
        let front = Front::start(bounds).await;
        let mut held = vec![];
        for _ in 0..bounds.connections {
            held.push(front.connect().await.unwrap());
        }
        let next = front.connect();
        tokio::pin!(next);
        let waits = timeout(Duration::from_millis(500), &mut next).await;
        assert!(waits.is_err(), "a fourth connection is taken");
        for stream in &mut held {
            assert!(echoes(stream).await);
        }
        drop(held.pop());
        let mut taken = timeout(LIMIT, next).await.unwrap().unwrap();
        assert!(echoes(&mut taken).await);
    }
}
