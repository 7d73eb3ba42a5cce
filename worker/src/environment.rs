//! The worker's settings, from the environment that root built.
//!
//! Trust: root wrote it; it is parsed once, here, and refused as a whole if
//! anything is missing or unreadable. Provider keys are in it: no `Debug`.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use gaggle_ipc::launch::{
    ENV_AGENT_PREFIX, ENV_CONNECT_PORTS, ENV_GOOSE, ENV_LANDLOCK_FLOOR, ENV_MAX_GOOSE, ENV_PROFILE,
    ENV_READ, ENV_WRITE, Profile, steers_programs,
};

use crate::role::Supervision;

/// Most Goose processes a configuration may ask for.
const MOST_GOOSE: usize = 64;
/// Search path where the environment names none.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Everything the environment says.
pub(crate) struct Environment {
    /// The account's home, absolute.
    pub(crate) home: PathBuf,
    /// The account's name.
    pub(crate) user: OsString,
    /// `LANG`.
    pub(crate) lang: OsString,
    /// `PATH`.
    pub(crate) path: OsString,
    /// `TMPDIR`, absolute.
    pub(crate) tmpdir: PathBuf,
    /// What of the home an agent may touch.
    pub(crate) profile: Profile,
    /// The Goose binary, absolute.
    pub(crate) goose: PathBuf,
    /// Lowest Landlock ABI to go on with; 0 = none needed.
    pub(crate) landlock_floor: u8,
    /// Most Goose processes at once, at least 1.
    pub(crate) max_goose: usize,
    /// The only TCP ports to connect to; `None` = any.
    pub(crate) connect_ports: Option<Vec<u16>>,
    /// Paths to read beyond the profile.
    pub(crate) read: Vec<PathBuf>,
    /// Paths to write beyond the profile.
    pub(crate) write: Vec<PathBuf>,
    /// Provider settings: for Goose's environment and nothing else.
    pub(crate) agent: Vec<(OsString, OsString)>,
}

