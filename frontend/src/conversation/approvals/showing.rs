//! The posts in which a question stands, from its first word to its outcome.
//!
//! Trust: what others read along has the command only in the person's own direct
//! channel. Each post bears the question's number in the ledger, so that a later
//! process finds also those that this one did not live to note.

use gaggle_ipc::MattermostId;
use serde_json::Map;

use super::asking::Asked;
use super::question::Question;
use super::{NO, ONCE, THREAD};
use crate::conversation::Inner;
use crate::delivery::PROP_TURN;
use crate::mattermost::{Error, NewPost, PageQuery, PendingPostId, PostPatch};
use crate::policy::Audience;
use crate::state::{ApprovalId, OpenApproval, StateError, Verdict};

/// The question's number, in the props of each post that asks it.
pub(in crate::conversation) const PROP_ASK: &str = "gaggle_ask";
/// Most posts that one question takes. What is longer nobody reads.
const MOST_POSTS: usize = 4;
/// How far back posts of a question that was left open are looked for.
const LOOKED_AT: u16 = 60;
const RESTARTED: &str = "🚫 Not asked any more: I was restarted.";

/// A post about a question.
pub(super) struct Shown {
    pub(super) id: MattermostId,
    pub(super) channel: MattermostId,
    /// The thread it is in.
    pub(super) root: MattermostId,
    text: String,
    /// It shows the command, and so can be answered.
    pub(super) asks: bool,
}

impl Inner {
    /// The channel in which the command is shown.
    pub(super) async fn where_shown(&self, asked: &Asked) -> Result<MattermostId, Error> {
        match asked.audience() {
            Audience::Person => Ok(asked.address.channel),
            Audience::Channel => {
                let me = self.live().gate.me;
                Ok(self.client.direct_channel(me, asked.key.user.into()).await?.id)
            }
        }
    }

    /// Posts the question; the posts with buttons come first.
    pub(super) async fn put(
        &self,
        asked: &Asked,
        question: &Question,
        (approval, channel): (ApprovalId, MattermostId),
    ) -> Result<Vec<Shown>, Error> {
        let thread = (asked.address.channel, asked.address.root);
        let posts = question.posts();
        if posts.len() > MOST_POSTS {
            return Err(Error::Malformed {
                what: "a question that is too long to be read".to_owned(),
            });
        }
        if asked.audience() == Audience::Person {
            return Ok(vec![self.put_all(asked, approval, thread, posts).await?]);
        }
        let full = self.put_all(asked, approval, (channel, None), posts).await?;
        let short = self.put_all(asked, approval, thread, vec![question.short()]).await?;
        Ok(vec![full, Shown { asks: false, ..short }])
    }

    async fn put_all(
        &self,
        asked: &Asked,
        approval: ApprovalId,
        (channel, mut root): (MattermostId, Option<MattermostId>),
        messages: Vec<String>,
    ) -> Result<Shown, Error> {
        let mut last = None;
        for message in messages {
            let marks = [
                (PROP_TURN.to_owned(), asked.address.asked.as_str().into()),
                (PROP_ASK.to_owned(), approval.to_string().into()),
            ];
            let new = NewPost {
                channel,
                root,
                message,
                props: Map::from_iter(marks),
                files: Vec::new(),
                pending_post_id: PendingPostId::new(),
            };
            let id = self.client.create_post(&new).await?.id;
            if let Err(error) = self.state.approval_post(approval, id).await {
                self.fail(error);
            }
            root = root.or(Some(id));
            let text = new.message;
            last = Some(Shown { id, channel, root: root.unwrap_or(id), text, asks: true });
        }
        last.ok_or_else(|| Error::Malformed { what: "a question without words".to_owned() })
    }

    /// From here on the posts can be answered.
    pub(super) async fn add_buttons(&self, name: &str, shown: &[Shown]) {
        for post in shown.iter().filter(|post| post.asks) {
            self.approvals.stands(name, post.id);
            for emoji in [ONCE, THREAD, NO] {
                // A missing button can be typed.
                let _ = self.client.add_reaction(post.id, emoji).await;
            }
        }
    }

    pub(super) async fn show_outcome(&self, shown: Vec<Shown>, how: &str) {
        for post in shown {
            self.decided(post.id, &post.text, how).await;
        }
    }

    async fn decided(&self, post: MattermostId, text: &str, how: &str) {
        let message = Some(Question::decided(text, how));
        let patch = PostPatch { message, ..PostPatch::default() };
        if let Err(error) = self.client.patch_post(post, &patch).await {
            tracing::info!(%post, %error, "a question still shows its buttons");
        }
    }

    /// Closes what an earlier process has asked: nobody waits for the answer.
    pub(in crate::conversation) async fn close_left_open(&self) -> Result<(), StateError> {
        for open in self.state.open_approvals().await? {
            tracing::info!(approval = %open.approval, user = %open.user, "a question was left open");
            for post in self.posts_of(&open).await {
                if let Ok(post) = self.client.post(post).await
                    && post.user == self.live().gate.me
                {
                    self.decided(post.id, &post.message, RESTARTED).await;
                }
            }
            self.state.close_approval(open.approval, Verdict::Void).await?;
        }
        Ok(())
    }

    /// The posts that ask it, the ledger's and those it did not learn of.
    async fn posts_of(&self, open: &OpenApproval) -> Vec<MattermostId> {
        let mut posts = open.posts.clone();
        let query = PageQuery { per_page: LOOKED_AT, ..PageQuery::default() };
        if let Ok(page) = self.client.posts_page(open.channel, query).await {
            let number = open.approval.to_string();
            let asks = |post: &&crate::mattermost::Post| {
                post.props.get(PROP_ASK).and_then(|prop| prop.as_str()) == Some(number.as_str())
            };
            posts.extend(page.posts.iter().filter(asks).map(|post| post.id));
        }
        posts.sort();
        posts.dedup();
        posts
    }
}
