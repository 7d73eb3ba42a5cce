//! Goose's environment, built from nothing.
//!
//! Trust: a home and a configuration that no earlier turn could write, so that
//! nothing planted in the account's own is read. Provider keys are Goose's to
//! know; the shell wrapper takes them out again by the names listed here.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use gaggle_ipc::launch::Profile;

use crate::environment::Environment;
use crate::exec_agent::{Order, Program};
use crate::folders;
use crate::programs::Programs;

/// For the shell wrapper: the account's home.
pub(crate) const HOME_OF_ACCOUNT: &str = "GAGGLE_HOME";
/// For the shell wrapper: the search path as it was, without Goose's additions.
pub(crate) const PATH_OF_ACCOUNT: &str = "GAGGLE_PATH";
/// For the shell wrapper: where tools keep their caches; absent = their own places.
pub(crate) const CACHE_OF_AGENT: &str = "GAGGLE_CACHE";
/// For the shell wrapper: the file that names the conversation.
pub(crate) const FILE_OF_THREAD: &str = "GAGGLE_THREAD_FILE";
/// For the shell wrapper: names to take out, with commas between.
pub(crate) const HIDDEN_NAMES: &str = "GAGGLE_HIDE";

/// Settings that are no keys and that a person's commands need as well: how to
/// reach the network from here.
const SHARED_WITH_COMMANDS: &[&str] =
    &["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Everything Goose gets to see in `environ`.
pub(crate) fn for_goose(
    environment: &Environment,
    programs: &Programs,
    order: &Order,
    config: &Path,
) -> Vec<(OsString, OsString)> {
    let home = &environment.home;
    // Provider settings come first, so that none can stand in for what follows.
    let mut all = environment.agent.clone();
    let mut set = |name: &str, value: &OsStr| {
        all.retain(|(present, _)| present != name);
        all.push((name.into(), value.into()));
    };
    set("HOME", programs.goose_home.as_os_str());
    set("XDG_CONFIG_HOME", config.as_os_str());
    set("XDG_DATA_HOME", home.join(".local/share").as_os_str());
    set("XDG_STATE_HOME", home.join(".local/state").as_os_str());
    set("XDG_CACHE_HOME", home.join(folders::CACHE).as_os_str());
    set("GOOSE_SHELL", programs.shell.as_os_str());
    set("GOOSE_MODE", order.mode.as_str().as_ref());
    set("GOOSE_DISABLE_KEYRING", "1".as_ref());
    set("GOOSE_TELEMETRY_OFF", "1".as_ref());
    set("GOOSE_DISABLE_SESSION_NAMING", "true".as_ref());
    set("USER", &environment.user);
    set("LOGNAME", &environment.user);
    set("SHELL", "/bin/bash".as_ref());
    set("LANG", &environment.lang);
    set("PATH", &environment.path);
    set("TMPDIR", environment.tmpdir.as_os_str());
    set(HOME_OF_ACCOUNT, home.as_os_str());
    set(PATH_OF_ACCOUNT, &environment.path);
    set(HIDDEN_NAMES, &hidden(environment));
    if let Program::Goose(file) = &order.program {
        set(FILE_OF_THREAD, file.as_os_str());
    }
    if environment.profile == Profile::Workspace {
        set(CACHE_OF_AGENT, home.join(folders::CACHE).as_os_str());
    }
    all
}

fn hidden(environment: &Environment) -> OsString {
    let kept = |name: &OsStr| SHARED_WITH_COMMANDS.iter().any(|shared| name == *shared);
    let names = environment.agent.iter().map(|(name, _)| name.as_os_str());
    names.filter(|name| !kept(name)).collect::<Vec<_>>().join(OsStr::new(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    use gaggle_ipc::session::GooseMode;

    use crate::role::Supervision;

    fn environment(agent: &[(&str, &str)]) -> Environment {
        Environment {
            agent: agent.iter().map(|(n, v)| (n.into(), v.into())).collect(),
            ..Environment::of_alice("/home/alice".into())
        }
    }

    fn built(agent: &[(&str, &str)]) -> HashMap<OsString, OsString> {
        let at = |name: &str| Path::new("/usr/lib/gaggle").join(name);
        let programs = Programs {
            folder: "/usr/lib/gaggle".into(),
            worker: at("gaggle-worker"),
            shell: at("goose-shell"),
            goose_home: at("goose-home"),
            goose_config: at("goose-config"),
            goose: at("goose"),
        };
        let config = programs.goose_config.clone();
        let order = Order {
            program: Program::Goose("/home/alice/.local/state/gaggle/thread-1-1".into()),
            supervision: Supervision::Supervised,
            mode: GooseMode::Approve,
            procs: None,
            config: None,
        };
        let all = for_goose(&environment(agent), &programs, &order, &config);
        let count = all.len();
        let map: HashMap<_, _> = all.into_iter().collect();
        assert_eq!(map.len(), count, "a name stands twice");
        map
    }

    #[test]
    fn goose_gets_a_home_and_a_configuration_nobody_can_plant_in() {
        let all = built(&[("OPENAI_API_KEY", "k"), ("HTTPS_PROXY", "http://proxy:3128")]);
        assert_eq!(all[OsStr::new("HOME")], "/usr/lib/gaggle/goose-home");
        assert_eq!(all[OsStr::new("XDG_CONFIG_HOME")], "/usr/lib/gaggle/goose-config");
        assert_eq!(all[OsStr::new("GOOSE_MODE")], "approve");
        assert_eq!(all[OsStr::new("OPENAI_API_KEY")], "k");
        assert_eq!(all[OsStr::new("GAGGLE_HIDE")], "OPENAI_API_KEY");
    }

    #[test]
    fn of_gaggles_own_names_only_the_wrappers_are_there() {
        let all = built(&[]);
        let mut own: Vec<_> = all
            .keys()
            .filter_map(|name| name.to_str().filter(|name| name.starts_with("GAGGLE_")))
            .collect();
        own.sort_unstable();
        let wrappers = ["CACHE", "HIDE", "HOME", "PATH", "THREAD_FILE"];
        assert_eq!(own, wrappers.map(|name| format!("GAGGLE_{name}")));
    }

    #[test]
    fn a_provider_setting_cannot_stand_in_for_a_fixed_one() {
        let all = built(&[("GOOSE_TELEMETRY_OFF", "0")]);
        assert_eq!(all[OsStr::new("GOOSE_TELEMETRY_OFF")], "1");
    }
}
