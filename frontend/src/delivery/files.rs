//! Posts with files, made once however often they are tried.
//!
//! Trust: such a post says in its props which files of an outbox it has. It counts if
//! the bot wrote it.

use std::time::Duration;

use gaggle_ipc::MattermostId;
use serde_json::{Map, Value, json};

use crate::mattermost::{Client, Error, NewPost, PendingPostId, Post};

/// The post that asked, in the props of each post that brings files for it.
const PROP_FILES_OF: &str = "gaggle_files_of";
/// The files that the post has: each with its name and stamp.
const PROP_FILES: &str = "gaggle_files";
/// How often a post is tried.
const TRIES: u32 = 8;
/// Pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// An entry of an outbox, by which it is known again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Another number once it was changed.
    pub stamp: u64,
}

/// Where files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilesPlace {
    /// The channel.
    pub channel: MattermostId,
    /// The root of the thread.
    pub root: Option<MattermostId>,
    /// The post that asked.
    pub asked: MattermostId,
}

/// The files that posts of this thread brought for any of the `asked`, oldest first,
/// already.
///
/// # Errors
/// [`Error`].
pub async fn brought(
    client: &Client,
    (channel, root): (MattermostId, Option<MattermostId>),
    asked: &[MattermostId],
) -> Result<Vec<Entry>, Error> {
    let Some(oldest) = asked.first() else { return Ok(Vec::new()) };
    let me = client.own_id().await?;
    let mut posts = client.thread_after((channel, root), *oldest).await?;
    posts.retain(|post| {
        post.user == me && asked.iter().any(|asked| of(post) == Some(asked.as_str()))
    });
    Ok(posts.iter().flat_map(entries).collect())
}

/// Posts `message` with `files`, which are those `entries`. Tried again as long as that
/// may help; a try that may have succeeded is looked for first.
///
/// # Errors
/// [`Error`] of the last try.
pub async fn post(
    client: &Client,
    place: FilesPlace,
    message: &str,
    entries: &[Entry],
    files: Vec<MattermostId>,
) -> Result<Post, Error> {
    let mut pause = FIRST_PAUSE;
    let mut uncertain = false;
    for tried in 1.. {
        let error = match once(client, place, message, entries, &files, uncertain).await {
            Ok(post) => return Ok(post),
            Err(error) => error,
        };
        let wait = match &error {
            Error::RateLimited { retry_after } => *retry_after,
            Error::Unavailable { maybe_done, .. } => {
                uncertain |= maybe_done;
                pause
            }
            Error::Malformed { .. } => {
                uncertain = true;
                pause
            }
            _ => return Err(error),
        };
        if tried == TRIES {
            return Err(error);
        }
        tokio::time::sleep(wait.max(pause)).await;
        pause *= 2;
    }
    Err(Error::Unavailable { cause: "never tried".to_owned(), maybe_done: false })
}

async fn once(
    client: &Client,
    place: FilesPlace,
    message: &str,
    entries: &[Entry],
    files: &[MattermostId],
    uncertain: bool,
) -> Result<Post, Error> {
    if uncertain && let Some(post) = made(client, place, files).await? {
        return Ok(post);
    }
    let listed = entries.iter().map(|entry| json!([entry.name, entry.stamp.to_string()]));
    let props = [
        (PROP_FILES_OF.to_owned(), place.asked.as_str().into()),
        (PROP_FILES.to_owned(), Value::Array(listed.collect())),
    ];
    let new = NewPost {
        channel: place.channel,
        root: place.root,
        message: message.to_owned(),
        props: Map::from_iter(props),
        files: files.to_vec(),
        pending_post_id: PendingPostId::new(),
    };
    client.create_post(&new).await
}

/// The post that an uncertain try made. These very files can be of no other.
async fn made(
    client: &Client,
    place: FilesPlace,
    files: &[MattermostId],
) -> Result<Option<Post>, Error> {
    let me = client.own_id().await?;
    let posts = client.thread_after((place.channel, place.root), place.asked).await?;
    Ok(posts.into_iter().find(|post| {
        post.user == me
            && of(post) == Some(place.asked.as_str())
            && post.files.iter().any(|file| files.contains(file))
    }))
}

fn of(post: &Post) -> Option<&str> {
    post.props.get(PROP_FILES_OF).and_then(Value::as_str)
}

fn entries(post: &Post) -> Vec<Entry> {
    let listed = post.props.get(PROP_FILES).and_then(Value::as_array);
    let entry = |value: &Value| {
        let name = value.get(0)?.as_str()?.to_owned();
        Some(Entry { name, stamp: value.get(1)?.as_str()?.parse().ok()? })
    };
    listed.into_iter().flatten().filter_map(entry).collect()
}
