//! One thread, one `poll`: signals, sockets, dying workers, their log lines.
//!
//! Trust: every source gets one small piece of work per turn and none is waited
//! for, so that no peer can starve another or the signals.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use gaggle_ipc::WorkerId;
use gaggle_ipc::admin::{AdminReply, AdminRequest};
use gaggle_ipc::codec::{FrameError, VERSION};
use gaggle_ipc::control::{Closing, ControlReply, ControlRequest, StopReason};
use gaggle_ipc::seqpacket;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::audit::{self, Kind, record};
use crate::connection::{Connection, Received};
use crate::listeners::Listeners;
use crate::service::Service;
use crate::status;
use crate::workers::{Requester, Worker};

/// How often files and accounts are looked at.
const MINUTE: Duration = Duration::from_secs(60);

/// Connections come and requests are taken at most so often. Each may be a
/// record, and a journal that gets too many at once drops the next ones; and a
/// listener that cannot be served for want of descriptors stays readable.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const REQUEST_PAUSE: Duration = Duration::from_millis(5);
/// Most admin connections at once.
const MAX_ADMINS: usize = 4;

/// A descriptor's meaning.
#[derive(Clone, Copy)]
enum Source {
    Signals,
    ControlListener,
    AdminListener,
    Frontend,
    Admin(u64),
    Review,
    Launch(WorkerId),
    Process,
    Log(WorkerId),
}

/// The loop's own state.
pub(crate) struct EventLoop {
    pub(crate) service: Service,
    listeners: Listeners,
    signals: SignalFd,
    next_admin: u64,
    accept_again: Instant,
    request_again: Instant,
    next_minute: Instant,
    /// The service manager's watchdog: how often to feed it, and when next.
    watchdog: Option<(Duration, Instant)>,
    /// What the service manager shows of the state.
    shown: String,
}

