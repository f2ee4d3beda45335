//! TLS in front of a service that has none.
//!
//! Ballista's servers speak plain HTTP/2. Theirs listen on this machine alone, and a front takes
//! the connections from outside: it checks the certificate and hands on the bytes.

use std::io;
use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Takes connections from `listener` for as long as the process lives, and hands those with a
/// certificate on to the service at `inner`.
pub(crate) async fn serve(listener: TcpListener, acceptor: TlsAcceptor, inner: SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((socket, from)) => {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Err(error) = hand_on(socket, acceptor, inner).await {
                        log::debug!("the connection from {from} ends: {error}");
                    }
                });
            }
            // Too many open files, for one: others will close.
            Err(error) => log::warn!("a connection is not taken: {error}"),
        }
    }
}

async fn hand_on(socket: TcpStream, acceptor: TlsAcceptor, inner: SocketAddr) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut outside = acceptor.accept(socket).await?;
    let mut inside = TcpStream::connect(inner).await?;
    inside.set_nodelay(true)?;
    copy_bidirectional(&mut outside, &mut inside).await?;
    Ok(())
}
