//! Images of a prompt, on their way from the inbox into Goose's input.
//!
//! Trust: the name is the frontend's, the file an agent's by now. It is opened in the
//! sandbox, and counts as the image that its bytes begin like, or as none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gaggle_ipc::files::{
    FileName, FileNews, FileOrder, FilePlace, FileRefusal, ImageKind, MAX_IMAGE,
};
use gaggle_ipc::{Text, ThreadId};
use tokio::sync::mpsc;

use super::pipe::Pipe;
use crate::stage::Shared;

/// Why an image is not in the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImageError {
    /// It cannot be read. Nothing of it was passed on.
    Unfit(FileRefusal),
    /// It is no image.
    NoImage,
    /// It broke off half-way, or Goose does not take it.
    Broken,
}

/// Writes the image as an element of a prompt: `before`, then its block.
///
/// # Errors
/// [`ImageError`]; after `Broken` the line is of no use.
pub(crate) async fn feed(
    shared: &Shared,
    thread: ThreadId,
    name: &FileName,
    before: &str,
    line: &mpsc::Sender<String>,
) -> Result<(), ImageError> {
    let turn = shared.transfers.acquire().await;
    let _turn = turn.map_err(|_| ImageError::Unfit(FileRefusal::Busy))?;
    let mut pipe = Pipe::open(shared, thread).map_err(ImageError::Unfit)?;
    let fed = pass(&mut pipe, name, before, line).await;
    pipe.close().await;
    fed
}

async fn pass(
    pipe: &mut Pipe,
    name: &FileName,
    before: &str,
    line: &mpsc::Sender<String>,
) -> Result<(), ImageError> {
    let path = Text::new(name.as_str()).map_err(|_| ImageError::Unfit(FileRefusal::BadName))?;
    let order = FileOrder::Read { place: FilePlace::Inbox, path, max: MAX_IMAGE };
    pipe.say(&order).await.map_err(ImageError::Unfit)?;
    let (size, kind) = opened(pipe).await?;
    let write = async |piece: String| line.send(piece).await.map_err(|_| ImageError::Broken);
    write(format!("{before}{{\"type\":\"image\",\"mimeType\":\"{}\",\"data\":\"", kind.mime()))
        .await?;
    let mut left = size;
    loop {
        match pipe.hear().await {
            // Whole pieces, so that their encodings can be joined.
            Ok(FileNews::Bytes(chunk)) if chunk.size() <= left => {
                left -= chunk.size();
                write(STANDARD.encode(chunk.bytes())).await?;
            }
            Ok(FileNews::Ended) if left == 0 => return write("\"}".to_owned()).await,
            _ => return Err(ImageError::Broken),
        }
    }
}

async fn opened(pipe: &mut Pipe) -> Result<(u64, ImageKind), ImageError> {
    match pipe.hear().await {
        Ok(FileNews::Opened { size, image: Some(kind), .. }) if size <= MAX_IMAGE => {
            Ok((size, kind))
        }
        Ok(FileNews::Opened { .. }) => Err(ImageError::NoImage),
        Ok(FileNews::Refused(why)) | Err(why) => Err(ImageError::Unfit(why)),
        Ok(_) => Err(ImageError::Unfit(FileRefusal::Sandbox)),
    }
}
