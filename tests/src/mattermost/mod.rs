//! A Mattermost server for tests and the demo: the REST and WebSocket API as
//! far as Gaggle uses it, in memory, on loopback.
//!
//! Trust: nobody. It is spoken to by the programs under test and checks what
//! they send the way a real server does. The conformance suite runs the same
//! cases against it and against real servers, so that it cannot drift.
//!
//! A test in another process uses the real admin REST API, and beside it:
//!
//! - `POST /_sim/faults` with a [`Fault`] as JSON switches a fault on.
//! - `DELETE /_sim/faults` switches all of them off.
//! - `GET /_sim/state` counts what there is, `GET /_sim/requests` what was asked.

mod accounts;
mod channels;
mod error;
mod events;
mod faults;
mod files;
mod handle;
mod ids;
mod interference;
mod json;
mod late;
mod listener;
mod members;
mod mentions;
mod model;
mod posting;
mod posts;
mod query;
mod rate_limit;
mod reactions;
mod rest;
mod rest_channels;
mod rest_files;
mod rest_lookup;
mod rest_members;
mod rest_posts;
mod rest_users;
mod server;
mod state;
mod surrogates;
mod talk;
mod telling;
mod version;
mod websocket;

pub use faults::{Body, Content, Fault, Requests, When};
pub use handle::{Account, NewPost, Options, Simulator, Visibility};
pub use ids::Id;
pub use model::Post;
pub use talk::Events;
pub use version::Version;
