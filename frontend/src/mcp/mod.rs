//! Mattermost as tools for agents, over the Model Context Protocol.
//!
//! Whose rights a call has is the [`Caller`]'s; whether a tool may be used at all
//! is the [`Gate`]'s; how bytes come and go is the transport's. None of the three
//! knows the others.
//!
//! Trust: a caller is an agent that may do anything its person's text, or a page
//! it has read, tells it. It gets no further than that person in Mattermost, nor
//! further than the account whose token is used.

mod caller;
mod catalogue;
mod gate;
mod guard;
mod membership;
mod refusal;
mod server;
mod shapes;
mod tools;
mod words;

pub use caller::{Caller, Here, Person};
pub use catalogue::{Class, Tool, all};
pub use gate::{Gate, Writes};
pub use refusal::Refusal;
pub use server::{MAX_LINE, Server, serve};
