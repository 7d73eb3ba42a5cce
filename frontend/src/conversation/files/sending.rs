//! One file on its way from a workspace into Mattermost.
//!
//! Trust: the worker's words are an agent's: a name is made plain, and exactly as many
//! bytes go on as were announced, or none count.

use std::io;

use bytes::Bytes;
use gaggle_ipc::files::{FileNews, FileOrder, FilePlace, FileRefusal, WINDOW, plain_name};
use gaggle_ipc::{MattermostId, Text};
use tokio::sync::mpsc;

use crate::mattermost::Client;
use crate::words::files::FileTrouble;
use crate::worker::FileRoute;

/// How often a file is sent.
const TRIES: u32 = 2;
/// Pieces between the worker and Mattermost.
const PIECES: usize = 2;

/// A file that is in Mattermost, attached to no post yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Uploaded {
    pub(super) id: MattermostId,
    pub(super) size: u64,
}

/// Why it is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsent {
    /// The file cannot be sent.
    File(FileTrouble),
    /// The worker is gone.
    Worker,
}

impl From<FileRefusal> for Unsent {
    fn from(refusal: FileRefusal) -> Self {
        Self::File(FileTrouble::Refused(refusal))
    }
}

/// Which file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) place: FilePlace,
    pub(super) path: &'a str,
    /// A larger one is not sent; in bytes.
    pub(super) max: u64,
}

/// Puts a file into Mattermost, for a post of `channel`.
pub(super) async fn send(
    client: &Client,
    route: &mut FileRoute,
    channel: MattermostId,
    wanted: Wanted<'_>,
) -> Result<Uploaded, Unsent> {
    let mut tries = 0;
    loop {
        tries += 1;
        match send_once(client, route, channel, wanted).await {
            Err(Unsent::File(FileTrouble::Unavailable)) if tries < TRIES => {}
            Err(Unsent::File(FileTrouble::Refused(FileRefusal::TooLarge))) => {
                return Err(Unsent::File(FileTrouble::TooLarge(wanted.max)));
            }
            ended => return ended,
        }
    }
}

async fn send_once(
    client: &Client,
    route: &mut FileRoute,
    channel: MattermostId,
    Wanted { place, path, max }: Wanted<'_>,
) -> Result<Uploaded, Unsent> {
    let path = Text::new(path).map_err(|_| FileRefusal::BadName)?;
    let order = FileOrder::Read { place, path, max };
    route.begin(order).await.map_err(|_| Unsent::Worker)?;
    let (name, size) = match route.next().await.ok_or(Unsent::Worker)? {
        FileNews::Opened { name, size, .. } if size <= max => (plain_name(name.as_str()), size),
        FileNews::Refused(why) => return Err(why.into()),
        _ => return Err(give_up(route, FileRefusal::Sandbox).await),
    };
    let (pieces, body) = mpsc::channel(PIECES);
    let uploading = client.upload(channel, &name, size, body);
    let (passed, uploaded) = tokio::join!(pass(route, size, pieces), uploading);
    match (passed, uploaded) {
        // A file that broke off says more than the upload that broke off with it.
        (Err(Passed::Refused(why)), _) => Err(why.into()),
        (Err(Passed::Worker), _) => Err(Unsent::Worker),
        (Err(Passed::Lied), _) => Err(give_up(route, FileRefusal::WrongSize).await),
        (Err(Passed::NobodyTakes), Ok(_)) => Err(give_up(route, FileRefusal::WrongSize).await),
        (Err(Passed::NobodyTakes), Err(error)) => {
            tracing::info!(%error, "a file was not uploaded");
            give_up(route, FileRefusal::Stopped).await;
            Err(Unsent::File(error.into()))
        }
        (Ok(()), Err(error)) => {
            tracing::info!(%error, "a file was not uploaded");
            Err(Unsent::File(error.into()))
        }
        (Ok(()), Ok(info)) => Ok(Uploaded { id: info.id, size }),
    }
}

enum Passed {
    Refused(FileRefusal),
    Worker,
    /// Other bytes than were announced.
    Lied,
    /// The upload ended first.
    NobodyTakes,
}

/// Passes the pieces on; there is room for the next one when one is taken.
async fn pass(
    route: &mut FileRoute,
    size: u64,
    pieces: mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), Passed> {
    let passed = pass_all(route, size, &pieces).await;
    if passed.is_err() {
        // So that what came so far is not taken for the file.
        let broken = io::Error::from(io::ErrorKind::UnexpectedEof);
        let _ = pieces.send(Err(broken)).await;
    }
    passed
}

async fn pass_all(
    route: &mut FileRoute,
    size: u64,
    pieces: &mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), Passed> {
    let mut left = size;
    let mut room = WINDOW;
    loop {
        route.order(FileOrder::Room { chunks: room }).await.map_err(|_| Passed::Worker)?;
        match route.next().await.ok_or(Passed::Worker)? {
            FileNews::Bytes(chunk) => {
                left = left.checked_sub(chunk.size()).ok_or(Passed::Lied)?;
                let bytes = Bytes::copy_from_slice(chunk.bytes());
                pieces.send(Ok(bytes)).await.map_err(|_| Passed::NobodyTakes)?;
                room = 1;
            }
            FileNews::Ended if left == 0 => return Ok(()),
            FileNews::Refused(why) => return Err(Passed::Refused(why)),
            _ => return Err(Passed::Lied),
        }
    }
}

/// Ends what the worker still has under way.
async fn give_up(route: &mut FileRoute, why: FileRefusal) -> Unsent {
    match route.stop().await {
        Some(_) => why.into(),
        None => Unsent::Worker,
    }
}
