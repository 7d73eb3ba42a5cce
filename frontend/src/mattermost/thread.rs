//! Reads threads in pieces, because a thread may hold ten thousand posts.
//!
//! Trust: servers before 6 do not know pages of a thread and answer with all of
//! it. What is over [`MAX_PART`] is not taken; the channel's own pages, which
//! every server has, then say the same with more requests.

use gaggle_ipc::MattermostId;

use super::posts::{MAX_PER_PAGE, PostList, sorted};
use super::transport::Request;
use super::walk::Walk;
use super::{Client, Error, Post};

/// Largest answer about a thread, in bytes: some thousand posts of usual length.
const MAX_PART: usize = 2 * 1024 * 1024;
/// Most pages of a channel that are looked through for posts before another.
const PAGES_BEFORE: usize = 5;
/// Most pages for posts after another: these must be found.
const PAGES_AFTER: usize = 50;

/// A post by its place in its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostRef {
    /// Which.
    pub post: MattermostId,
    /// Where.
    pub channel: MattermostId,
    /// When, milliseconds since 1970 by the server's clock.
    pub create_at: i64,
}

/// Part of a thread.
#[derive(Debug, Clone, Default)]
pub struct ThreadPart {
    /// Its posts, oldest first, each once. Deleted ones are not among them.
    pub posts: Vec<Post>,
    /// There may be more on the far side; the root is there all the same.
    pub more: bool,
}

impl Client {
    /// The posts of a thread that were made until `asked` was, without it: the
    /// newest of them, and the root. Looks on until about `enough` bytes of text
    /// are found.
    ///
    /// # Errors
    /// [`Error::NotFound`] if its root was deleted.
    pub async fn thread_before(
        &self,
        root: MattermostId,
        asked: PostRef,
        enough: usize,
    ) -> Result<ThreadPart, Error> {
        // All of the millisecond, too: they may have come first.
        let until = asked.create_at.saturating_add(1);
        let request = Self::newest_of(root).with("fromCreateAt", until);
        let mut part = match self.part(request).await {
            Err(Error::AnswerTooLarge { .. }) => {
                tracing::info!(thread = %root, "a long thread is read by pages of its channel");
                self.walk_back(root, asked, enough).await?
            }
            part => part?,
        };
        part.posts.retain(|post| post.id != asked.post && post.create_at <= asked.create_at);
        Ok(part)
    }

    /// The posts of a thread, or without a root those that are in no thread of the
    /// channel, that were made after `asked`, which may be gone, and perhaps earlier
    /// ones. More than ten thousand posts of its channel are not
    /// looked through.
    ///
    /// # Errors
    /// [`Error::NotFound`] if its root was deleted.
    pub async fn thread_after(
        &self,
        (channel, root): (MattermostId, Option<MattermostId>),
        asked: MattermostId,
    ) -> Result<Vec<Post>, Error> {
        if let Some(root) = root {
            match self.part(Self::newest_of(root)).await {
                Ok(part) if !part.more => return Ok(part.posts),
                Ok(_) | Err(Error::AnswerTooLarge { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let mut posts = Vec::new();
        let mut walk = Walk::onward(channel, asked).within(MAX_PART);
        for _ in 0..PAGES_AFTER {
            let page = walk.next(self).await?;
            match root {
                Some(root) => posts.extend(of_thread(page, root)),
                None => posts.extend(page.into_iter().filter(|post| post.root.is_none())),
            }
            if walk.ended() {
                break;
            }
        }
        Ok(ordered(posts))
    }

    fn newest_of(root: MattermostId) -> Request {
        Request::get(format!("posts/{root}/thread"))
            .with("perPage", MAX_PER_PAGE)
            .with("direction", "up")
            .at_most(MAX_PART)
    }

    async fn part(&self, request: Request) -> Result<ThreadPart, Error> {
        let list: PostList = self.fetch(request).await?;
        let posts = sorted(list.posts);
        let replies = posts.iter().filter(|post| post.root.is_some()).count();
        // A server that knows no pages gave all, which may be as many by chance:
        // then more are looked for in vain.
        Ok(ThreadPart { more: replies >= usize::from(MAX_PER_PAGE), posts })
    }

    async fn walk_back(
        &self,
        root: MattermostId,
        asked: PostRef,
        enough: usize,
    ) -> Result<ThreadPart, Error> {
        let first = self.post(root).await?;
        let (mut posts, mut found, mut more) = (vec![first.clone()], 0, true);
        let mut walk = Walk::back(asked.channel).before(asked.post).within(MAX_PART);
        for _ in 0..PAGES_BEFORE {
            let page = walk.next(self).await?;
            let oldest = page.first().map_or(i64::MIN, |post| post.create_at);
            for post in of_thread(page, root) {
                found += post.message.len();
                posts.push(post);
            }
            more = !walk.ended() && oldest > first.create_at;
            if !more || found >= enough {
                break;
            }
        }
        Ok(ThreadPart { posts: ordered(posts), more })
    }
}

fn of_thread(posts: Vec<Post>, root: MattermostId) -> impl Iterator<Item = Post> {
    posts.into_iter().filter(move |post| post.id == root || post.root == Some(root))
}

fn ordered(mut posts: Vec<Post>) -> Vec<Post> {
    posts.sort_by_key(|post| (post.create_at, post.root.is_some(), post.id));
    posts.dedup_by_key(|post| post.id);
    posts
}
