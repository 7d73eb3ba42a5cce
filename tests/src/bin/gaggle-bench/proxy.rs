//! A proxy before Mattermost that counts requests and may delay everything. A
//! connection that becomes a WebSocket is passed through.
//!
//! Trust: it stands between the two programs that are measured, on loopback.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use gaggle_tests::mattermost::Id;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// Pieces under way in one direction.
const UNDER_WAY: usize = 256;
/// Bytes of a piece.
const PIECE: usize = 16 * 1024;
/// Longest head of a request.
const HEAD: usize = 64 * 1024;

/// How often each method and path was asked for, ids left out.
pub(crate) type Count = BTreeMap<String, u64>;

/// A running proxy; it ends when this is dropped.
pub(crate) struct Proxy {
    url: String,
    count: Arc<Mutex<Count>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// To the server at `base`, with `delay` added in each direction.
    pub(crate) async fn start(base: &str, delay: Duration) -> Result<Self> {
        let server = base.strip_prefix("http://").context("a proxy needs plain http")?.to_owned();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(any).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let count = Arc::new(Mutex::new(Count::new()));
        let counted = Arc::clone(&count);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (server, count) = (server.clone(), Arc::clone(&counted));
                connections.spawn(async move { relay(stream, &server, delay, &count).await });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { url, count, task })
    }

    /// Its own address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What was asked for so far.
    pub(crate) fn count(&self) -> Count {
        self.count.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(client: TcpStream, server: &str, delay: Duration, count: &Mutex<Count>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut requests = Requests::default();
    let up = pipe(from_client, to_server, delay, |piece| requests.read(piece, count));
    let down = pipe(from_server, to_client, delay, |_| {});
    tokio::join!(up, down);
}

/// Passes on what comes, as much later as is said.
async fn pipe(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
    mut look: impl FnMut(&[u8]),
) {
    let (put, mut take) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let reading = async move {
        let mut buffer = vec![0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let piece = buffer.get(..length).unwrap_or_default();
            look(piece);
            if put.send((Instant::now() + delay, piece.to_owned())).await.is_err() {
                break;
            }
        }
    };
    let writing = async move {
        while let Some((due, piece)) = take.recv().await {
            if !delay.is_zero() {
                sleep_until(due).await;
            }
            if to.write_all(&piece).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}

/// The requests on one connection.
#[derive(Default)]
struct Requests {
    head: Vec<u8>,
    /// Bytes of a body that are still to come.
    body: usize,
    /// No longer HTTP, or nothing that is understood.
    over: bool,
}

impl Requests {
    fn read(&mut self, mut piece: &[u8], count: &Mutex<Count>) {
        while !piece.is_empty() && !self.over {
            if self.body > 0 {
                let skipped = self.body.min(piece.len());
                self.body -= skipped;
                piece = piece.get(skipped..).unwrap_or_default();
                continue;
            }
            let (byte, rest) = piece.split_first().map_or((0, piece), |(byte, rest)| (*byte, rest));
            piece = rest;
            self.head.push(byte);
            if self.head.ends_with(b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.head).into_owned();
                self.head.clear();
                self.take(&head, count);
            }
            self.over |= self.head.len() > HEAD;
        }
    }

    fn take(&mut self, head: &str, count: &Mutex<Count>) {
        let value = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        self.body = value("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        self.over = value("upgrade").is_some();
        let mut words = head.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let path = path.split('?').next().unwrap_or_default();
        let parts = path.split('/').map(|part| if Id::parse(part).is_some() { "*" } else { part });
        let name = format!("{method} {}", parts.collect::<Vec<_>>().join("/"));
        *count.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_however_they_are_cut() {
        let id = Id::random();
        let text = format!(
            "POST /api/v4/posts HTTP/1.1\r\nContent-Length: 8\r\n\r\nGET / \r\n\
             GET /api/v4/posts/{id}?x=1 HTTP/1.1\r\n\r\n\
             GET /api/v4/websocket HTTP/1.1\r\nUpgrade: websocket\r\n\r\nGET /no HTTP/1.1\r\n\r\n"
        );
        for size in [1, 7, 4096] {
            let count = Mutex::new(Count::new());
            let mut requests = Requests::default();
            for piece in text.as_bytes().chunks(size) {
                requests.read(piece, &count);
            }
            let found: Vec<_> = count.into_inner().unwrap().into_keys().collect();
            let wanted = ["GET /api/v4/posts/*", "GET /api/v4/websocket", "POST /api/v4/posts"];
            assert_eq!(found, wanted, "cut into {size}");
        }
    }
}
