//! A supervisor that starts nothing, and workers whose every word the test says.
//!
//! Trust: nobody; it lives in the test's own process.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gaggle_ipc::channel::WorkerEnd;
use gaggle_ipc::control::{ControlReply, ControlRequest, Refusal, WorkerExit};
use gaggle_ipc::launch::Profile;
use gaggle_ipc::session::{
    Before, DeltaKind, FromWorker, GooseMode, Hello, History, Part, ToWorker, ToolState, TurnEnd,
};
use gaggle_ipc::{
    AccountName, GooseSession, MattermostUserId, ModelName, Text, ThreadId, TurnId, WorkerId,
    codec, seqpacket,
};
use tokio::io::Interest;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};

use crate::shelf::Shelf;

/// What the frontend did, in order.
#[derive(Debug)]
pub(crate) enum Did {
    Started,
    Asked(Asked),
    Cancelled(ThreadId),
    Replied(gaggle_ipc::session::PermissionChoice),
    Closed(ThreadId),
    Drained,
}

/// A prompt that arrived at a worker.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) user: MattermostUserId,
    pub(crate) thread: ThreadId,
    pub(crate) turn: TurnId,
    pub(crate) text: String,
    pub(crate) resume: Option<GooseSession>,
    pub(crate) before: Before,
    /// Images of the inbox.
    pub(crate) images: Vec<String>,
    pub(crate) mode: GooseMode,
    pub(crate) model: Option<ModelName>,
    say: mpsc::UnboundedSender<Say>,
}

#[derive(Debug)]
enum Say {
    Word(FromWorker),
    Garbage,
    Die(WorkerExit),
}

impl Asked {
    /// The quotation in front of the prompt, and the person's own words.
    pub(crate) fn parts(&self) -> (&str, &str) {
        self.text.split_once("writes to you.]\n\n").unwrap_or(("", &self.text))
    }

    pub(crate) fn ready(&self) -> &Self {
        let (thread, session, history) = match &self.resume {
            Some(session) => (self.thread, session.clone(), History::Resumed),
            None => {
                let session = GooseSession::new(&format!("s_{}", self.turn.0)).unwrap();
                (self.thread, session, History::New)
            }
        };
        self.word(FromWorker::ThreadReady { thread, session, history, model: None });
        self.word(FromWorker::TurnStarted { thread: self.thread, turn: self.turn });
        self
    }

    pub(crate) fn word(&self, word: FromWorker) -> &Self {
        let _ = self.say.send(Say::Word(word));
        self
    }

    fn delta(&self, kind: DeltaKind, text: &str) -> &Self {
        for text in Part::pieces(text) {
            self.word(FromWorker::Delta { thread: self.thread, turn: self.turn, kind, text });
        }
        self
    }

    pub(crate) fn say(&self, text: &str) -> &Self {
        self.delta(DeltaKind::Answer, text)
    }

    pub(crate) fn think(&self, text: &str) -> &Self {
        self.delta(DeltaKind::Thought, text)
    }

    pub(crate) fn tool(&self, call: u32, state: ToolState, title: &str) -> &Self {
        self.word(FromWorker::Tool {
            thread: self.thread,
            turn: self.turn,
            call,
            state,
            name: Text::lossy("shell"),
            title: Text::lossy(title),
            detail: Text::default(),
        })
    }

    pub(crate) fn end(&self, end: TurnEnd) {
        self.word(FromWorker::TurnEnded { thread: self.thread, turn: self.turn, end });
    }

    /// A whole answer in one go.
    pub(crate) fn answer(&self, text: &str) {
        self.ready().say(text).end(TurnEnd::Complete);
    }

    /// Bytes that are no frame.
    pub(crate) fn garbage(&self) {
        let _ = self.say.send(Say::Garbage);
    }

    pub(crate) fn die(&self, exit: WorkerExit) {
        let _ = self.say.send(Say::Die(exit));
    }
}

/// The supervisor. Lives as long as its task.
pub(crate) struct Supervisor {
    /// The files of all its workers.
    pub(crate) shelf: Shelf,
    did: mpsc::UnboundedReceiver<Did>,
    refusals: Refusals,
    held: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Supervisor {
    pub(crate) fn listen(runtime_dir: &Path) -> Self {
        let listener = seqpacket::listen_at(&runtime_dir.join("control.sock")).unwrap();
        let listener = UnixListener::from_std(listener.into()).unwrap();
        let (tell, did) = mpsc::unbounded_channel();
        let refusals = Refusals::default();
        let held = watch::Sender::new(false);
        let shelf = Shelf::default();
        let (known, hold, files) = (refusals.clone(), held.clone(), shelf.clone());
        let task = tokio::spawn(async move {
            // All connections and workers end with the supervisor.
            let mut all = tokio::task::JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let files = files.clone();
                all.spawn(serve(socket, tell.clone(), known.clone(), hold.subscribe(), files));
            }
        });
        Self { shelf, did, refusals, held, task }
    }

    pub(crate) fn refuse(&self, user: MattermostUserId, refusal: impl Into<Refusal>) {
        self.refusals.lock().unwrap().insert(user, refusal.into());
    }

    /// Lets starts wait.
    pub(crate) fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// What the frontend does next.
    pub(crate) async fn next(&mut self) -> Did {
        let next = tokio::time::timeout(Duration::from_secs(20), self.did.recv()).await;
        next.expect("the frontend does nothing").unwrap()
    }

    /// What it has done already, if anything.
    pub(crate) fn done(&mut self) -> Option<Did> {
        self.did.try_recv().ok()
    }

