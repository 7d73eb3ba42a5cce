//! Objects of Mattermost's REST API: their texts and props are anybody's.
//!
//! Trust: none.

#[path = "../../../frontend/src/mattermost/types.rs"]
#[allow(dead_code, unreachable_pub, reason = "the frontend uses the rest, from outside too")]
#[allow(clippy::wrong_self_convention, reason = "not exported from here, and so not let alone")]
mod types;
#[path = "../../../frontend/src/mattermost/wire.rs"]
#[allow(dead_code, reason = "the frontend uses the rest")]
mod wire;

use serde_json::Value;
use types::{Channel, ChannelMember, Post, Reaction, Team, User};

/// A list of objects, each read as every kind of object there is.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(list) = serde_json::from_slice::<Vec<Value>>(bytes) else { return };
    let (posts, skipped) = types::known::<Post>(list.clone());
    assert_eq!(posts.len() + skipped, list.len(), "objects were lost");
    for post in posts {
        let _ = (post.is_system(), post.from_webhook(), post.from_bot(), post.is_gone());
        let begins_a_thread = post.root.is_none_or(|root| root == post.id);
        assert_eq!(post.thread() == post.id.into(), begins_a_thread, "a post in a foreign thread");
    }
    let _ = types::known::<User>(list.clone());
    let _ = types::known::<Channel>(list.clone());
    let _ = types::known::<ChannelMember>(list.clone());
    let _ = types::known::<Reaction>(list.clone());
    let _ = types::known::<Team>(list);
}
