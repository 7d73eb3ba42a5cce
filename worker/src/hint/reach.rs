//! What the sandbox lets an agent touch, as far as a person may ask for more.
//!
//! Trust: the environment that root built. A path from an output is looked at
//! with the account's own rights, as the agent could: Landlock denies opening,
//! not asking. So what the account may open and the rules leave out is refused
//! by the sandbox and by nothing else.

use std::path::{Component, Path, PathBuf};

use gaggle_ipc::launch::Profile;
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use crate::environment::Environment;
use crate::folders;
use crate::sandbox::places::SYSTEM;

/// Folders of the machine's own: an admin who opens one of them to an agent
/// does so by their own thinking.
const NEVER: &[&str] = &["/boot", "/dev", "/home", "/proc", "/root", "/run", "/sys", "/var"];
/// Never as a whole: what is mounted or kept there has little in common.
const NOT_ITSELF: &[&str] = &["/", "/media", "/mnt", "/net", "/srv"];

/// The sandbox's rules.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    home: PathBuf,
    profile: Profile,
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    ports: Option<Vec<u16>>,
    /// Below these nothing is suggested.
    pub(super) never: Vec<PathBuf>,
}

/// What the sandbox refuses and the account would be allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing {
    path: PathBuf,
    right: Right,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Read,
    Write,
}

impl Reach {
    pub(super) fn new(environment: &Environment) -> Self {
        let system = SYSTEM.iter().map(|(path, _)| Path::new(path));
        // Other people's homes stand beside this one, the programs beside Goose.
        let homes = environment.home.parent().filter(|homes| homes.parent().is_some());
        let others = homes.into_iter().chain(environment.goose.parent());
        let never = NEVER.iter().map(Path::new).chain(system).chain(others);
        Self {
            home: environment.home.clone(),
            profile: environment.profile,
            read: environment.read.clone(),
            write: environment.write.clone(),
            ports: environment.connect_ports.clone(),
            never: never.map(Path::to_owned).collect(),
        }
    }

    /// The account's home.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// Whether a connection to `port` is refused, wherever it goes.
    pub(super) fn refuses_port(&self, port: u16) -> bool {
        self.ports.as_ref().is_some_and(|ports| !ports.contains(&port))
    }

    /// What of `paths` is to be asked for: the one, or the folder that all of
    /// them are in. Unrelated ones come from a walk that nobody meant.
    pub(super) fn missing(&self, paths: &[PathBuf]) -> Option<Missing> {
        let mut all = paths.iter().filter_map(|path| self.missing_one(path));
        let first = all.next()?;
        all.try_fold(first, |one, other| {
            let path = common(&one.path, &other.path);
            let right = if other.right == Right::Write { Right::Write } else { one.right };
            self.may_be_asked_for(&path).then_some(Missing { path, right })
        })
    }

    fn missing_one(&self, path: &Path) -> Option<Missing> {
        let plain = |c: Component<'_>| matches!(c, Component::RootDir | Component::Normal(_));
        // Links below /proc would lead this process where they lead no agent.
        if !path.components().all(plain) || !self.may_be_asked_for(path) {
            return None;
        }
        // A rule is for what is there, and the admin's list takes no links.
        let (path, exists) = match path.canonicalize() {
            Ok(path) => (path, true),
            Err(_) => (path.parent()?.canonicalize().ok()?, false),
        };
        if !self.may_be_asked_for(&path) || self.may_write(&path) {
            return None;
        }
        // The home's read-only mount is the sandbox's, and asked about only where
        // the account itself may write.
        let may = |right| match access(&path, right) {
            Err(Errno::EROFS) => path.starts_with(&self.home),
            other => other.is_ok(),
        };
        let reads = AccessFlags::R_OK;
        if exists && !self.may_read(&path) {
            return may(reads).then_some(Missing { path, right: Right::Read });
        }
        may(AccessFlags::W_OK).then_some(Missing { path, right: Right::Write })
    }

    /// Whether a person should be told to ask for `path`: nobody else's home,
    /// nothing of the machine's, and no hidden place of their own home, which is
    /// where keys live.
    fn may_be_asked_for(&self, path: &Path) -> bool {
        if let Ok(below) = path.strip_prefix(&self.home) {
            let first = below.components().next();
            return first
                .is_some_and(|first| !first.as_os_str().as_encoded_bytes().starts_with(b"."));
        }
        // A text that fits a sentence and a line of JSON, links followed or not.
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        let quotable = |text: &str| !text.contains(['"', '\\', '`', ':']);
        path.to_str().is_some_and(|text| plain(text) && quotable(text))
            && !NOT_ITSELF.iter().any(|folder| path == Path::new(folder))
            && !self.home.starts_with(path)
            && !self.never.iter().any(|folder| path.starts_with(folder))
    }

    fn may_write(&self, path: &Path) -> bool {
        let own = [folders::WORKSPACE, folders::CACHE, folders::GOOSE_DATA, folders::GOOSE_STATE];
        let home = self.profile == Profile::Full && path.starts_with(&self.home);
        home || own.iter().any(|folder| path.starts_with(self.home.join(folder)))
            || self.write.iter().any(|folder| path.starts_with(folder))
    }

    fn may_read(&self, path: &Path) -> bool {
        self.read.iter().any(|folder| path.starts_with(folder))
    }

    /// What a person is told of a place.
    pub(super) fn place_sentence(&self, missing: &Missing) -> String {
        let path = missing.path.display();
        let own = match self.profile {
            Profile::Workspace => "`~/workspace`",
            Profile::Full => "your home",
        };
        let added = self.read.is_empty() && self.write.is_empty();
        let added = if added { "" } else { " and what your admin added" };
        let (verb, key, or) = match missing.right {
            Right::Read => ("read", "read", " (or `\"write\"`)"),
            Right::Write => ("write to", "write", ""),
        };
        format!(
            "The agent may not {verb} `{path}`: it works in {own}{added} alone. If it should, ask your admin to add \
             `\"{key}\": [\"{path}\"]`{or} to your entry in `user_mapping.json`."
        )
    }

    /// What a person is told when the model cannot be reached and ports are
    /// limited.
    pub(super) fn provider_sentence(&self) -> Option<String> {
        let own = Self::own_ports(self.ports.as_deref()?);
        Some(format!(
            "The agent may connect {own}, and so may Goose. If your model answers on another port, ask your admin to add \
             it to `\"connect_ports\"` in your entry of `user_mapping.json`."
        ))
    }

    fn own_ports(ports: &[u16]) -> String {
        let named: Vec<String> = ports.iter().take(10).map(ToString::to_string).collect();
        match named.as_slice() {
            [] => "to no port at all".to_owned(),
            named if named.len() < ports.len() => {
                format!("to {} and others alone", named.join(", "))
            }
            named => format!("to {} alone", named.join(", ")),
        }
    }

    /// What a person is told of a port.
    pub(super) fn port_sentence(&self, port: u16) -> String {
        let own = Self::own_ports(self.ports.as_deref().unwrap_or_default());
        format!(
            "The agent may not connect to port {port}: it may connect {own}. If it should, ask your admin to add \
             `{port}` to `\"connect_ports\"` in your entry of `user_mapping.json`."
        )
    }
}

/// The longest path that both begin with.
fn common(one: &Path, other: &Path) -> PathBuf {
    let both = one.components().zip(other.components());
    both.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}