impl EventLoop {
    /// Blocks the signals that are read here from now on.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn new(service: Service, listeners: Listeners) -> Result<Self, Errno> {
        let mask = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]);
        mask.thread_block()?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let watchdog = sd_notify::watchdog_enabled().map(|limit| (limit / 3, Instant::now()));
        Ok(Self {
            service,
            listeners,
            signals,
            next_admin: 1,
            accept_again: Instant::now(),
            request_again: Instant::now(),
            next_minute: Instant::now() + MINUTE,
            watchdog,
            shown: String::new(),
        })
    }

    /// Serves until everything is stopped.
    ///
    /// # Errors
    /// The system's, if it cannot even wait any more.
    pub(crate) fn run(mut self) -> Result<(), Errno> {
        while !(self.service.shutting_down && self.service.workers.is_empty()) {
            for source in self.wait()? {
                self.serve(source);
            }
            self.on_time();
            self.service.bury();
            self.service.admins.retain(|_, admin| admin.flush());
            self.feed_watchdog();
            self.show_state();
        }
        Ok(())
    }

    fn wait(&self) -> Result<Vec<Source>, Errno> {
        let now = Instant::now();
        let sources = self.sources(now);
        let mut polled: Vec<_> =
            sources.iter().map(|(_, fd, flags)| PollFd::new(*fd, *flags)).collect();
        let timeout = PollTimeout::try_from(self.sleep(now)).unwrap_or(PollTimeout::ZERO);
        match poll(&mut polled, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Vec::new()),
            Err(errno) => return Err(errno),
        }
        let ready = polled.iter().map(|fd| fd.any().unwrap_or(true));
        Ok(sources.iter().zip(ready).filter(|(_, ready)| *ready).map(|((s, ..), _)| *s).collect())
    }

    fn sources(&self, now: Instant) -> Vec<(Source, BorrowedFd<'_>, PollFlags)> {
        let read = PollFlags::POLLIN;
        let mut sources = vec![(Source::Signals, self.signals.as_fd(), read)];
        if self.accept_again <= now {
            sources.push((Source::ControlListener, self.listeners.control.as_fd(), read));
            sources.push((Source::AdminListener, self.listeners.admin.as_fd(), read));
        }
        for worker in self.service.workers.values() {
            if let Some(error) = worker.error_pipe() {
                sources.push((Source::Launch(worker.id), error.as_fd(), read));
            }
            if !worker.is_ending() {
                sources.push((Source::Process, worker.pidfd.as_fd(), read));
            }
            if let Some(log) = worker.log.as_ref().filter(|log| log.again <= now) {
                sources.push((Source::Log(worker.id), log.fd.as_fd(), read));
            }
        }
        for (number, admin) in &self.service.admins {
            let flags = if admin.answers.is_empty() { read } else { PollFlags::POLLOUT };
            sources.push((Source::Admin(*number), admin.socket.as_fd(), flags));
        }
        if let Some(review) = &self.service.review {
            sources.push((Source::Review, review.pipe.as_fd(), read));
        }
        if let Some(frontend) = self.service.frontend.as_ref().filter(|_| self.request_again <= now)
        {
            sources.push((Source::Frontend, frontend.socket.as_fd(), read));
        }
        sources
    }

    fn sleep(&self, now: Instant) -> Duration {
        let workers = self.service.workers.values();
        // What is not polled at present because it was a moment ago.
        let logs = workers.filter_map(|worker| worker.log.as_ref()).map(|log| log.again);
        let resting = logs.chain([self.accept_again, self.request_again]).filter(|at| *at > now);
        let deadlines = self.service.workers.values().filter_map(Worker::deadline);
        let watchdog = self.watchdog.map(|(_, next)| next);
        let review = self.service.review.as_ref().map(|review| review.deadline);
        let next = deadlines
            .chain(resting)
            .chain(watchdog)
            .chain(review)
            .fold(self.next_minute, Instant::min);
        // Rounded up: a sleep that ends just short of a deadline would spin.
        next.saturating_duration_since(now) + Duration::from_millis(1)
    }

    fn serve(&mut self, source: Source) {
        match source {
            Source::Signals => self.serve_signals(),
            Source::ControlListener => self.accept_frontend(),
            Source::AdminListener => self.accept_admin(),
            Source::Frontend => self.serve_frontend(),
            Source::Admin(number) => self.serve_admin(number),
            Source::Review => self.service.read_review(),
            Source::Launch(id) => self.service.follow_launch(id),
            // Reaped with all others at the end of the turn.
            Source::Process => {}
            Source::Log(id) => self.service.record_output(id),
        }
    }

    fn serve_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            match i32::try_from(signal.ssi_signo).map(Signal::try_from) {
                Ok(Ok(Signal::SIGHUP)) => self.service.look(true),
                _ => {
                    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
                    self.service.shut_down();
                }
            }
        }
    }

    fn accept_frontend(&mut self) {
        self.accept_again = Instant::now() + ACCEPT_PAUSE;
        let Ok(socket) = seqpacket::accept(&self.listeners.control) else {
            return;
        };
        let uid = seqpacket::peer_uid(&socket).unwrap_or(u32::MAX);
        let frontend = self.service.snapshot.frontend.map(|(uid, _)| uid);
        let refused = if frontend != Some(uid) {
            Some((Closing::PeerNotAllowed, "not the frontend's account"))
        } else if self.service.frontend.is_some() {
            Some((Closing::InUse, "another frontend is connected"))
        } else if self.service.shutting_down {
            Some((Closing::ShuttingDown, "shutting down"))
        } else {
            None
        };
        if let Some((reason, why)) = refused {
            // It is being dropped anyway.
            let _ = Connection::new(socket, uid).send(&ControlReply::Closing { reason }, None);
            self.record_peer(&audit::PEER_REFUSED, "control", uid, why);
            return;
        }
        record!(self.service.audit, FRONTEND_CONNECTED; UID: uid);
        self.service.frontend = Some(Connection::new(socket, uid));
    }

    fn accept_admin(&mut self) {
        self.accept_again = Instant::now() + ACCEPT_PAUSE;
        let Ok(socket) = seqpacket::accept(&self.listeners.admin) else {
            return;
        };
        let uid = seqpacket::peer_uid(&socket).unwrap_or(u32::MAX);
        if uid != 0 || self.service.admins.len() >= MAX_ADMINS {
            let why = if uid == 0 { "too many connections" } else { "not root" };
            self.record_peer(&audit::PEER_REFUSED, "admin", uid, why);
            return;
        }
        self.service.admins.insert(self.next_admin, Connection::new(socket, uid));
        self.next_admin += 1;
    }

    fn record_peer(&mut self, kind: &Kind, socket: &str, uid: u32, why: &str) {
        let fields: [(_, &dyn std::fmt::Display); 3] =
            [("SOCKET", &socket), ("UID", &uid), ("REASON", &why)];
        self.service.audit.emit(kind, &fields);
    }

    fn serve_frontend(&mut self) {
        self.request_again = Instant::now() + REQUEST_PAUSE;
        let Some(frontend) = &self.service.frontend else {
            return;
        };
        match frontend.receive::<ControlRequest>() {
            Received::Nothing => {}
            Received::Request(request) => self.service.answer(request),
            Received::Gone => self.service.frontend_gone(),
            Received::Violation(why) => {
                let uid = frontend.uid;
                let reason = match why {
                    FrameError::Version(_) => Closing::Version(VERSION),
                    _ => Closing::ProtocolViolation,
                };
                // It is hung up on, whether it reads why or not.
                let _ = frontend.send(&ControlReply::Closing { reason }, None);
                self.record_peer(&audit::PROTOCOL_VIOLATION, "control", uid, &why.to_string());
                self.service.frontend_gone();
            }
        }
    }

    fn serve_admin(&mut self, number: u64) {
        // One answer at a time, so that nobody piles them up.
        let admin = self.service.admins.get(&number).filter(|admin| admin.answers.is_empty());
        let Some(admin) = admin else { return };
        match admin.receive() {
            Received::Nothing => {}
            Received::Request(AdminRequest::Status) => {
                self.service.tell_admin(number, status::report(&self.service));
            }
            Received::Request(AdminRequest::Reload) => {
                self.service.reloaders.insert(number);
                self.service.look(true);
            }
            Received::Request(AdminRequest::Lockdown { on }) => {
                self.service.answer_lockdown(number, on);
            }
            Received::Request(AdminRequest::Probe { user }) => {
                if let Err(refusal) = self.service.start(user, Requester::Admin(number)) {
                    self.service.tell_admin(number, vec![AdminReply::Refused(refusal)]);
                }
            }
            Received::Gone => drop(self.service.admins.remove(&number)),
            Received::Violation(why) => {
                self.record_peer(&audit::PROTOCOL_VIOLATION, "admin", 0, &why.to_string());
                self.service.admins.remove(&number);
            }
        }
    }

    /// Only as often as needed: the call waits for whoever reads it.
    fn feed_watchdog(&mut self) {
        let now = Instant::now();
        if let Some((every, next)) = self.watchdog.as_mut().filter(|(_, next)| now >= *next) {
            *next = now + *every;
            // A watchdog that cannot be told shows by itself.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        }
    }

    fn show_state(&mut self) {
        let state = status::line(&self.service);
        if state != self.shown {
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Status(&state)]);
            self.shown = state;
        }
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        let late = |_: &_, worker: &Worker| worker.is_late(now);
        self.service.stop_where(late, StopReason::LaunchTimeout, Duration::ZERO);
        for worker in self.service.workers.values_mut() {
            worker.enforce_deadline(now);
        }
        self.service.enforce_review_deadline(now);
        if now >= self.next_minute {
            self.next_minute = now + MINUTE;
            self.service.minute();
        }
    }
}
