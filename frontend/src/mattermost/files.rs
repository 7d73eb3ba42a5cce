//! Files: what is attached to posts, read and put there piece by piece.
//!
//! Trust: what a file is said to be is believed of its limits only downwards: a body
//! that is longer or shorter than was stated, comes too slowly, or lies elsewhere, is
//! none. Names are whatever their owner chose.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use gaggle_ipc::MattermostId;
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::failure::Failure;
use super::transport::Request;
use super::types::known;
use super::{Client, Error, wire};

/// How long a file may pause.
const PAUSE: Duration = Duration::from_secs(20);
/// Every file gets so long, and what it takes at [`SLOWEST`] besides.
const LEAST: Duration = Duration::from_secs(60);
/// Bytes a second below which a file is given up.
const SLOWEST: u64 = 64 * 1024;

/// An uploaded file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileInfo {
    /// Its id.
    #[serde(deserialize_with = "wire::id")]
    pub id: MattermostId,
    /// Its name, as its owner chose it.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub name: String,
    /// Its size in bytes, as the server has it.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub size: u64,
    /// When it was deleted, 0 = it is there.
    #[serde(default, deserialize_with = "wire::or_default")]
    pub delete_at: i64,
}

/// A file that is being read.
#[derive(Debug)]
pub struct Download {
    body: reqwest::Response,
    left: u64,
    until: Instant,
}

/// Why a file could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// The server.
    #[error(transparent)]
    Mattermost(#[from] Error),
    /// Its bytes are not as many as the server said.
    #[error("the file's bytes are not as many as the server said")]
    WrongSize,
    /// It comes too slowly.
    #[error("the file comes too slowly")]
    Slow,
}

impl Client {
    /// What a file is, without its content.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the bot may not read it.
    pub async fn file_info(&self, file: MattermostId) -> Result<FileInfo, Error> {
        self.fetch(Request::get(format!("files/{file}/info"))).await
    }

    /// Begins to read a file.
    ///
    /// # Errors
    /// [`DownloadError::WrongSize`] if the answer says so before its first byte.
    pub async fn download(&self, file: &FileInfo) -> Result<Download, DownloadError> {
        let request = Request::open(format!("files/{}", file.id));
        let body = self.transport().open(&request).await?;
        if body.content_length().is_some_and(|length| length != file.size) {
            return Err(DownloadError::WrongSize);
        }
        Ok(Download { body, left: file.size, until: Instant::now() + time_for(file.size) })
    }

    /// Puts `size` bytes, which come over `pieces`, on the server as a file that is
    /// attached to no post yet. Tried once: whoever has the pieces sends them again.
    ///
    /// # Errors
    /// [`Error::Rejected`] with status 413 if it is too large for the server.
    pub async fn upload(
        &self,
        channel: MattermostId,
        name: &str,
        size: u64,
        pieces: mpsc::Receiver<io::Result<Bytes>>,
    ) -> Result<FileInfo, Error> {
        #[derive(Deserialize)]
        struct Uploaded {
            #[serde(default, deserialize_with = "wire::or_default")]
            file_infos: Vec<Value>,
        }
        let request = Request::upload("files").with("channel_id", channel).with("filename", name);
        let stream = futures_util::stream::unfold(pieces, |mut pieces| async move {
            pieces.recv().await.map(|piece| (piece, pieces))
        });
        let body = reqwest::Body::wrap_stream(stream);
        let length = (header::CONTENT_LENGTH, HeaderValue::from(size));
        let headers = HeaderMap::from_iter([length]);
        let sending = self.transport().send_stream(&request, headers, body);
        let answer = timeout(time_for(size), sending)
            .await
            .map_err(|_| Failure::lost("timed out: the file goes too slowly".to_owned()).error)?;
        let uploaded: Uploaded = answer?.json()?;
        let (mut infos, _) = known::<FileInfo>(uploaded.file_infos);
        match (infos.pop(), infos.is_empty()) {
            (Some(info), true) => Ok(info),
            _ => Err(Error::Malformed { what: "an upload of one file".to_owned() }),
        }
    }
}

impl Download {
    /// The next bytes; `None` after exactly as many as the server said.
    ///
    /// # Errors
    /// [`DownloadError`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, DownloadError> {
        let soon = self.until.min(Instant::now() + PAUSE);
        let piece = timeout_at(soon, self.body.chunk()).await.map_err(|_| DownloadError::Slow)?;
        match piece.map_err(|error| Failure::connection(error).error)? {
            None if self.left == 0 => Ok(None),
            None => Err(DownloadError::WrongSize),
            Some(piece) => {
                let left = self.left.checked_sub(piece.len() as u64);
                self.left = left.ok_or(DownloadError::WrongSize)?;
                Ok(Some(piece))
            }
        }
    }
}

fn time_for(size: u64) -> Duration {
    LEAST + Duration::from_secs(size / SLOWEST)
}
