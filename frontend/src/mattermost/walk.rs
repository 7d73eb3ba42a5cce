//! Walks a channel's posts page by page, in either direction, losing none.
//!
//! Trust: "after" and "before" leave out posts of the very millisecond of the
//! post they name. So the walk goes on from the last but one millisecond of a
//! page and meets some posts twice, which is for the caller to notice.

use std::time::Duration;

use gaggle_ipc::MattermostId;
use tokio::time::timeout;

use super::transport::MAX_ANSWER;
use super::{Client, Error, PageQuery, Post};

/// Page sizes: each divides the one before, so that page numbers carry over.
const SIZES: [u16; 5] = [200, 40, 8, 2, 1];

/// A page that takes longer is tried again later: other channels wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Toward {
    Older,
    Newer,
}

/// A walk under way.
#[derive(Debug)]
pub(crate) struct Walk {
    channel: MattermostId,
    toward: Toward,
    from: Option<MattermostId>,
    page: u32,
    sizes: &'static [u16],
    /// Largest answer, in bytes.
    limit: usize,
    ended: bool,
}

impl Walk {
    /// From the newest post back.
    pub(crate) fn back(channel: MattermostId) -> Self {
        Self::new(channel, Toward::Older, None)
    }

    /// From a post onward.
    pub(crate) fn onward(channel: MattermostId, from: MattermostId) -> Self {
        Self::new(channel, Toward::Newer, Some(from))
    }

    fn new(channel: MattermostId, toward: Toward, from: Option<MattermostId>) -> Self {
        Self { channel, toward, from, page: 0, sizes: &SIZES, limit: MAX_ANSWER, ended: false }
    }

    /// From `post` back. The posts of its very millisecond are not among them.
    pub(crate) fn before(self, post: MattermostId) -> Self {
        Self { from: Some(post), ..self }
    }

    /// In answers of `limit` bytes at most.
    pub(crate) fn within(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// There is no page after the one that came last.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// The next page, oldest post first.
    pub(crate) async fn next(&mut self, client: &Client) -> Result<Vec<Post>, Error> {
        let page = loop {
            let asked = client.posts_page_within(self.channel, self.query(), self.limit);
            match timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late())) {
                Err(Error::AnswerTooLarge { .. }) if self.sizes.len() > 1 => self.smaller(),
                answer => break answer?,
            }
        };
        if page.skipped > 0 {
            tracing::warn!(channel = %self.channel, skipped = page.skipped, "the server named posts that are none");
        }
        self.ended = !page.more;
        match next_from(&page.posts, self.toward) {
            Some(from) => {
                self.from = Some(from);
                self.page = 0;
            }
            None => self.page += 1,
        }
        Ok(page.posts)
    }

    fn query(&self) -> PageQuery {
        let named = |toward| self.from.filter(|_| self.toward == toward);
        PageQuery {
            before: named(Toward::Older),
            after: named(Toward::Newer),
            page: self.page,
            per_page: self.size(),
        }
    }

    fn size(&self) -> u16 {
        self.sizes.first().copied().unwrap_or(1)
    }

    fn smaller(&mut self) {
        let before = self.size();
        self.sizes = self.sizes.get(1..).unwrap_or_default();
        self.page = self.page.saturating_mul(u32::from(before / self.size().max(1)));
    }
}

fn late() -> Error {
    Error::Unavailable { cause: "a page of posts takes too long".to_owned(), maybe_done: false }
}

/// The post to go on from; `None` if all of the page are of one millisecond.
fn next_from(posts: &[Post], toward: Toward) -> Option<MattermostId> {
    let (first, last) = (posts.first()?, posts.last()?);
    match toward {
        Toward::Newer => posts.iter().rev().find(|post| post.create_at < last.create_at),
        Toward::Older => posts.iter().find(|post| post.create_at > first.create_at),
    }
    .map(|post| post.id)
}
