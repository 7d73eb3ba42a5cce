//! Which of its roles this program plays, by how it was called.
//!
//! Trust: the argument list only chooses a role; no role gives more rights
//! than the process already has.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What `--help` says.
pub(crate) const HELP: &str = "\
gaggle-worker runs one person's Goose processes in a sandbox.

It is started by gaggle-supervisor, which gives it a session socket and a
cgroup; it is of no use from a shell. See `man gaggle` for the command that
shows and checks workers.

Roles: no argument (under the supervisor), `unsupervised` (the demo without
root), `exec-agent` and `file-transfer` (internal), `isolation-probe` (tries to break out of where it
runs; `gaggle doctor isolation` runs it inside the sandboxes), and the name
`goose-shell` (the shell Goose uses).";

/// Whether root prepared this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Supervision {
    /// By the supervisor: every protection is required.
    Supervised,
    /// By hand, for a demo: what the system lacks is named and done without.
    Unsupervised,
}

/// A role of this program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The worker under the supervisor.
    Worker,
    /// The worker without a supervisor.
    Unsupervised,
    /// The step between worker and Goose, with its arguments.
    ExecAgent(Vec<OsString>),
    /// The attacks on the sandbox, with what to expect of it.
    IsolationProbe(Vec<OsString>),
    /// Opens one file inside the sandbox, for the worker.
    FileTransfer(Vec<OsString>),
    /// Goose's shell, with the shell's arguments.
    Shell(Vec<OsString>),
    /// Explain.
    Help,
    /// Say the version.
    Version,
    /// None of them.
    Unknown,
}

impl Role {
    /// The role that an argument list, program name first, asks for.
    pub(crate) fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut arguments = arguments.into_iter();
        let name = arguments.next().unwrap_or_default();
        if Path::new(&name).file_name() == Some("goose-shell".as_ref()) {
            return Self::Shell(arguments.collect());
        }
        let Some(word) = arguments.next() else {
            return Self::Worker;
        };
        let rest: Vec<OsString> = arguments.collect();
        match (word.as_bytes(), rest.is_empty()) {
            (b"exec-agent", _) => Self::ExecAgent(rest),
            (b"isolation-probe", _) => Self::IsolationProbe(rest),
            (b"file-transfer", _) => Self::FileTransfer(rest),
            (b"unsupervised", true) => Self::Unsupervised,
            (b"--help" | b"-h" | b"help", true) => Self::Help,
            (b"--version" | b"-V", true) => Self::Version,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(words: &[&str]) -> Role {
        Role::from_arguments(words.iter().map(OsString::from))
    }

    #[test]
    fn the_argument_list_chooses_the_role() {
        assert_eq!(role(&["/usr/lib/gaggle/gaggle-worker"]), Role::Worker);
        assert_eq!(role(&["gaggle-worker", "unsupervised"]), Role::Unsupervised);
        assert_eq!(role(&["w", "--help"]), Role::Help);
        assert_eq!(role(&["w", "--version"]), Role::Version);
        assert_eq!(role(&["w", "exec-agent", "x"]), Role::ExecAgent(vec!["x".into()]));
        assert_eq!(role(&["w", "isolation-probe"]), Role::IsolationProbe(vec![]));
        assert_eq!(role(&["w", "file-transfer"]), Role::FileTransfer(vec![]));
        for nonsense in [&["w", "unsupervised", "x"][..], &["w", ""], &["w", "-c"]] {
            assert_eq!(role(nonsense), Role::Unknown, "{nonsense:?}");
        }
    }

    #[test]
    fn under_the_shells_name_every_argument_is_the_shells() {
        assert_eq!(
            role(&["/usr/lib/gaggle/goose-shell", "unsupervised"]),
            Role::Shell(vec!["unsupervised".into()])
        );
    }
}
