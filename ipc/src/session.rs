//! The session socket: one frontend, one worker, one person.
//!
//! Trust: who the person is follows from the socket, never from a frame.
//! The worker takes no folder, command, environment or MCP server from the
//! frontend; the frontend treats every text from a worker as the agent's.
//! Message text over a frame's size comes in parts.

use crate::codec::{Decode, Encode};
pub use crate::failure::{Failure, FailureKind};
use crate::files::{FileName, FileNews, FileOrder};
use crate::ids::{GooseSession, ModelName, ThreadId, TurnId};
use crate::text::Text;

/// Largest prompt, all parts together, in bytes.
pub const MAX_PROMPT: usize = 256 * 1024;
/// Most threads a worker keeps in mind, running or not.
pub const MAX_THREADS: usize = 1024;
/// Most images of a prompt.
pub const MAX_PROMPT_IMAGES: usize = 10;

/// A part of a prompt or of an answer.
pub type Part = Text<{ 32 * 1024 }>;

/// How Goose decides on tool calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum GooseMode {
    /// Runs everything unasked.
    Auto,
    /// Asks for every tool.
    Approve,
    /// Asks for what is not read-only.
    SmartApprove,
    /// Runs no tools.
    Chat,
}

impl GooseMode {
    /// Goose's own word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Approve => "approve",
            Self::SmartApprove => "smart_approve",
            Self::Chat => "chat",
        }
    }

    /// The mode of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "auto" => Some(Self::Auto),
            "approve" => Some(Self::Approve),
            "smart_approve" => Some(Self::SmartApprove),
            "chat" => Some(Self::Chat),
            _ => None,
        }
    }
}

/// What the frontend tells a worker.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ToWorker {
    /// The first frame; a later one counts for Goose processes started after it.
    Configure(Settings),
    /// Text that belongs to the prompt of this turn; `Prompt` ends it.
    PromptPart {
        /// The conversation.
        thread: ThreadId,
        /// The turn it will be.
        turn: TurnId,
        /// The next piece of its text.
        text: Part,
    },
    /// Run the turn whose parts were sent. A second turn of one thread waits
    /// for the first.
    Prompt {
        /// The conversation.
        thread: ThreadId,
        /// The turn.
        turn: TurnId,
        /// The Goose session of earlier turns, for a worker that does not know
        /// the thread yet.
        resume: Option<GooseSession>,
        /// How the thread's last turn ended.
        before: Before,
        /// How Goose decides on tool calls in this turn.
        mode: GooseMode,
        /// The model that answers; `None` leaves the one the session has.
        model: Option<ModelName>,
    },
    /// End this turn, running or waiting. Answered by its `TurnEnded`.
    Cancel {
        /// The conversation.
        thread: ThreadId,
        /// The turn.
        turn: TurnId,
    },
    /// The person's answer to a `PermissionAsk`.
    PermissionReply {
        /// The conversation.
        thread: ThreadId,
        /// The turn that asked.
        turn: TurnId,
        /// Which question.
        ask: u32,
        /// The answer.
        choice: PermissionChoice,
    },
    /// Forget the thread and stop its Goose. Its Goose session stays on disk.
    CloseThread {
        /// The conversation.
        thread: ThreadId,
    },
    /// Take no new prompts; exit once no turn runs.
    Drain,
    /// Try the sandbox: run the worker's own list of attacks where a Goose would
    /// run. Each is answered by a `Probed`, all together by one `ProbeEnded`.
    Probe,
    /// About a file of the thread. Any number of them may be under way.
    File {
        /// The conversation.
        thread: ThreadId,
        /// The turn, or whatever else it is done for: a number not given twice.
        turn: TurnId,
        /// Which file of it.
        file: u32,
        /// What to do.
        order: FileOrder,
    },
    /// An image of the inbox that belongs to the prompt of this turn.
    PromptImage {
        /// The conversation.
        thread: ThreadId,
        /// The turn it will be.
        turn: TurnId,
        /// Its name in the inbox.
        name: FileName,
    },
}

/// Settings from the frontend's configuration that concern a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Settings {
    /// A turn in which Goose says nothing for so long is ended, in milliseconds.
    pub inactivity_ms: u32,
    /// A Goose without a turn for so long is stopped, in milliseconds.
    pub idle_ms: u32,
    /// After a conversation began, a Goose is started ahead for the next one.
    pub spare: bool,
}

/// How the thread's last turn ended, as the frontend knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Before {
    /// With an answer, or there was none.
    Complete,
    /// It was cut short: its unanswered text must not be taken up again.
    Interrupted,
}

/// A person's answer to a permission request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum PermissionChoice {
    /// This call, this once.
    Allow,
    /// Not this call; the turn goes on.
    Reject,
}

