//! One thread, one `poll`: signals, sockets, dying workers, their log lines.
//!
//! Trust: every source gets one small piece of work per turn and none is waited
//! for, so that no peer can starve another or the signals.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use gaggle_ipc::WorkerId;
use gaggle_ipc::admin::{AdminReply, AdminRequest};
use gaggle_ipc::control::{Closing, RefusalCode};
use gaggle_ipc::seqpacket;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::admin::{self, AdminConnection};
use crate::audit::Event;
use crate::control::{self, Connection};
use crate::log_pipe::LogPipe;
use crate::request::Received;
use crate::service::Service;
use crate::startup::Listeners;
use crate::status;

/// How often files and accounts are looked at.
const MINUTE: Duration = Duration::from_secs(60);

/// Connections come and requests are taken at most so often. Each may be a
/// record, and a journal that gets too many at once drops the next ones; and a
/// listener that cannot be served for want of descriptors stays readable.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const REQUEST_PAUSE: Duration = Duration::from_millis(5);

/// A descriptor's meaning.
#[derive(Clone, Copy)]
enum Source {
    Signals,
    ControlListener,
    AdminListener,
    Frontend,
    Admin(usize),
    Launch(WorkerId),
    Process,
    Log(WorkerId),
}

/// The loop's own state.
pub(crate) struct EventLoop {
    pub(crate) service: Service,
    listeners: Listeners,
    signals: SignalFd,
    admins: Vec<AdminConnection>,
    frontend_uid: u32,
    accept_again: Instant,
    request_again: Instant,
    next_minute: Instant,
    watchdog: Option<Watchdog>,
}

/// The service manager's watchdog: how often to feed it, and when next.
struct Watchdog {
    every: Duration,
    next: Instant,
}

