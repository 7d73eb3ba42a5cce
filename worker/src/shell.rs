//! The shell Goose runs: gives the account its home back, takes provider keys
//! and Goose's settings out of the environment, and becomes `bash`.
//!
//! Trust: none is given or taken; everything happens inside the agent's sandbox.
//! What is taken out here is still in Goose's own environment, into which the
//! command's own domain keeps it from looking.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use gaggle_ipc::files::{INBOX, OUTBOX};

use crate::agent_environment::{
    CACHE_OF_AGENT, FILE_OF_THREAD, HIDDEN_NAMES, HOME_OF_ACCOUNT, PATH_OF_ACCOUNT,
};
use crate::folders::WORKSPACE;
use crate::sandbox::command;
use crate::thread_file;

/// For commands: where the files are that the person sent in this conversation.
const INBOX_OF_THREAD: &str = "GAGGLE_INBOX";
/// For commands: what they put there the person gets.
const OUTBOX_OF_THREAD: &str = "GAGGLE_OUTBOX";
const BASH: &str = "/bin/bash";
/// The shells' own status for a command that is found and cannot be run.
const EXIT_CANNOT_RUN: u8 = 126;

/// Replaces this process with `bash`. Returns only if that failed.
pub(crate) fn become_bash(arguments: Vec<OsString>) -> ExitCode {
    let Some(variables) = restored(std::env::vars_os().collect()) else {
        eprintln!(
            "goose-shell: {HOME_OF_ACCOUNT} is not set; this shell is for Goose under gaggle-worker"
        );
        return ExitCode::from(EXIT_CANNOT_RUN);
    };
    if let Err(error) = command::enter() {
        eprintln!("goose-shell: no sandbox for this command: {error}");
        return ExitCode::from(EXIT_CANNOT_RUN);
    }
    let error = Command::new(BASH).args(arguments).env_clear().envs(variables).exec();
    eprintln!("goose-shell: {BASH} cannot be run: {error}");
    ExitCode::from(EXIT_CANNOT_RUN)
}

/// The environment for a person's commands; `None` without a home to restore.
fn restored(mut all: BTreeMap<OsString, OsString>) -> Option<BTreeMap<OsString, OsString>> {
    let home = all.remove(OsStr::new(HOME_OF_ACCOUNT))?;
    let path = all.remove(OsStr::new(PATH_OF_ACCOUNT));
    let cache = all.remove(OsStr::new(CACHE_OF_AGENT));
    let thread = all.remove(OsStr::new(FILE_OF_THREAD));
    let thread = thread.and_then(|file| thread_file::read(Path::new(&file)));
    let hidden = all.remove(OsStr::new(HIDDEN_NAMES)).unwrap_or_default();
    for name in hidden.as_bytes().split(|byte| *byte == b',') {
        all.remove(OsStr::from_bytes(name));
    }
    all.retain(|name, _| {
        let name = name.as_bytes();
        ![&b"XDG_"[..], b"GOOSE_", b"GAGGLE_"].iter().any(|prefix| name.starts_with(prefix))
    });
    if cache.is_some() {
        keep_git_going(Path::new(&home), &mut all);
    }
    if let Some(thread) = thread {
        let workspace = Path::new(&home).join(WORKSPACE);
        for (name, place) in [(INBOX_OF_THREAD, INBOX), (OUTBOX_OF_THREAD, OUTBOX)] {
            all.insert(name.into(), workspace.join(place).join(thread.as_str()).into());
        }
    }
    all.insert("HOME".into(), home);
    if let Some(path) = path {
        all.insert("PATH".into(), path);
    }
    if let Some(cache) = cache {
        for (name, below) in [
            ("XDG_CACHE_HOME", ""),
            ("npm_config_cache", "/npm"),
            ("CARGO_HOME", "/cargo"),
            ("GOPATH", "/go"),
        ] {
            let mut place = cache.clone();
            place.push(below);
            all.insert(name.into(), place);
        }
    }
    Some(all)
}