    /// The next prompt; starts of workers on the way are passed over.
    pub(crate) async fn asked(&mut self) -> Asked {
        loop {
            match self.next().await {
                Did::Asked(asked) => return asked,
                Did::Started => {}
                other => panic!("{other:?} instead of a prompt"),
            }
        }
    }
}

type Refusals = Arc<Mutex<HashMap<MattermostUserId, Refusal>>>;

async fn serve(
    socket: UnixStream,
    tell: mpsc::UnboundedSender<Did>,
    refusals: Refusals,
    mut held: watch::Receiver<bool>,
    shelf: Shelf,
) {
    let mut all = tokio::task::JoinSet::new();
    let mut workers: HashMap<MattermostUserId, WorkerId> = HashMap::new();
    let mut next = 0;
    let (gone, mut ended) = mpsc::unbounded_channel();
    loop {
        let request = tokio::select! {
            request = receive(&socket) => request,
            Some((user, worker, exit)) = ended.recv() => {
                workers.remove(&user);
                send(&socket, &ControlReply::Exited { worker, exit }, None);
                continue;
            }
        };
        match request {
            None => return,
            Some(ControlRequest::Start { request, user }) => {
                let _ = held.wait_for(|held| !held).await;
                let refusal = refusals.lock().unwrap().get(&user).copied();
                if let Some(refusal) = refusal {
                    send(&socket, &ControlReply::Refused { request, refusal }, None);
                } else if let Some(worker) = workers.get(&user).copied() {
                    send(&socket, &ControlReply::Running { request, worker }, None);
                } else {
                    next += 1;
                    let worker = WorkerId(next);
                    workers.insert(user, worker);
                    let (theirs, ours) = seqpacket::pair().unwrap();
                    let started = ControlReply::Started {
                        request,
                        worker,
                        account: AccountName::new("alice").unwrap(),
                        profile: Profile::Workspace,
                        shared: false,
                    };
                    let _ = tell.send(Did::Started);
                    send(&socket, &started, Some(&theirs));
                    all.spawn(work(
                        ours,
                        user,
                        worker,
                        (tell.clone(), gone.clone()),
                        shelf.clone(),
                    ));
                }
            }
            Some(ControlRequest::Stop { request, worker }) => {
                send(&socket, &ControlReply::Stopping { request, worker }, None);
            }
            Some(ControlRequest::List { .. }) => {}
        }
    }
}

async fn receive(socket: &UnixStream) -> Option<ControlRequest> {
    let packet =
        socket.async_io(Interest::READABLE, || Ok(seqpacket::receive(socket, codec::MAX_REQUEST)?));
    let packet = packet.await.ok().filter(|packet| !packet.is_end())?;
    codec::decode(&packet.bytes, codec::MAX_REQUEST).ok()
}

fn send(socket: &UnixStream, reply: &ControlReply, fd: Option<&OwnedFd>) {
    let _ = seqpacket::send(socket, &codec::encode(reply).unwrap(), fd);
}

type Gone = mpsc::UnboundedSender<(MattermostUserId, WorkerId, WorkerExit)>;

async fn work(
    socket: OwnedFd,
    user: MattermostUserId,
    worker: WorkerId,
    (tell, gone): (mpsc::UnboundedSender<Did>, Gone),
    shelf: Shelf,
) {
    let raw = socket.try_clone().unwrap();
    let end = WorkerEnd::new(socket).unwrap();
    let workspace = Text::lossy("/home/alice/workspace");
    end.send(&FromWorker::Hello(Hello { landlock_abi: 7, workspace })).await.unwrap();
    let (say, mut words) = mpsc::unbounded_channel();
    let mut texts: HashMap<TurnId, String> = HashMap::new();
    let mut images: HashMap<TurnId, Vec<String>> = HashMap::new();
    let exit = loop {
        let message = tokio::select! {
            message = end.receive() => message,
            Some(say) = words.recv() => match say {
                Say::Word(word) => { let _ = end.send(&word).await; continue; }
                Say::Garbage => {
                    seqpacket::send(&raw, &[codec::VERSION, 0xff, 1], None).unwrap();
                    continue;
                }
                Say::Die(exit) => break exit,
            },
        };
        let did = match message {
            Ok(Some(ToWorker::PromptPart { turn, text, .. })) => {
                texts.entry(turn).or_default().push_str(text.as_str());
                continue;
            }
            Ok(Some(ToWorker::Prompt { thread, turn, resume, before, mode, model })) => {
                let text = texts.remove(&turn).unwrap_or_default();
                let images = images.remove(&turn).unwrap_or_default();
                let say = say.clone();
                Did::Asked(Asked {
                    user,
                    thread,
                    turn,
                    text,
                    resume,
                    before,
                    images,
                    mode,
                    model,
                    say,
                })
            }
            Ok(Some(ToWorker::PromptImage { turn, name, .. })) => {
                images.entry(turn).or_default().push(name.into_string());
                continue;
            }
            Ok(Some(ToWorker::File { thread, turn, file, order })) => {
                for news in shelf.answer(turn, file, order) {
                    let _ = end.send(&FromWorker::File { thread, turn, file, news }).await;
                }
                continue;
            }
            Ok(Some(ToWorker::Cancel { thread, .. })) => Did::Cancelled(thread),
            Ok(Some(ToWorker::PermissionReply { choice, .. })) => Did::Replied(choice),
            Ok(Some(ToWorker::CloseThread { thread })) => Did::Closed(thread),
            Ok(Some(ToWorker::Drain)) => Did::Drained,
            Ok(Some(ToWorker::Configure(_) | ToWorker::Probe)) => continue,
            Ok(None) | Err(_) => break WorkerExit::Status(0),
        };
        let _ = tell.send(did);
    };
    drop((end, raw));
    let _ = gone.send((user, worker, exit));
}
