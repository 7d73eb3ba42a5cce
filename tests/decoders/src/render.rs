//! The frontend's modules that make an agent's text fit to be posted, under the
//! names by which they call each other.
//!
//! Trust: see each.

#[path = "../../../frontend/src/render/code.rs"]
#[allow(dead_code, reason = "the frontend uses the rest")]
mod code;
#[path = "../../../frontend/src/render/defuse.rs"]
#[allow(dead_code, unreachable_pub, reason = "the frontend uses the rest, from outside too")]
pub(crate) mod defuse;
#[path = "../../../frontend/src/render/hosts.rs"]
#[allow(dead_code, unreachable_pub, reason = "the frontend uses the rest, from outside too")]
pub(crate) mod hosts;
#[path = "../../../frontend/src/render/links.rs"]
#[allow(dead_code, reason = "the frontend uses the rest")]
mod links;
#[path = "../../../frontend/src/render/split.rs"]
#[allow(dead_code, unreachable_pub, reason = "the frontend uses the rest, from outside too")]
pub(crate) mod split;
