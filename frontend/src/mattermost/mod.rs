//! Mattermost's REST API, version 4, as a bot uses it.
//!
//! Trust: the server is who its TLS certificate says, and its answers are
//! believed about Mattermost's own affairs (who wrote, in which channel). Every
//! answer is capped in size, unknown JSON is ignored, and what is not an id does
//! not become one. Errors are told apart by their `id`, never by their message,
//! which the server translates.

mod budget;
mod channels;
mod client;
mod clock;
mod connector;
mod directory;
mod error;
mod failure;
mod files;
mod making;
mod people;
mod posts;
mod retry;
mod search;
mod thread;
mod tls;
mod transport;
mod types;
pub(crate) mod walk;
mod websocket;
mod wire;

pub(crate) use budget::Worth;
pub use client::Client;
pub use directory::{Among, ChannelDetails, Handle, Profile, TeamDetails};
pub use error::Error;
pub use files::{Download, DownloadError, FileInfo};
pub use making::NewChannel;
pub use posts::{Emoji, NewPost, PageQuery, PendingPostId, PostPatch};
pub use search::Search;
pub use thread::{PostRef, ThreadPart};
pub use types::{
    Channel, ChannelKind, ChannelList, ChannelMember, Post, PostPage, Reaction, Team, User,
};
pub(crate) use websocket::{Resume, Socket};
