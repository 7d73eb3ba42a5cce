//! Which Mattermost is simulated, and what that changes.
//!
//! Trust: the differences are recorded from real servers or read in their
//! source; each has a conformance case.

/// A Mattermost release line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 5.37, the oldest supported.
    V5_37,
    /// 10.11, extended support.
    V10,
    /// 11.4.
    V11,
}

impl Version {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V5_37, Self::V10, Self::V11];

    /// The number as in ETags and `ping` answers, for example `5.37.0`.
    #[must_use]
    pub fn number(self) -> &'static str {
        match self {
            Self::V5_37 => "5.37.0",
            Self::V10 => "10.11.0",
            Self::V11 => "11.4.0",
        }
    }

    /// The value of the `X-Version-Id` header.
    #[must_use]
    pub fn header(self) -> String {
        let number = self.number();
        format!("{number}.{number}.1439ada213c26faacfe6dea2d99d868a.false")
    }

    /// Posts carry `parent_id`, gone since 6.0; `file_ids` is left out when
    /// empty, always present since.
    pub(super) fn old_post_shape(self) -> bool {
        self == Self::V5_37
    }

    /// `GET /users/{id}/channels` exists (since 6.1).
    pub(super) fn lists_all_channels(self) -> bool {
        self != Self::V5_37
    }

    /// Most runes of a post's props as JSON.
    pub(super) fn max_props_runes(self) -> usize {
        match self {
            Self::V5_37 => 8_000,
            Self::V10 | Self::V11 => 800_000,
        }
    }

    /// A team member may list the posts of a public channel they are not in.
    pub(super) fn public_posts_readable(self) -> bool {
        self != Self::V5_37
    }

    /// `GET /channels/{id}` shows the `last_post_at` of the last new post,
    /// whatever was edited since.
    pub(super) fn caches_channels(self) -> bool {
        self == Self::V5_37
    }

    /// `PUT /posts/{id}` keeps `from_bot` and its like.
    pub(super) fn put_keeps_identity_props(self) -> bool {
        self == Self::V11
    }

    /// A thread may be asked for by pages: `perPage`, `direction`, `fromCreateAt`
    /// and `fromPost` (since 6). Older servers do not look at them.
    pub(super) fn pages_threads(self) -> bool {
        self != Self::V5_37
    }

    /// The event that tells one's other sockets that a channel was read.
    pub(super) fn viewed_event(self) -> &'static str {
        match self {
            Self::V5_37 => "channel_viewed",
            Self::V10 | Self::V11 => "multiple_channels_viewed",
        }
    }
}
