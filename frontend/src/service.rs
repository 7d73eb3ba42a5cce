//! The frontend's life: from its settings to its last delivered answer.
//!
//! Trust: the configuration is the admin's. A token that Mattermost does not
//! accept ends the process, because a bot that ignores everybody looks healthy.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;

use crate::config::{ApprovedUser, Config};
use crate::conversation::{Conversations, Live, Parts, RecoveryError};
use crate::delivery::Pace;
use crate::gate::{Approved, Gate};
use crate::ingest::{Ingest, IngestError};
use crate::mattermost::{self, Client, User};
use crate::notify;
use crate::reload::{Reloads, Running};
use crate::state::{State, StateError};
use crate::supervisor::Supervisor;
use crate::worker::Workers;

/// Waiting for Mattermost for so long is worth a word.
const QUIET: Duration = Duration::from_secs(3);
/// The control socket's name in the runtime folder.
const CONTROL_SOCKET: &str = "control.sock";
/// Pause before an unreachable Mattermost is asked again, doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(30);

/// What a service needs beside its configuration.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where the supervisor's sockets are.
    pub runtime_dir: PathBuf,
    /// Where the state is kept.
    pub state_dir: PathBuf,
    /// How fast answers are edited.
    pub pace: Pace,
    /// How long running turns may go on once the service is to stop.
    pub grace: Duration,
    /// How long the last words may take to be delivered after that.
    pub last_words: Duration,
    /// Settings that are read while the service runs.
    pub reloads: Reloads,
}

impl Surroundings {
    /// The usual times with these folders.
    #[must_use]
    pub fn new(runtime_dir: PathBuf, state_dir: PathBuf) -> Self {
        Self {
            runtime_dir,
            state_dir,
            pace: Pace::default(),
            grace: Duration::from_secs(60),
            last_words: Duration::from_secs(10),
            reloads: watch::channel(None).1,
        }
    }
}

/// Why the service ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Mattermost is of no use.
    #[error(transparent)]
    Mattermost(#[from] mattermost::Error),
    /// The state is of no use.
    #[error(transparent)]
    State(#[from] StateError),
}

impl ServiceError {
    /// Only a new token helps.
    #[must_use]
    pub fn is_token(&self) -> bool {
        matches!(self, Self::Mattermost(error) if error.is_fatal())
    }
}

impl From<IngestError> for ServiceError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Mattermost(error) => Self::Mattermost(error),
            IngestError::State(error) => Self::State(error),
        }
    }
}

impl From<RecoveryError> for ServiceError {
    fn from(error: RecoveryError) -> Self {
        match error {
            RecoveryError::Mattermost(error) => Self::Mattermost(error),
            RecoveryError::State(error) => Self::State(error),
        }
    }
}

/// Serves until `shutdown` completes and everything is brought to its end.
///
/// # Errors
/// [`ServiceError`]: going on would be of no use.
pub async fn run(
    config: Config,
    around: Surroundings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServiceError> {
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(async move {
        shutdown.await;
        stop.send_replace(true);
        // Held until the end: a sender that is gone would count as a stop.
        stop.closed().await;
    });
    for notice in &config.notices {
        tracing::info!("{notice}");
    }
    let state = State::open(&around.state_dir)?;
    let client = Client::new(&config.mattermost)?;
    notify::connection(&format!("waiting for Mattermost at {}", config.mattermost.url));
    notify::send(&[NotifyState::Ready]);
    tokio::spawn(feed_watchdog());
    let gate = tokio::select! {
        gate = log_in(&client, &config) => gate?,
        () = stopped(stopping.clone()) => return Ok(()),
    };
    state.bind(gate.1.id).await?;
    serve(config, around, state, client, gate, stopping).await
}

async fn serve(
    config: Config,
    around: Surroundings,
    state: State,
    client: Client,
    (gate, me): (Gate, User),
    stopping: watch::Receiver<bool>,
) -> Result<(), ServiceError> {
    tracing::info!(bot = %me.username, id = %me.id, "logged in to Mattermost");
    let connected = format!("connected to {} as @{}", config.mattermost.url, me.username);
    let supervisor = Supervisor::connect(around.runtime_dir.join(CONTROL_SOCKET));
    let mut ingest = Ingest::new(client.clone(), state.clone(), &me, config.poll_interval);
    if config.websocket {
        ingest = ingest.pushed();
    }
    let (conversations, mut failed) = Conversations::new(Parts {
        client: client.clone(),
        state,
        workers: Workers::new(supervisor, config.worker_settings()),
        live: Live::new(gate, &config),
        pace: around.pace,
        max_sessions: config.max_sessions,
        worker_idle: config.worker_idle,
        told_at_once: ingest.told_at_once(),
    });
    notify::connection(&connected);
    let running = Running { client, me, conversations: conversations.clone(), started: config };
    let intake = conversations.clone();
    let stop = stopped(stopping.clone());
    let serving = async move {
        intake.recover().await?;
        ingest.run(intake, stop).await.map_err(ServiceError::from)
    };
    tokio::select! {
        served = serving => served?,
        () = stopped(stopping) => {}
        () = running.follow(around.reloads) => {}
        Some(error) = failed.recv() => return Err(error.into()),
    }
    tracing::info!("stopping: running turns may end");
    let longest = around.grace + around.last_words + Duration::from_secs(20);
    let longest = u32::try_from(longest.as_micros()).unwrap_or(u32::MAX);
    notify::send(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(longest)]);
    notify::connection("stopping: running turns may end");
    conversations.shut_down(around.grace, around.last_words).await;
    Ok(())
}

