//! Every decoder of bytes that somebody else chose, by name: what the fuzzer
//! drives and what the corpus is replayed through.
//!
//! Trust: none in the bytes. A target may refuse them in any way but a panic, a
//! hang or memory out of proportion. What it accepts must keep the promises that
//! the rest of Gaggle relies on; a target panics where one is broken.
//!
//! Some decoders live in programs, or in libraries with a database and a TLS
//! stack in tow. Their files are taken in by path, so that building all of this
//! with a fuzzer's instrumentation takes a minute and not ten.
#![forbid(unsafe_code)]
#![allow(clippy::panic, reason = "a broken promise is to stop the fuzzer")]

mod acp;
mod answer;
mod context;
mod file;
mod frame;
mod hint;
mod log;
mod mattermost;
mod post;

// Under the names by which those files call each other.
#[path = "../../../frontend/src/commands/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the frontend uses the rest, from outside too"
)]
mod commands;
#[path = "../../../supervisor/src/log_pipe.rs"]
#[allow(dead_code, reason = "the supervisor uses the rest")]
mod log_pipe;
#[path = "../../../frontend/src/markdown.rs"]
#[allow(dead_code, unreachable_pub, reason = "the frontend uses the rest, from outside too")]
mod markdown;
#[path = "../../../frontend/src/mentions.rs"]
#[allow(dead_code, unreachable_pub, reason = "the frontend uses the rest, from outside too")]
mod mentions;
mod render;

use gaggle_ipc::admin::{AdminReply, AdminRequest};
use gaggle_ipc::codec::{MAX_FRAME, MAX_REQUEST};
use gaggle_ipc::control::{ControlReply, ControlRequest};
use gaggle_ipc::files::{FileNews, FileOrder};
use gaggle_ipc::session::{FromWorker, ToWorker};
use gaggle_policy::{mapping, provider_env, settings};

/// A named decoder.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The folder of its corpus and the name of its fuzz target.
    pub name: &'static str,
    /// Decodes, and checks what must hold of whatever is accepted.
    pub run: fn(&[u8]),
}

/// All decoders: first what a taken-over frontend, worker or agent reaches in
/// the process that trusts it least, then what people write, then root's files.
pub const TARGETS: &[Target] = &[
    Target { name: "control_request", run: |b| frame::check::<ControlRequest>(b, MAX_REQUEST) },
    Target { name: "worker_log", run: log::check },
    Target { name: "to_worker", run: |b| frame::check::<ToWorker>(b, MAX_FRAME) },
    Target { name: "from_worker", run: |b| frame::check::<FromWorker>(b, MAX_FRAME) },
    Target { name: "file_order", run: |b| frame::check::<FileOrder>(b, MAX_FRAME) },
    Target { name: "file_news", run: |b| frame::check::<FileNews>(b, MAX_FRAME) },
    Target { name: "file_name", run: |b| text(b, file::check) },
    Target { name: "acp_line", run: |b| text(b, acp::check) },
    Target { name: "tool_output", run: |b| text(b, hint::check) },
    Target { name: "answer_text", run: |b| text(b, answer::check) },
    Target { name: "thread_posts", run: |b| text(b, context::check) },
    Target { name: "post_text", run: |b| text(b, post::check) },
    Target { name: "mattermost_object", run: mattermost::check },
    Target { name: "control_reply", run: |b| frame::check::<ControlReply>(b, MAX_FRAME) },
    Target { name: "admin_request", run: |b| frame::check::<AdminRequest>(b, MAX_REQUEST) },
    Target { name: "admin_reply", run: |b| frame::check::<AdminReply>(b, MAX_FRAME) },
    Target { name: "user_mapping", run: |b| text(b, |text| drop(mapping::parse(text))) },
    Target { name: "supervisor_toml", run: |b| text(b, |text| drop(settings::parse(text))) },
    Target { name: "provider_env", run: |b| text(b, |text| drop(provider_env::parse(text))) },
];

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

fn text(bytes: &[u8], check: impl Fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check(text);
    }
}
