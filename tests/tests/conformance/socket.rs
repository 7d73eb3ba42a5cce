//! A WebSocket client that keeps what it has seen.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Long enough for any server; waiting ends as soon as the event is there.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// What one waits for on a socket.
pub(crate) enum Heard {
    Message(Value),
    Closed,
}

impl Socket {
    /// Connects with a token in the header, or without one.
    pub(crate) async fn connect(base: &str, token: Option<&str>, query: &str) -> Result<Self> {
        Self::connect_from(base, token, query, None).await
    }

    pub(crate) async fn connect_from(
        base: &str,
        token: Option<&str>,
        query: &str,
        origin: Option<&str>,
    ) -> Result<Self> {
        let base = base.replacen("http", "ws", 1);
        let mut request = format!("{base}/api/v4/websocket{query}").into_client_request()?;
        if let Some(token) = token {
            request.headers_mut().insert("Authorization", format!("Bearer {token}").parse()?);
        }
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", origin.parse()?);
        }
        let (stream, _) = connect_async(request).await.context("handshake")?;
        Ok(Self { stream })
    }

    /// Connects and takes the `hello`.
    pub(crate) async fn open(base: &str, token: &str) -> Result<(Self, Value)> {
        let mut socket = Self::connect(base, Some(token), "").await?;
        let hello = socket.event("hello").await?;
        Ok((socket, hello))
    }

    pub(crate) async fn send(&mut self, seq: i64, action: &str, data: Value) -> Result<()> {
        let action = json!({ "seq": seq, "action": action, "data": data });
        Ok(self.stream.send(Message::text(action.to_string())).await?)
    }

    pub(crate) async fn send_text(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// The next message, whatever it is.
    pub(crate) async fn next(&mut self) -> Result<Heard> {
        loop {
            match timeout(DEADLINE, self.stream.next()).await.context("nothing came")? {
                Some(Ok(Message::Text(text))) => {
                    return Ok(Heard::Message(serde_json::from_str(&text)?));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(Heard::Closed),
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next message that is as wanted; what comes before is passed over.
    pub(crate) async fn find(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        loop {
            match self.next().await? {
                Heard::Message(message) if wanted(&message) => return Ok(message),
                Heard::Message(_) => {}
                Heard::Closed => bail!("closed while waiting"),
            }
        }
    }

    pub(crate) async fn event(&mut self, name: &str) -> Result<Value> {
        self.find(|message| message["event"] == name).await.with_context(|| format!("no {name}"))
    }

    /// The `posted` event of a text, and the post in it.
    pub(crate) async fn posted(&mut self, text: &str) -> Result<(Value, Value)> {
        loop {
            let event = self.event("posted").await.with_context(|| format!("of {text:?}"))?;
            let post = inner(&event, "post")?;
            if post["message"] == text {
                return Ok((event, post));
            }
        }
    }

    pub(crate) async fn reply(&mut self, seq: i64) -> Result<Value> {
        self.find(|message| message["seq_reply"] == seq).await
    }

    /// Waits until the server has ended the connection.
    pub(crate) async fn closed(&mut self) -> Result<()> {
        while let Heard::Message(_) = self.next().await? {}
        Ok(())
    }
}

/// The JSON inside of a string field of an event's data.
pub(crate) fn inner(event: &Value, field: &str) -> Result<Value> {
    let text = event["data"][field].as_str().with_context(|| format!("no {field} in {event}"))?;
    Ok(serde_json::from_str(text)?)
}

/// The ids in the `mentions` of a `posted` event.
pub(crate) fn mentions(event: &Value) -> Vec<String> {
    let ids = inner(event, "mentions").ok().and_then(|ids| serde_json::from_value(ids).ok());
    ids.unwrap_or_default()
}
