//! [`Served`]: routes on a free port of 127.0.0.1, until they are dropped.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use axum::Router;
use tokio::sync::oneshot;

/// Running routes.
pub(crate) struct Served {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Served {
    /// Serves routes that may know their address. They answer when this returns.
    pub(crate) fn start(routes: impl FnOnce(SocketAddr) -> Router) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let routes = routes(address);
        let (stop, stopped) = oneshot::channel();
        // A thread of its own: a test may block its runtime without stopping the server.
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("the system lets a process make a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener)
                    .expect("the listener does not block");
                tokio::select! {
                    served = axum::serve(listener, routes) => served.expect("serving goes on"),
                    _ = stopped => {}
                }
            });
        });
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
