//! Opening a Goose session: handshake, new or loaded, working folder.
//!
//! Every session is opened with Goose's empty home as its folder, so that
//! nothing planted in the workspace is started, and moved to the workspace
//! afterwards. It has no mode then that counts: whoever opens it sets one, since
//! a stored session brings its own.
//!
//! Trust: none in what Goose says; what it does not confirm has not happened.

use std::path::Path;
use std::time::Duration;

use agent_client_protocol_schema::ProtocolVersion;
use agent_client_protocol_schema::v1::{
    ClientCapabilities, Implementation, InitializeRequest, LoadSessionRequest, NewSessionRequest,
};
use gaggle_ipc::GooseSession;
use gaggle_ipc::session::{Failure, FailureKind, History};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::acp::error::{failure, is_unknown_session, kind_of_error};
use crate::acp::message::{self, Ask, Message, RpcError};
use crate::acp::update::Update;
use crate::goose::{Event, Goose};
use crate::replay::Replay;
use crate::session_options::InForce;

/// How long Goose may take for one request while a session is opened. Its own
/// limit for an extension that does not answer is longer; people's patience is not.
const DEADLINE: Duration = Duration::from_secs(60);

/// Extensions that Goose has built in. Any other one was planted.
const BUILT_IN: &[&str] = &[
    "analyze",
    "apps",
    "chatrecall",
    "code_execution",
    "developer",
    "extensionmanager",
    "scheduler",
    "skills",
    "summon",
    "todo",
    "tom",
];

/// What a session is opened with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// Goose's home.
    pub(crate) goose_home: &'a Path,
    /// Where the agent works.
    pub(crate) workspace: &'a Path,
}

/// An open session.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Goose's name for it.
    pub(crate) session: GooseSession,
    /// What became of earlier turns.
    pub(crate) history: History,
    /// How the replayed history ends.
    pub(crate) replay: Replay,
    /// Extensions that are not Goose's own. They have run, inside the sandbox.
    pub(crate) strangers: Vec<String>,
    /// The model it brings, and no mode that was confirmed.
    pub(crate) in_force: InForce,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// Goose refuses it.
    Rpc(RpcError),
    /// Goose is gone.
    Ended,
    /// Goose breaks the rules of lines.
    Broken,
    /// Goose takes too long.
    TooSlow,
}

/// Shakes hands with a Goose that was just started. Returns whether it takes images.
///
/// # Errors
/// The turn's failure.
pub(crate) async fn shake_hands(goose: &mut Goose) -> Result<bool, Failure> {
    let capabilities = json!({"goose": {"customNotifications": true}});
    let request = InitializeRequest::new(ProtocolVersion::V1)
        .client_capabilities(ClientCapabilities::new().meta(capabilities.as_object().cloned()))
        .client_info(Implementation::new("gaggle", env!("CARGO_PKG_VERSION")));
    match call(goose, "initialize", &to_json(&request), |_| ()).await {
        Ok(answer)
            if answer.pointer("/agentInfo/name").and_then(Value::as_str) == Some("goose") =>
        {
            let images = answer.pointer("/agentCapabilities/promptCapabilities/image");
            Ok(images.and_then(Value::as_bool).unwrap_or(false))
        }
        Ok(_) => Err(failure(FailureKind::Protocol, "the agent does not call itself goose", false)),
        Err(error) => Err(unavailable(goose, error)),
    }
}

/// Opens a new session, and leaves it in Goose's home.
///
/// # Errors
/// The turn's failure.
pub(crate) async fn begin(goose: &mut Goose, plan: Plan<'_>) -> Result<Opened, Failure> {
    create(goose, plan, false).await
}

/// Opens the session `resume`, or a new one.
///
/// # Errors
/// The turn's failure.
pub(crate) async fn open(
    goose: &mut Goose,
    plan: Plan<'_>,
    resume: Option<&GooseSession>,
) -> Result<Opened, Failure> {
    let loaded = match resume {
        Some(session) => load(goose, plan, session).await?,
        None => None,
    };
    let opened = match loaded {
        Some(opened) => opened,
        None => create(goose, plan, resume.is_some()).await?,
    };
    move_to_workspace(goose, plan, &opened.session).await?;
    Ok(opened)
}

/// Takes the unanswered end of the history out of Goose's memory.
///
/// Returns whether the history is free of it now. If not, the next prompt must say that the
/// earlier request is void.
pub(crate) async fn cut_unanswered(
    goose: &mut Goose,
    session: &GooseSession,
    replay: &Replay,
) -> bool {
    if replay.is_empty() {
        return true;
    }
    let Some(from) = replay.cut_from() else {
        return false;
    };
    let params = json!({"sessionId": session.as_str(), "truncateFrom": from});
    call(goose, "_goose/unstable/session/conversation/truncate", &params, |_| ()).await.is_ok()
}

