//! What a turn looks like in Mattermost, as pure functions.
//!
//! Trust: everything shown here is the agent's text. It leaves this module
//! defused and in pieces that Mattermost accepts.

mod code;
pub mod defuse;
mod hosts;
mod links;
mod output;
mod posts;
pub mod split;
mod trace;
mod transcript;

pub use hosts::Hosts;
pub use posts::{Rendered, Style, posts, progress_left, with_person};
pub use transcript::{Ending, Phase, Tool, Transcript};
