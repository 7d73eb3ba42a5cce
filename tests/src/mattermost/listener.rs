//! The listening socket, which can go away for a while and come back on the
//! same port.
//!
//! Trust: a second socket that never listens holds the port meanwhile, so that
//! no other program on the machine gets it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::server::{App, Wire};

/// The listening socket of a simulator.
pub(super) struct Gate {
    app: App,
    addr: SocketAddr,
    listener: Option<TcpListener>,
    closed_until: watch::Receiver<Option<Instant>>,
    _port: TcpSocket,
}

fn bound(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

impl Gate {
    pub(super) fn bind(app: App, addr: SocketAddr) -> io::Result<Self> {
        let port = bound(addr)?;
        let addr = port.local_addr()?;
        let listener = Some(bound(addr)?.listen(1024)?);
        let closed_until = app.closed_until.subscribe();
        Ok(Self { app, addr, listener, closed_until, _port: port })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Opens or closes the listening socket as the switch says; then waits for
    /// a connection or a change of the switch.
    async fn step(&mut self) -> io::Result<Option<TcpStream>> {
        let until = *self.closed_until.borrow_and_update();
        if let Some(until) = until.filter(|until| *until > Instant::now()) {
            self.listener = None;
            tokio::select! {
                () = sleep_until(until) => {}
                changed = self.closed_until.changed() => changed.map_err(io::Error::other)?,
            }
            return Ok(None);
        }
        let listener = match self.listener.take() {
            Some(listener) => listener,
            None => bound(self.addr)?.listen(1024)?,
        };
        let listener = self.listener.insert(listener);
        tokio::select! {
            accepted = TcpListener::accept(listener) => accepted.map(|(stream, _)| Some(stream)),
            changed = self.closed_until.changed() => {
                changed.map_err(io::Error::other).map(|()| None)
            }
        }
    }
}

impl Listener for Gate {
    type Io = TcpStream;
    type Addr = Wire;

    async fn accept(&mut self) -> (TcpStream, Wire) {
        loop {
            let Ok(stream) = self.step().await else {
                // Out of descriptors, or the port is not free yet: both pass.
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            let Some(stream) = stream else { continue };
            // An event and the answer beside it are separate small writes.
            let _ = stream.set_nodelay(true);
            if let Ok(wire) = Wire::new(&stream) {
                self.app.keep_wire(&wire);
                return (stream, wire);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Wire> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Connected<IncomingStream<'_, Gate>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Gate>) -> Self {
        stream.remote_addr().clone()
    }
}
