//! Opens the WebSocket over which Mattermost tells what happens.
//!
//! Trust: the token goes in the header of the handshake, as with every call, so
//! that nothing but the configured server ever sees it. That the server answers
//! the handshake says nothing yet: it does so to a bad token as well.

use gaggle_ipc::MattermostId;
use http::{HeaderMap, HeaderValue, header};
use reqwest::Upgraded;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::{Client, Error};

/// Largest event in bytes: a post at a server's limits, text and props, fits.
const MAX_EVENT: usize = 8 * 1024 * 1024;

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<Upgraded>;

/// Where a line that broke is taken up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    /// As the server named the line.
    pub(crate) connection: MattermostId,
    /// The first event that is missing.
    pub(crate) next: u64,
}

impl Client {
    /// Opens it, once; the server's first word shows whether it is of use.
    ///
    /// # Errors
    /// [`Error`]: a proxy or the server does not let it through, above all.
    pub(crate) async fn websocket(&self, resume: Option<Resume>) -> Result<Socket, Error> {
        let key = generate_key();
        let query = resume.map_or_else(Vec::new, |resume| {
            vec![
                ("connection_id", resume.connection.to_string()),
                ("sequence_number", resume.next.to_string()),
            ]
        });
        let (headers, upgraded) =
            self.transport().upgrade("websocket", &query, handshake(&key)?).await?;
        let accepted = headers.get(header::SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
        if accepted != Some(derive_accept_key(key.as_bytes()).as_bytes()) {
            return Err(Error::Malformed { what: "a handshake that is no WebSocket's".to_owned() });
        }
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MAX_EVENT))
            .max_frame_size(Some(MAX_EVENT));
        Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(limits)).await)
    }
}

fn handshake(key: &str) -> Result<HeaderMap, Error> {
    let key = HeaderValue::from_str(key).map_err(super::transport::setup)?;
    Ok(HeaderMap::from_iter([
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        (header::SEC_WEBSOCKET_KEY, key),
    ]))
}