impl EventLoop {
    /// Blocks the signals that are read here from now on.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn new(
        service: Service,
        listeners: Listeners,
        frontend_uid: u32,
    ) -> Result<Self, Errno> {
        let mut mask = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            mask.add(signal);
        }
        mask.thread_block()?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let next_minute = Instant::now() + MINUTE;
        let watchdog = sd_notify::watchdog_enabled()
            .map(|limit| Watchdog { every: limit / 3, next: Instant::now() });
        Ok(Self {
            service,
            listeners,
            signals,
            admins: Vec::new(),
            frontend_uid,
            accept_again: Instant::now(),
            request_again: Instant::now(),
            next_minute,
            watchdog,
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
            self.admins.retain_mut(AdminConnection::flush);
            self.feed_watchdog();
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
            if let Some(log) = worker.log.as_ref().filter(|log| log.again() <= now) {
                sources.push((Source::Log(worker.id), log.fd().as_fd(), read));
            }
        }
        for (index, admin) in self.admins.iter().enumerate() {
            let flags = if admin.wants_to_write() { PollFlags::POLLOUT } else { read };
            sources.push((Source::Admin(index), admin.socket().as_fd(), flags));
        }
        if let Some(frontend) = self.service.frontend.as_ref().filter(|_| self.request_again <= now)
        {
            sources.push((Source::Frontend, frontend.socket().as_fd(), read));
        }
        sources
    }

    fn sleep(&self, now: Instant) -> Duration {
        let workers = self.service.workers.values();
        // What is not polled at present because it was a moment ago.
        let logs = workers.filter_map(|worker| worker.log.as_ref()).map(LogPipe::again);
        let resting = logs.chain([self.accept_again, self.request_again]).filter(|at| *at > now);
        let deadlines = self.service.workers.values().filter_map(crate::workers::Worker::deadline);
        let watchdog = self.watchdog.as_ref().map(|watchdog| watchdog.next);
        let next = deadlines
            .chain(resting)
            .chain([self.next_minute])
            .chain(watchdog)
            .min()
            .unwrap_or(self.next_minute);
        // Rounded up: a sleep that ends just short of a deadline would spin.
        next.saturating_duration_since(now) + Duration::from_millis(1)
    }

    fn serve(&mut self, source: Source) {
        match source {
            Source::Signals => self.serve_signals(),
            Source::ControlListener => self.accept_frontend(),
            Source::AdminListener => self.accept_admin(),
            Source::Frontend => self.serve_frontend(),
            Source::Admin(index) => self.serve_admin(index),
            Source::Launch(id) => self.service.follow_launch(id),
            // Reaped with all others at the end of the turn.
            Source::Process => {}
            Source::Log(id) => self.service.record_output(id),
        }
    }

    fn serve_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            match i32::try_from(signal.ssi_signo).map(Signal::try_from) {
                Ok(Ok(Signal::SIGHUP)) => self.service.reload(),
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
        let refused = if uid != self.frontend_uid {
            Some((Closing::PeerNotAllowed, "not the frontend's account"))
        } else if self.service.frontend.is_some() {
            Some((Closing::InUse, "another frontend is connected"))
        } else if self.service.shutting_down {
            Some((Closing::ShuttingDown, "shutting down"))
        } else {
            None
        };
        if let Some((reason, why)) = refused {
            control::turn_away(&socket, reason);
            self.service.audit.emit(&Event::PeerRefused { socket: "control", uid, why });
            return;
        }
        self.service.audit.emit(&Event::FrontendConnected { uid });
        self.service.frontend = Some(Connection::new(socket, uid));
    }

    fn accept_admin(&mut self) {
        self.accept_again = Instant::now() + ACCEPT_PAUSE;
        let Ok(socket) = seqpacket::accept(&self.listeners.admin) else {
            return;
        };
        let uid = seqpacket::peer_uid(&socket).unwrap_or(u32::MAX);
        if uid != 0 || self.admins.len() >= admin::MAX_CONNECTIONS {
            let why = if uid == 0 { "too many connections" } else { "not root" };
            self.service.audit.emit(&Event::PeerRefused { socket: "admin", uid, why });
            return;
        }
        self.admins.push(AdminConnection::new(socket));
    }

    fn serve_frontend(&mut self) {
        self.request_again = Instant::now() + REQUEST_PAUSE;
        let Some(frontend) = &self.service.frontend else {
            return;
        };
        match frontend.receive() {
            Received::Nothing => {}
            Received::Request(request) => self.service.answer(request),
            Received::Gone => self.service.frontend_gone(),
            Received::Violation(why) => {
                let uid = frontend.uid();
                let why = why.to_string();
                let event = Event::ProtocolViolation { socket: "control", uid, why: &why };
                self.service.audit.emit(&event);
                self.service.frontend_gone();
            }
        }
    }

    fn serve_admin(&mut self, index: usize) {
        // One answer at a time, so that nobody piles them up.
        let Some(admin) = self.admins.get(index).filter(|admin| !admin.wants_to_write()) else {
            return;
        };
        let replies = match admin.receive() {
            Received::Nothing => return,
            Received::Request(AdminRequest::Status) => status::report(&self.service),
            Received::Request(AdminRequest::Reload) => {
                self.service.reload();
                status::reloaded(&self.service)
            }
            Received::Request(AdminRequest::Probe { .. } | AdminRequest::Lockdown { .. }) => {
                vec![AdminReply::Refused(RefusalCode::LimitsUnavailable.into()), AdminReply::Done]
            }
            Received::Gone => {
                self.admins.remove(index);
                return;
            }
            Received::Violation(why) => {
                let why = why.to_string();
                let event = Event::ProtocolViolation { socket: "admin", uid: 0, why: &why };
                self.service.audit.emit(&event);
                self.admins.remove(index);
                return;
            }
        };
        if let Some(admin) = self.admins.get_mut(index) {
            admin.answer(replies);
        }
    }

    /// Only as often as needed: the call waits for whoever reads it.
    fn feed_watchdog(&mut self) {
        let now = Instant::now();
        if let Some(watchdog) = self.watchdog.as_mut().filter(|watchdog| now >= watchdog.next) {
            watchdog.next = now + watchdog.every;
            // A watchdog that cannot be told shows by itself.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        }
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        for worker in self.service.workers.values_mut() {
            worker.enforce_deadline(now);
        }
        if now >= self.next_minute {
            self.next_minute = now + MINUTE;
            self.service.minute();
        }
    }
}
