//! What Gaggle believes about Mattermost, as cases that run against the
//! simulator in each of its versions and, when one is named, against a real
//! server. A belief that only some versions share is decided by the version
//! the server says it has.
//!
//! Trust: the real server over the simulator; where they differ, the simulator
//! is wrong.

#[path = "conformance/case.rs"]
mod case;
#[path = "conformance/channels.rs"]
mod channels;
#[path = "conformance/counters.rs"]
mod counters;
#[path = "conformance/creating.rs"]
mod creating;
#[path = "conformance/editing.rs"]
mod editing;
#[path = "conformance/faults.rs"]
mod faults;
#[path = "conformance/files.rs"]
mod files;
#[path = "conformance/mentions.rs"]
mod mentions;
#[path = "conformance/reactions.rs"]
mod reactions;
#[path = "conformance/reading.rs"]
mod reading;
#[path = "conformance/rest.rs"]
mod rest;
#[path = "conformance/resume.rs"]
mod resume;
#[path = "conformance/shapes.rs"]
mod shapes;
#[path = "conformance/socket.rs"]
mod socket;
#[path = "conformance/tokens.rs"]
mod tokens;
#[path = "conformance/until.rs"]
mod until;
#[path = "conformance/users.rs"]
mod users;
#[path = "conformance/websocket.rs"]
mod websocket;
#[path = "conformance/world.rs"]
mod world;