/// Why the environment was refused. Never carries a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvironmentError {
    /// A variable that must be there is not.
    #[error("the variable {0} is not set; start this program by gaggle-supervisor")]
    Missing(&'static str),
    /// A variable has a value of the wrong shape.
    #[error("the variable {0} cannot be read; start this program by gaggle-supervisor")]
    Unreadable(&'static str),
    /// A provider setting would change how programs are loaded or where they look.
    #[error("the provider setting {0:?} is not allowed; take it out of goose.env")]
    Forbidden(OsString),
}

type Variables = HashMap<OsString, OsString>;

impl Environment {
    /// Parses this process's environment.
    ///
    /// # Errors
    /// [`EnvironmentError`], without any value in it.
    pub(crate) fn of_this_process(supervision: Supervision) -> Result<Self, EnvironmentError> {
        Self::parse(std::env::vars_os(), supervision)
    }

    fn parse(
        variables: impl Iterator<Item = (OsString, OsString)>,
        supervision: Supervision,
    ) -> Result<Self, EnvironmentError> {
        let all: Variables = variables.collect();
        let relaxed = supervision == Supervision::Unsupervised;
        let or_default = |name, default: &str| match all.get(OsStr::new(name)) {
            Some(value) => Ok(value.clone()),
            None if relaxed => Ok(default.into()),
            None => Err(EnvironmentError::Missing(name)),
        };
        let max_goose: usize = number(ENV_MAX_GOOSE, &or_default(ENV_MAX_GOOSE, "4")?)?;
        if max_goose == 0 || max_goose > MOST_GOOSE {
            return Err(EnvironmentError::Unreadable(ENV_MAX_GOOSE));
        }
        Ok(Self {
            home: absolute("HOME", all.get(OsStr::new("HOME")))?,
            user: or_default("USER", "user")?,
            lang: or_default("LANG", "C.UTF-8")?,
            path: or_default("PATH", DEFAULT_PATH)?,
            tmpdir: absolute("TMPDIR", Some(&or_default("TMPDIR", "/tmp")?))?,
            profile: or_default(ENV_PROFILE, "workspace")?
                .to_str()
                .and_then(Profile::parse)
                .ok_or(EnvironmentError::Unreadable(ENV_PROFILE))?,
            goose: absolute(ENV_GOOSE, all.get(OsStr::new(ENV_GOOSE)))?,
            landlock_floor: number(ENV_LANDLOCK_FLOOR, &or_default(ENV_LANDLOCK_FLOOR, "0")?)?,
            max_goose,
            connect_ports: all.get(OsStr::new(ENV_CONNECT_PORTS)).map(ports).transpose()?,
            read: paths(ENV_READ, &all)?,
            write: paths(ENV_WRITE, &all)?,
            agent: agent_settings(&all)?,
        })
    }

    /// Where the agent works.
    pub(crate) fn workspace(&self) -> PathBuf {
        self.home.join("workspace")
    }
}

fn absolute(name: &'static str, value: Option<&OsString>) -> Result<PathBuf, EnvironmentError> {
    let path = PathBuf::from(value.ok_or(EnvironmentError::Missing(name))?);
    if path.is_absolute() { Ok(path) } else { Err(EnvironmentError::Unreadable(name)) }
}

fn number<N: std::str::FromStr>(
    name: &'static str,
    value: &OsString,
) -> Result<N, EnvironmentError> {
    value.to_str().and_then(|text| text.parse().ok()).ok_or(EnvironmentError::Unreadable(name))
}

fn ports(value: &OsString) -> Result<Vec<u16>, EnvironmentError> {
    let unreadable = EnvironmentError::Unreadable(ENV_CONNECT_PORTS);
    let Some(text) = value.to_str() else { return Err(unreadable) };
    // Given but empty means what it says: no port at all.
    text.split(',')
        .filter(|port| !port.is_empty())
        .map(|port| port.parse().map_err(|_| EnvironmentError::Unreadable(ENV_CONNECT_PORTS)))
        .collect()
}

fn paths(name: &'static str, all: &Variables) -> Result<Vec<PathBuf>, EnvironmentError> {
    let Some(value) = all.get(OsStr::new(name)) else { return Ok(Vec::new()) };
    value
        .as_bytes()
        .split(|byte| *byte == b':')
        .filter(|path| !path.is_empty())
        .map(|path| absolute(name, Some(&OsString::from_vec(path.to_vec()))))
        .collect()
}

fn agent_settings(all: &Variables) -> Result<Vec<(OsString, OsString)>, EnvironmentError> {
    let mut settings = Vec::new();
    for (name, value) in all {
        let Some(name) = name.as_bytes().strip_prefix(ENV_AGENT_PREFIX.as_bytes()) else {
            continue;
        };
        let name = OsStr::from_bytes(name);
        if is_forbidden(name.as_bytes()) {
            return Err(EnvironmentError::Forbidden(name.to_owned()));
        }
        settings.push((name.to_owned(), value.clone()));
    }
    settings.sort();
    Ok(settings)
}

/// What is no name, and what root refuses when it reads the files; a second look
/// costs nothing.
fn is_forbidden(name: &[u8]) -> bool {
    let grammatical = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    !grammatical || name.is_empty() || std::str::from_utf8(name).is_ok_and(steers_programs)
}

#[cfg(test)]
impl Environment {
    /// alice's, with nothing beyond the default profile.
    pub(crate) fn of_alice(home: PathBuf) -> Self {
        Self {
            home,
            user: "alice".into(),
            lang: "C.UTF-8".into(),
            path: "/usr/bin:/bin".into(),
            tmpdir: "/tmp".into(),
            profile: Profile::Workspace,
            goose: "/usr/lib/gaggle/goose".into(),
            landlock_floor: 3,
            max_goose: 4,
            connect_ports: None,
            read: vec![],
            write: vec![],
            agent: vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &[(&str, &str)] = &[
        ("HOME", "/home/alice"),
        ("USER", "alice"),
        ("LANG", "C.UTF-8"),
        ("PATH", "/usr/bin:/bin"),
        ("TMPDIR", "/tmp"),
        ("GAGGLE_PROFILE", "workspace"),
        ("GAGGLE_GOOSE", "/usr/lib/gaggle/goose"),
        ("GAGGLE_LANDLOCK_FLOOR", "3"),
        ("GAGGLE_MAX_GOOSE", "4"),
    ];

    fn parse(changes: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        let all = BASE.iter().chain(changes).map(|(n, v)| (n.into(), v.into()));
        Environment::parse(all, Supervision::Supervised)
    }

    #[test]
    fn what_root_wrote_is_read() {
        let environment = parse(&[
            ("GAGGLE_CONNECT_PORTS", "443,8080"),
            ("GAGGLE_READ", "/srv/a:/srv/b"),
            ("GAGGLE_AGENT_ENV_OPENAI_API_KEY", "k"),
        ])
        .ok()
        .unwrap();
        assert_eq!(environment.connect_ports, Some(vec![443, 8080]));
        assert_eq!(environment.read, [PathBuf::from("/srv/a"), PathBuf::from("/srv/b")]);
        assert_eq!(environment.agent, [("OPENAI_API_KEY".into(), "k".into())]);
        assert_eq!(environment.workspace(), PathBuf::from("/home/alice/workspace"));
    }

    #[test]
    fn no_ports_given_and_an_empty_list_are_told_apart() {
        assert_eq!(parse(&[]).ok().unwrap().connect_ports, None);
        let closed = parse(&[("GAGGLE_CONNECT_PORTS", "")]).ok().unwrap();
        assert_eq!(closed.connect_ports, Some(vec![]));
    }

    #[test]
    fn each_unreadable_value_is_refused_by_name() {
        for (name, value) in [
            ("GAGGLE_PROFILE", "Full"),
            ("GAGGLE_GOOSE", "goose"),
            ("GAGGLE_LANDLOCK_FLOOR", "three"),
            ("GAGGLE_MAX_GOOSE", "0"),
            ("GAGGLE_CONNECT_PORTS", "443,70000"),
            ("GAGGLE_WRITE", "/srv:../etc"),
            ("HOME", "alice"),
        ] {
            let error = parse(&[(name, value)]).err();
            assert_eq!(error, Some(EnvironmentError::Unreadable(name)), "{value}");
        }
    }

    #[test]
    fn each_variable_is_required_under_the_supervisor() {
        for (missing, _) in BASE {
            let rest = BASE.iter().filter(|(name, _)| name != missing);
            let rest = rest.map(|(n, v)| (n.into(), v.into()));
            let error = Environment::parse(rest, Supervision::Supervised).err();
            assert_eq!(error, Some(EnvironmentError::Missing(missing)));
        }
    }

    #[test]
    fn settings_that_rule_loading_or_paths_are_refused() {
        for name in ["LD_PRELOAD", "HOME", "GOOSE_MODE", "XDG_CONFIG_HOME", "BASH_ENV", "A-B", ""] {
            let error = parse(&[(&format!("GAGGLE_AGENT_ENV_{name}"), "x")]).err();
            assert_eq!(error, Some(EnvironmentError::Forbidden(name.into())));
        }
    }
}
