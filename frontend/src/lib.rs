//! Gaggle's unprivileged half: it speaks with Mattermost and with the workers.
//!
//! Trust: root resolves who a person is; this process only names people by
//! their immutable ids. Whatever Mattermost or a worker sends is parsed once,
//! at the edge, and never believed further than its type says.
#![forbid(unsafe_code)]

pub mod arguments;
pub mod commands;
pub mod config;
pub mod context;
pub mod conversation;
pub mod delivery;
pub mod gate;
pub mod ingest;
pub mod log;
pub mod markdown;
pub mod mattermost;
pub mod mcp;
pub mod mentions;
pub mod notify;
pub mod policy;
mod push;
pub mod reload;
pub mod render;
pub mod service;
pub mod state;
pub mod supervisor;
pub mod words;
pub mod worker;