/// Git refuses to do anything at all where it sees a configuration it cannot
/// open. Agents without the home have one of their own in the workspace.
fn keep_git_going(home: &Path, all: &mut BTreeMap<OsString, OsString>) {
    const NAME: &str = ".gitconfig";
    if File::open(home.join(NAME)).is_err() {
        all.insert("GIT_CONFIG_GLOBAL".into(), home.join(WORKSPACE).join(NAME).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        pairs.iter().map(|(n, v)| (n.into(), v.into())).collect()
    }

    #[test]
    fn keys_and_settings_are_gone_and_the_home_is_back() {
        let before = map(&[
            ("HOME", "/usr/lib/gaggle/goose-home"),
            ("GAGGLE_HOME", "/home/alice"),
            ("GAGGLE_PATH", "/usr/bin:/bin"),
            ("PATH", "/usr/lib/gaggle/goose-home/.local/bin:/usr/bin:/bin"),
            ("GAGGLE_HIDE", "OPENAI_API_KEY,AZURE_KEY"),
            ("OPENAI_API_KEY", "k"),
            ("AZURE_KEY", "k"),
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("XDG_CONFIG_HOME", "/usr/lib/gaggle/goose-config"),
            ("GOOSE_MODE", "auto"),
            ("GAGGLE_OTHER", "x"),
            ("LANG", "C.UTF-8"),
            ("AGENT_SESSION_ID", "20260101_1"),
        ]);
        let after = map(&[
            ("HOME", "/home/alice"),
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("PATH", "/usr/bin:/bin"),
            ("LANG", "C.UTF-8"),
            ("AGENT_SESSION_ID", "20260101_1"),
        ]);
        assert_eq!(restored(before), Some(after));
    }

    #[test]
    fn tools_keep_their_caches_apart_from_the_persons() {
        let all = restored(map(&[("GAGGLE_HOME", "/h"), ("GAGGLE_CACHE", "/h/.cache/gaggle")]));
        let all = all.unwrap();
        assert_eq!(all[OsStr::new("XDG_CACHE_HOME")], "/h/.cache/gaggle");
        assert_eq!(all[OsStr::new("CARGO_HOME")], "/h/.cache/gaggle/cargo");
    }

    #[test]
    fn commands_know_the_places_of_the_thread_that_they_serve_now() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("thread");
        let at = file.to_str().unwrap();
        let outbox = || {
            let all = [("GAGGLE_HOME", "/h"), ("GAGGLE_OUTBOX", "/"), ("GAGGLE_THREAD_FILE", at)];
            restored(map(&all)).unwrap().remove(OsStr::new("GAGGLE_OUTBOX"))
        };
        assert_eq!(outbox(), None);
        for thread in ["zo3yx6gsxbf8ppuaojzhiaj1yw", "aaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            std::fs::write(&file, thread).unwrap();
            assert_eq!(outbox(), Some(format!("/h/workspace/outbox/{thread}").into()));
        }
    }

    #[test]
    fn git_has_a_configuration_that_it_can_open() {
        let home = tempfile::tempdir().unwrap();
        let at = home.path().to_str().unwrap();
        let cache = [("GAGGLE_HOME", at), ("GAGGLE_CACHE", "/c")];
        let name = OsStr::new("GIT_CONFIG_GLOBAL");
        let own = home.path().join("workspace/.gitconfig");
        assert_eq!(restored(map(&cache)).unwrap().get(name), Some(&own.into()));
        let full = restored(map(&[("GAGGLE_HOME", at)])).unwrap();
        assert_eq!(full.get(name), None, "with the whole home it is the person's");
        std::fs::write(home.path().join(".gitconfig"), "").unwrap();
        assert_eq!(restored(map(&cache)).unwrap().get(name), None, "the admin added it");
    }

    #[test]
    fn without_a_home_to_restore_nothing_is_run() {
        assert_eq!(restored(map(&[("HOME", "/h")])), None);
    }
}
