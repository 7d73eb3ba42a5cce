//! The ledger's questions whether a tool may run: which stand open, and what was
//! decided.
//!
//! Trust: a row exists before a question is posted, and a decision stands before
//! the agent hears of it, so that a kill at any moment leaves no question open
//! that nobody answers any more. The command itself is not stored.

use gaggle_ipc::{MattermostId, MattermostUserId, TurnId};
use rusqlite::{Transaction, params};

use super::threads::now;
use super::{State, StateError, row};

/// Longest name of a tool that is kept, in characters.
const MAX_TOOL: usize = 128;

/// One question, for as long as its turn is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApprovalId(pub(super) i64);

impl std::fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A question that is about to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewApproval {
    /// The turn that asks.
    pub turn: TurnId,
    /// Who decides.
    pub user: MattermostUserId,
    /// The tool.
    pub tool: String,
    /// Where the command is shown.
    pub channel: MattermostId,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Allowed, this once.
    Once,
    /// Allowed for the rest of the thread.
    Thread,
    /// Not allowed, by the person.
    No,
    /// Not allowed, by the policy or because the person may not ask any more.
    Forbidden,
    /// Nobody answered in time.
    Expired,
    /// It could not be posted.
    Unasked,
    /// Its turn ended, or this process did.
    Void,
}

impl Verdict {
    /// The word in the database and in the journal.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Thread => "thread",
            Self::No => "no",
            Self::Forbidden => "forbidden",
            Self::Expired => "expired",
            Self::Unasked => "unasked",
            Self::Void => "void",
        }
    }
}

/// A question that nobody has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenApproval {
    /// Which.
    pub approval: ApprovalId,
    /// Who decides.
    pub user: MattermostUserId,
    /// Where the command is shown.
    pub channel: MattermostId,
    /// The posts that are known to ask it.
    pub posts: Vec<MattermostId>,
}

impl State {
    /// Opens a question; also whether it is the first this person is ever asked,
    /// as far as the ledger goes back.
    ///
    /// # Errors
    /// [`StateError`]; also if there is no such turn.
    pub async fn open_approval(&self, new: NewApproval) -> Result<(ApprovalId, bool), StateError> {
        self.writer
            .call(move |t| {
                let sql = "SELECT NOT EXISTS (SELECT 1 FROM approvals WHERE user = ?1)";
                let first = t.query_row(sql, [new.user.as_str()], |row| row.get(0))?;
                let tool: String = new.tool.chars().take(MAX_TOOL).collect();
                t.execute(
                    "INSERT INTO approvals (turn, user, tool, channel, asked_at)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![
                        row::number(new.turn),
                        new.user.as_str(),
                        tool,
                        new.channel.as_str(),
                        now()
                    ],
                )?;
                Ok((ApprovalId(t.last_insert_rowid()), first))
            })
            .await
    }

    /// Notes a post that asks it. Noting it again changes nothing.
    ///
    /// # Errors
    /// [`StateError`]; also if there is no such question.
    pub async fn approval_post(
        &self,
        approval: ApprovalId,
        post: MattermostId,
    ) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                t.execute(
                    "INSERT INTO approval_posts (approval, post) VALUES (?1, ?2)
                     ON CONFLICT DO NOTHING",
                    params![approval.0, post.as_str()],
                )
                .map(drop)
            })
            .await
    }

    /// Notes what became of it. A second verdict changes nothing.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn close_approval(
        &self,
        approval: ApprovalId,
        verdict: Verdict,
    ) -> Result<(), StateError> {
        self.writer
            .call(move |t| {
                t.execute(
                    "UPDATE approvals SET decision = ?2, decided_at = ?3
                     WHERE approval = ?1 AND decision IS NULL",
                    params![approval.0, verdict.as_str(), now()],
                )
                .map(drop)
            })
            .await
    }

    /// The questions that nobody has decided, oldest first.
    ///
    /// # Errors
    /// [`StateError`].
    pub async fn open_approvals(&self) -> Result<Vec<OpenApproval>, StateError> {
        self.writer
            .call(|t| {
                let sql = "SELECT approval, user, channel FROM approvals
                           WHERE decision IS NULL ORDER BY approval";
                t.prepare(sql)?.query_map([], |found| read(t, found))?.collect()
            })
            .await
    }
}

fn read(t: &Transaction<'_>, found: &rusqlite::Row<'_>) -> rusqlite::Result<OpenApproval> {
    let approval: i64 = found.get(0)?;
    let posts = t
        .prepare_cached("SELECT post FROM approval_posts WHERE approval = ?1")?
        .query_map([approval], |found| row::id(found, 0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(OpenApproval {
        approval: ApprovalId(approval),
        user: row::id(found, 1)?.into(),
        channel: row::id(found, 2)?,
        posts,
    })
}
