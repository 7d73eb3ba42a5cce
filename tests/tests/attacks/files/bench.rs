//! A supervisor alone, on a configuration folder that a case breaks and mends.
//!
//! Trust: the lab. It has no frontend; who wants a worker asks for it through
//! [`Frontend`](super::frontend::Frontend).

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use gaggle_tests::lab::spec::CONFIG;
use gaggle_tests::lab::{Builder, Entry, Lab, Service, Which, wait};
use nix::sys::signal::Signal;

/// What has not happened by then hangs.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// Where a case may put aside what it moves away.
const ASIDE: &str = "/srv/gaggle/aside";

/// How a supervisor took what it found.
#[derive(Debug)]
pub(super) enum Start {
    Serves,
    /// It ended with status 1 and these words.
    Refuses(String),
}

/// A file of the configuration folder as it was at first.
struct Kept {
    name: PathBuf,
    content: Vec<u8>,
    mode: u32,
    owner: u32,
}

pub(super) struct Bench {
    pub(super) lab: Lab,
    kept: Vec<Kept>,
}

impl Bench {
    /// A lab in which everything is as it should be, with its supervisor running.
    pub(super) fn new(builder: Builder) -> Result<Option<Self>> {
        let Some(lab) = builder.without_frontend().start_if_possible()? else { return Ok(None) };
        let mut bench = Self { lab, kept: Vec::new() };
        bench.keep()?;
        Ok(Some(bench))
    }

    /// What is in the configuration folder now is what [`Bench::mend`] goes back to.
    pub(super) fn keep(&mut self) -> Result<()> {
        self.kept.clear();
        for file in fs::read_dir(self.config())? {
            let file = file?;
            let about = file.metadata()?;
            self.kept.push(Kept {
                name: file.file_name().into(),
                content: fs::read(file.path())?,
                mode: about.mode() & 0o7777,
                owner: about.uid(),
            });
        }
        Ok(())
    }

    /// The configuration folder, seen from outside.
    pub(super) fn config(&self) -> PathBuf {
        self.lab.namespace.seen(CONFIG)
    }

    /// Where [`Bench::mend`] finds what was moved away.
    pub(super) fn aside(&self) -> PathBuf {
        self.lab.namespace.seen(ASIDE)
    }

    /// Makes the configuration folder and what is above it as they were.
    pub(super) fn mend(&self) -> Result<()> {
        let config = self.config();
        for file in fs::read_dir(&config).into_iter().flatten().flatten() {
            // A device that was mounted over a file.
            if file.metadata().is_ok_and(|about| about.file_type().is_char_device()) {
                let path = Path::new(CONFIG).join(file.file_name());
                let path = path.to_str().context("a readable path")?;
                self.lab.namespace.run(0, &["umount", path])?;
            }
        }
        for folder in [&config, &self.aside()] {
            match folder.symlink_metadata() {
                Ok(about) if about.is_dir() => fs::remove_dir_all(folder)?,
                Ok(_) => fs::remove_file(folder)?,
                Err(_) => {}
            }
        }
        fs::create_dir(&config)?;
        for kept in &self.kept {
            let path = config.join(&kept.name);
            fs::write(&path, &kept.content)?;
            chown(&path, Some(kept.owner), Some(kept.owner))?;
            fs::set_permissions(&path, Permissions::from_mode(kept.mode))?;
        }
        for folder in ["/srv", "/srv/gaggle", CONFIG] {
            let folder = self.lab.namespace.seen(folder);
            chown(&folder, Some(0), Some(0))?;
            fs::set_permissions(folder, Permissions::from_mode(0o755))?;
        }
        Ok(())
    }

    /// Starts a supervisor on what is there, and ends it again if it serves.
    pub(super) fn try_start(&mut self) -> Result<Start> {
        let first = self.lab.service(Which::Supervisor)?;
        first.kill()?;
        // All of them write to one file.
        let said = first.log().len();
        self.catch_up()?;
        let ready = || self.lab.namespace.records().iter().filter(|r| r.is("ready")).count();
        let known = ready();
        let mut service = Service::start(&self.lab.namespace, Which::Supervisor, &[])?;
        let ended = wait::until(SOON, || {
            let ended = service.ended();
            (ended.is_some() || ready() > known).then_some(ended)
        });
        let words = || service.log().get(said..).unwrap_or_default().to_owned();
        match ended {
            None => bail!("it neither serves nor ends\n{}", words()),
            Some(None) => Ok(Start::Serves),
            Some(Some(status)) => {
                // The system's refusal, or the configuration's.
                ensure!(
                    [Some(1), Some(78)].contains(&status.code()),
                    "it ended with {status}\n{}",
                    words()
                );
                Ok(Start::Refuses(words()))
            }
        }
    }

    /// Has the running supervisor read everything again and waits for its word:
    /// the sentence with which it refused, if it did.
    pub(super) fn reload(&mut self) -> Result<Option<String>> {
        let words = |bench: &Self| {
            let records = bench.lab.namespace.records();
            let words = |r: &Entry| r.is("configuration_loaded") || r.is("configuration_refused");
            records.into_iter().filter(words).collect::<Vec<_>>()
        };
        self.catch_up()?;
        let known = words(self).len();
        self.lab.service(Which::Supervisor)?.signal(Signal::SIGHUP)?;
        let word = wait::until(SOON, || words(self).into_iter().nth(known));
        let word = word.with_context(|| format!("no word\n{}", self.lab.logs()))?;
        let refused = word.is("configuration_refused");
        Ok(refused.then(|| word.field("GAGGLE_REASON").to_owned()))
    }

    /// All records of that event so far.
    pub(super) fn records(&self, event: &str) -> Result<Vec<Entry>> {
        self.catch_up()?;
        let mut records = self.lab.namespace.records();
        records.retain(|record| record.is(event));
        Ok(records)
    }

    /// Waits until the journal has all that was sent to it before.
    fn catch_up(&self) -> Result<()> {
        static MARKS: AtomicU64 = AtomicU64::new(0);
        let mark = MARKS.fetch_add(1, Ordering::Relaxed).to_string();
        let journal = self.lab.namespace.seen("/run/systemd/journal/socket");
        // One queue, so one order, whoever sends.
        UnixDatagram::unbound()?.send_to(format!("MARK={mark}\n").as_bytes(), journal)?;
        let seen = |entry: &Entry| entry.field("MARK") == mark;
        let there = || self.lab.namespace.records().iter().any(seen).then_some(());
        wait::until(SOON, there).context("the journal does not follow")
    }
}
