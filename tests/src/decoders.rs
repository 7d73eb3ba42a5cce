//! Every decoder of bytes that somebody else chose, by name: what the fuzzer
//! drives and what the corpus is replayed through.
//!
//! Trust: none in the bytes. A target may refuse them in any way but a panic, a
//! hang or memory out of proportion.

use gaggle_ipc::admin::{AdminReply, AdminRequest};
use gaggle_ipc::codec::{Decode, Encode, MAX_FRAME, MAX_REQUEST, decode, encode};
use gaggle_ipc::control::{ControlReply, ControlRequest};
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

/// All decoders.
pub const TARGETS: &[Target] = &[
    Target { name: "control_request", run: |bytes| frame::<ControlRequest>(bytes, MAX_REQUEST) },
    Target { name: "admin_request", run: |bytes| frame::<AdminRequest>(bytes, MAX_REQUEST) },
    Target { name: "control_reply", run: |bytes| frame::<ControlReply>(bytes, MAX_FRAME) },
    Target { name: "admin_reply", run: |bytes| frame::<AdminReply>(bytes, MAX_FRAME) },
    Target { name: "to_worker", run: |bytes| frame::<ToWorker>(bytes, MAX_FRAME) },
    Target { name: "from_worker", run: |bytes| frame::<FromWorker>(bytes, MAX_FRAME) },
    Target { name: "user_mapping", run: |bytes| text(bytes, |text| drop(mapping::parse(text))) },
    Target {
        name: "supervisor_toml",
        run: |bytes| text(bytes, |text| drop(settings::parse(text))),
    },
    Target {
        name: "provider_env",
        run: |bytes| text(bytes, |text| drop(provider_env::parse(text))),
    },
];

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

/// Whatever decodes must encode to the bytes it came from: one value, one form.
fn frame<M: Decode<()> + Encode>(bytes: &[u8], limit: usize) {
    if let Ok(message) = decode::<M>(bytes, limit) {
        let again = encode(&message);
        assert_eq!(again.as_deref(), Ok(bytes), "a second form of the same message");
    }
}

fn text(bytes: &[u8], parse: impl Fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        parse(text);
    }
}