/// Who the bot is and whom it serves, as soon as Mattermost answers.
async fn log_in(client: &Client, config: &Config) -> Result<(Gate, User), ServiceError> {
    let mut pause = FIRST_PAUSE;
    let mut refused = false;
    loop {
        let attempt = try_log_in(client, config);
        tokio::pin!(attempt);
        // The client is patient; whoever watches the log is told earlier.
        let logged_in = tokio::select! {
            logged_in = &mut attempt => logged_in,
            () = tokio::time::sleep(QUIET) => {
                tracing::warn!(url = %config.mattermost.url, "Mattermost does not answer yet");
                attempt.await
            }
        };
        let error = match logged_in {
            Ok(found) => {
                notify::trouble("");
                return Ok(found);
            }
            Err(error) => error,
        };
        let passes = match error {
            mattermost::Error::Unavailable { .. } | mattermost::Error::RateLimited { .. } => true,
            // A proxy may say so once, and nobody would start the service again.
            mattermost::Error::Unauthorized => !std::mem::replace(&mut refused, true),
            _ => false,
        };
        if !passes {
            return Err(error.into());
        }
        tracing::warn!(%error, "waiting for Mattermost");
        notify::trouble(&error.to_string());
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

async fn try_log_in(client: &Client, config: &Config) -> Result<(Gate, User), mattermost::Error> {
    let me = client.me().await?;
    Ok((gate(client, config, &me).await?, me))
}

/// Whom the bot `me` serves by these settings.
pub(crate) async fn gate(
    client: &Client,
    config: &Config,
    me: &User,
) -> Result<Gate, mattermost::Error> {
    Ok(Gate {
        me: me.id,
        name: me.username.clone(),
        rules: config.rules,
        approved: approved(client, &config.approved).await?,
        access: config.access.clone(),
        allowed_bots: config.allowed_bots.iter().copied().collect(),
    })
}

/// Names are resolved once: people can change them, and others can take them.
async fn approved(client: &Client, listed: &[ApprovedUser]) -> Result<Approved, mattermost::Error> {
    if listed.is_empty() {
        return Ok(Approved::Mapped);
    }
    let mut ids = HashSet::new();
    let mut names = Vec::new();
    for user in listed {
        match user {
            ApprovedUser::Id(id) => {
                ids.insert(*id);
            }
            ApprovedUser::Username(name) => names.push(name.clone()),
        }
    }
    if !names.is_empty() {
        let found = client.users_by_usernames(&names).await?;
        for name in &names {
            if !found.iter().any(|user| user.username == *name) {
                tracing::warn!(%name, "an approved user does not exist in Mattermost");
            }
        }
        ids.extend(found.iter().map(|user| user.id));
    }
    Ok(Approved::Only(ids))
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Tells systemd that the event loop turns, if it wants to know.
async fn feed_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut ticks = tokio::time::interval(limit / 3);
    loop {
        ticks.tick().await;
        notify::send(&[NotifyState::Watchdog]);
    }
}