async fn create(goose: &mut Goose, plan: Plan<'_>, lost: bool) -> Result<Opened, Failure> {
    let params = to_json(&NewSessionRequest::new(plan.goose_home));
    let answer = call(goose, "session/new", &params, |_| ()).await;
    let answer = answer.map_err(|error| unavailable(goose, error))?;
    let session = answer
        .get("sessionId")
        .and_then(Value::as_str)
        .and_then(|id| GooseSession::new(id).ok())
        .ok_or_else(|| failure(FailureKind::Protocol, "session/new gave no session id", false))?;
    Ok(Opened {
        session,
        history: if lost { History::Lost } else { History::New },
        replay: Replay::default(),
        strangers: strangers(&answer),
        in_force: InForce::of_opened(&answer),
    })
}

async fn load(
    goose: &mut Goose,
    plan: Plan<'_>,
    session: &GooseSession,
) -> Result<Option<Opened>, Failure> {
    let mut replay = Replay::default();
    let request = LoadSessionRequest::new(session.as_str().to_owned(), plan.goose_home);
    let params = to_json(&request);
    match call(goose, "session/load", &params, |update| replay.note(&update)).await {
        Ok(answer) => Ok(Some(Opened {
            session: session.clone(),
            history: History::Resumed,
            replay,
            strangers: strangers(&answer),
            in_force: InForce::of_opened(&answer),
        })),
        Err(CallError::Rpc(error)) if is_unknown_session(&error) => Ok(None),
        Err(error) => Err(unavailable(goose, error)),
    }
}

/// Moves a session to where the agent works.
///
/// # Errors
/// The turn's failure.
pub(crate) async fn move_to_workspace(
    goose: &mut Goose,
    plan: Plan<'_>,
    session: &GooseSession,
) -> Result<(), Failure> {
    let params = json!({"sessionId": session.as_str(), "workingDir": plan.workspace});
    match call(goose, "_goose/unstable/session/working-dir/update", &params, |_| ()).await {
        Ok(_) => Ok(()),
        Err(error) => Err(unavailable(goose, error)),
    }
}

/// Sends one request and waits for its answer; news about any session go to
/// `observe`, questions are refused.
pub(crate) async fn call(
    goose: &mut Goose,
    method: &str,
    params: &Value,
    mut observe: impl FnMut(Update),
) -> Result<Value, CallError> {
    let wanted = goose.request(method, params);
    let answer = async {
        loop {
            match goose.next().await {
                Event::Message(Message::Answer { id, result }) if id == wanted => {
                    return result.map_err(CallError::Rpc);
                }
                Event::Message(Message::Update { update, .. }) => observe(update),
                Event::Message(Message::Question { id, ask }) => refuse(goose, &id, &ask),
                Event::Message(_) => {}
                Event::Broken => return Err(CallError::Broken),
                Event::Ended => return Err(CallError::Ended),
            }
        }
    };
    timeout(DEADLINE, answer).await.unwrap_or(Err(CallError::TooSlow))
}

/// Answers a question that comes outside of a turn.
pub(crate) fn refuse(goose: &Goose, id: &Value, ask: &Ask) {
    goose.write(match ask {
        Ask::Permission(_) => message::answer(id, &message::cancelled_outcome()),
        Ask::NotOffered | Ask::Unknown => message::refusal(id),
    });
}

/// The failure of a turn whose Goose could not be asked.
pub(crate) fn unavailable(goose: &Goose, error: CallError) -> Failure {
    let kind = FailureKind::GooseUnavailable;
    match error {
        CallError::Rpc(error) => failure(kind_of_error(&error, kind), &error.text, false),
        CallError::Broken => failure(FailureKind::Protocol, "a line over the limit", false),
        CallError::TooSlow => failure(kind, "no answer in time while a session was opened", false),
        CallError::Ended if goose.refused_step().is_some() => {
            failure(FailureKind::SandboxRefused, &goose.last_words(), false)
        }
        CallError::Ended => failure(kind, &goose.last_words(), false),
    }
}

fn strangers(answer: &Value) -> Vec<String> {
    let results = answer.pointer("/_meta/extensionResults").and_then(Value::as_array);
    let names = results.into_iter().flatten().filter_map(|result| result.get("name")?.as_str());
    names
        .filter(|name| {
            let plain = name.to_ascii_lowercase().replace([' ', '_'], "");
            !BUILT_IN.iter().any(|known| known.replace('_', "") == plain)
        })
        .map(|name| name.chars().filter(|c| !c.is_control()).take(64).collect())
        .take(16)
        .collect()
}

fn to_json(request: &impl Serialize) -> Value {
    serde_json::to_value(request).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_that_are_not_gooses_own_are_named() {
        let answer = json!({"_meta": {"extensionResults": [
            {"name": "developer", "success": true},
            {"name": "Extension Manager", "success": true},
            {"name": "evil\n:server", "success": false},
            {"success": true},
        ]}});
        assert_eq!(strangers(&answer), ["evil:server"]);
        assert!(strangers(&json!({})).is_empty());
    }
}