/// What a worker tells the frontend.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FromWorker {
    /// The first frame: the sandbox stands.
    Hello(Hello),
    /// Goose has a session for the thread.
    ThreadReady {
        /// The conversation.
        thread: ThreadId,
        /// To be given back as `resume`.
        session: GooseSession,
        /// What became of the earlier turns.
        history: History,
        /// The model it brings, in Goose's words, if they are a name.
        model: Option<ModelName>,
    },
    /// The prompt was written to Goose: from here on it may have effects.
    TurnStarted {
        /// The conversation.
        thread: ThreadId,
        /// The turn.
        turn: TurnId,
    },
    /// More text.
    Delta {
        /// The conversation.
        thread: ThreadId,
        /// The turn.
        turn: TurnId,
        /// Of the answer, or of the model's thinking.
        kind: DeltaKind,
        /// The next piece.
        text: Part,
    },
    /// A tool call, as far as it is known; sent again when it changes.
    Tool {
        /// The conversation.
        thread: ThreadId,
        /// The turn.
        turn: TurnId,
        /// Number of the call within the turn, from 1.
        call: u32,
        /// How far it is.
        state: ToolState,
        /// The tool, like `shell`.
        name: Text<128>,
        /// One line for people, like `shell · ls`.
        title: Text<512>,
        /// The command or the arguments; once it ended, the end of its output.
        detail: Text<8192>,
    },
    /// Goose asks whether a tool may run, and waits.
    PermissionAsk {
        /// The conversation.
        thread: ThreadId,
        /// The turn.
        turn: TurnId,
        /// To be given back in the reply.
        ask: u32,
        /// The tool.
        name: Text<128>,
        /// One line for people.
        title: Text<512>,
        /// The whole command or the arguments as they are.
        detail: Text<{ 32 * 1024 }>,
    },
    /// Goose's context: how full it is.
    Usage {
        /// The conversation.
        thread: ThreadId,
        /// Tokens used.
        used: u64,
        /// Tokens that fit.
        size: u64,
    },
    /// Something the person should know while the turn runs.
    Notice {
        /// The conversation.
        thread: ThreadId,
        /// The turn.
        turn: TurnId,
        /// A sentence of Goose's or the worker's.
        text: Text<2048>,
    },
    /// The turn is over. Nothing of it follows.
    TurnEnded {
        /// The conversation.
        thread: ThreadId,
        /// The turn.
        turn: TurnId,
        /// How.
        end: TurnEnd,
    },
    /// The thread's Goose is gone without a turn running; the next prompt
    /// starts it again.
    ThreadClosed {
        /// The conversation.
        thread: ThreadId,
    },
    /// One attack of a `Probe` was tried.
    Probed {
        /// The attack's stable name.
        attack: Text<64>,
        /// What came of it.
        outcome: ProbeOutcome,
        /// How it was tried and what the kernel said.
        detail: Text<512>,
    },
    /// No more of this `Probe` follows.
    ProbeEnded {
        /// Every attack of the list was tried or named as untried.
        complete: bool,
    },
    /// What the turn has taken so far, sent again when it grows. Not sent where
    /// the provider does not report it.
    Spent {
        /// The conversation.
        thread: ThreadId,
        /// The turn.
        turn: TurnId,
        /// Tokens that went to the model, all its calls together.
        input: u64,
        /// Tokens that came from it.
        output: u64,
        /// What that costs by Goose's reckoning.
        cost: Option<Cost>,
    },
    /// What becomes of an order about a file.
    File {
        /// The conversation.
        thread: ThreadId,
        /// As in the order.
        turn: TurnId,
        /// As in the order.
        file: u32,
        /// The news.
        news: FileNews,
    },
    /// There may be files for the person in the thread's outbox. Before the turn's end.
    OutboxFilled {
        /// The conversation.
        thread: ThreadId,
        /// The turn.
        turn: TurnId,
    },
}

/// An amount of money, as Goose reckons it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Cost {
    /// In billionths of the currency.
    pub nanos: u64,
    /// Its code or name, like `USD`.
    pub currency: Text<16>,
}

/// What came of one attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum ProbeOutcome {
    /// It was refused.
    Held,
    /// It succeeded: the sandbox is open there.
    Open,
    /// There is nothing on this machine to try it on.
    Untried,
}

/// A worker's first word. What it says of its sandbox is unattested.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// Landlock ABI in force in the worker, 0 in a demo without it.
    pub landlock_abi: u8,
    /// Where the agent works.
    pub workspace: Text<1024>,
}

/// What became of a thread's earlier turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum History {
    /// There were none.
    New,
    /// Goose has them.
    Resumed,
    /// Goose no longer has them: the thread starts anew, and the person is told.
    Lost,
}

/// Whose words a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum DeltaKind {
    /// The answer.
    Answer,
    /// The model's thinking.
    Thought,
}

/// How far a tool call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum ToolState {
    /// Announced or running.
    Running,
    /// Ended well.
    Completed,
    /// Ended with an error.
    Failed,
    /// The turn ended before it did.
    Abandoned,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum TurnEnd {
    /// The answer is whole.
    Complete,
    /// Cancelled, by the person or by a drain.
    Cancelled,
    /// The model's output limit cut the answer.
    MaxTokens,
    /// Goose's limit of actions in a turn was reached.
    MaxActions,
    /// The model declined.
    Declined,
    /// It failed.
    Failed(Failure),
}
