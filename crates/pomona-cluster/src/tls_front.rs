//! TLS in front of a service that has none.
//!
//! Ballista's servers speak plain HTTP/2. Theirs listen on this machine alone, and a front takes
//! the connections from outside: it checks the certificate and hands on the bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// How long a client may take to show its certificate.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Connections at the same time, those in their handshake among them. A cluster of a hundred
/// executors has some hundreds; a process may usually open 1,024 files.
const CONNECTIONS: usize = 900;

/// After so long without a byte the system asks whether the other side still lives.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The pause after a connection that could not be accepted, at first and at most: other files must
/// be closed before another attempt can succeed.
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The time between two log lines about connections that could not be accepted.
const LOG_INTERVAL: Duration = Duration::from_secs(30);

/// Takes connections from `listener` for as long as the process lives, and hands those with a
/// certificate on to the service at `inner`.
pub(crate) async fn serve(listener: TcpListener, acceptor: TlsAcceptor, inner: SocketAddr) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
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
                    if let Err(error) = hand_on(socket, acceptor, inner).await {
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

async fn hand_on(socket: TcpStream, acceptor: TlsAcceptor, inner: SocketAddr) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE / 4);
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    let mut outside = timeout(HANDSHAKE, acceptor.accept(socket)).await??;
    let mut inside = TcpStream::connect(inner).await?;
    inside.set_nodelay(true)?;
    copy_bidirectional(&mut outside, &mut inside).await?;
    Ok(())
}
