//! `gaggle doctor units`: whether the services run as confined as packaged.
//!
//! Trust: the service manager's word on what is in force; the packaged units as
//! they were when this program was built. Some settings the service manager
//! shows only taken apart: of those the admin's own files are searched instead.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use serde::Serialize;

use crate::output;

/// Name and packaged text of what is compared.
const UNITS: [(&str, &str); 3] = [
    ("gaggle.service", include_str!("../../../packaging/systemd/gaggle.service")),
    (
        "gaggle-supervisor.service",
        include_str!("../../../packaging/systemd/gaggle-supervisor.service"),
    ),
    ("gaggle-frontend.service", include_str!("../../../packaging/systemd/gaggle-frontend.service")),
];
/// Settings that the service manager shows as they are written.
const WORDS: &[&str] = &[
    "User",
    "Group",
    "DynamicUser",
    "NotifyAccess",
    "KillMode",
    "RootDirectory",
    "UMask",
    "LimitCORE",
    "StateDirectoryMode",
    "NoNewPrivileges",
    "PrivateUsers",
    "PrivateTmp",
    "PrivateDevices",
    "PrivateNetwork",
    "PrivateIPC",
    "PrivateMounts",
    "ProtectSystem",
    "ProtectHome",
    "ProtectClock",
    "ProtectControlGroups",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProcSubset",
    "KeyringMode",
    "RemoveIPC",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "LockPersonality",
    "MemoryDenyWriteExecute",
];
/// Settings that are sets of words, in any order and case.
const SETS: &[&str] = &[
    "CapabilityBoundingSet",
    "AmbientCapabilities",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "SystemCallArchitectures",
];
/// Settings that weaken nothing, whatever they say.
const HARMLESS: &[&str] = &[
    "Restart",
    "RestartSec",
    "WatchdogSec",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "LimitNOFILE",
    "OOMScoreAdjust",
    "LogRateLimitIntervalSec",
    "LogRateLimitBurst",
    "ReadWritePaths",
    "BindReadOnlyPaths",
    "LoadCredential",
    "SetCredential",
];
/// Most that is read of an admin's file, in bytes.
const LONGEST: u64 = 64 * 1024;

/// A setting that is not as packaged.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Difference {
    unit: String,
    setting: String,
    packaged: String,
    /// What is in force, or the file that says something else.
    found: String,
}

/// The whole report. Version 1; fields are only ever added.
#[derive(Debug, Serialize)]
struct Report {
    version: u32,
    differences: Vec<Difference>,
}

/// Compares all units.
///
/// # Errors
/// The service manager cannot be asked, or has not loaded a unit.
pub(super) fn run(json: bool) -> anyhow::Result<ExitCode> {
    let mut differences = Vec::new();
    for (unit, text) in UNITS {
        let packaged = settings(text);
        let shown = show(unit)?;
        differences.extend(compare(unit, &packaged, &shown));
        differences.extend(overridden(unit, &packaged, &shown));
    }
    let same = differences.is_empty();
    if json {
        output::line(&serde_json::to_string(&Report { version: 1, differences })?);
    } else if same {
        output::line(&output::verdict(true, "all services are as confined as packaged"));
    } else {
        let row = |one: Difference| vec![one.unit, one.setting, one.packaged, one.found];
        let rows = differences.into_iter().map(row).collect();
        output::line(&output::table(&["unit", "setting", "packaged", "found"], rows));
        output::notice("a drop-in of the admin's? see: systemctl cat 'gaggle*'");
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

type Settings = BTreeMap<String, String>;

/// The settings of the section `[Service]`; those given several times together.
fn settings(text: &str) -> Settings {
    let mut settings = Settings::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[Service]";
        } else if let (true, false, Some((name, value))) =
            (inside, line.starts_with('#'), line.split_once('='))
        {
            let all = settings.entry(name.trim().to_owned()).or_default();
            if !all.is_empty() {
                all.push(' ');
            }
            all.push_str(value.trim());
        }
    }
    settings
}

fn show(unit: &str) -> anyhow::Result<Settings> {
    let names: Vec<&str> = WORDS
        .iter()
        .chain(SETS)
        .chain(&["LoadState", "FragmentPath", "DropInPaths"])
        .copied()
        .collect();
    let shown = Command::new("systemctl")
        .args(["show", "--property", &names.join(","), "--", unit])
        .output()
        .context("systemctl cannot be run: is this a system with systemd?")?;
    if !shown.status.success() {
        let why = String::from_utf8_lossy(&shown.stderr);
        bail!("systemctl does not answer: {}", output::escaped(why.trim()));
    }
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let shown: Settings = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    match shown.get("LoadState").map(String::as_str) {
        Some("loaded") => Ok(shown),
        _ => bail!("{unit} is not installed, or does not load: see systemctl status {unit}"),
    }
}

/// What is in force and differs.
fn compare(unit: &str, packaged: &Settings, shown: &Settings) -> Vec<Difference> {
    let words = WORDS.iter().map(|name| (*name, false));
    let all = words.chain(SETS.iter().map(|name| (*name, true)));
    let differs = |(name, is_set): (&str, bool)| {
        let wanted = packaged.get(name)?;
        // One that this systemd does not know is not shown.
        let found = shown.get(name)?;
        let same = if is_set { set(wanted) == set(found) } else { wanted == found };
        (!same).then(|| difference(unit, name, wanted, found))
    };
    all.filter_map(differs).collect()
}

fn set(words: &str) -> BTreeSet<String> {
    words.split_whitespace().map(str::to_ascii_lowercase).collect()
}

/// What files of the admin's say about the other settings.
fn overridden(unit: &str, packaged: &Settings, shown: &Settings) -> Vec<Difference> {
    let of = |name| shown.get(name).map_or("", String::as_str);
    let mut differences = Vec::new();
    let fragment = of("FragmentPath");
    if !fragment.starts_with("/usr/lib/") && !fragment.starts_with("/lib/") {
        differences.push(difference(unit, "the unit itself", "/usr/lib/systemd/system", fragment));
    }
    for path in of("DropInPaths").split_whitespace() {
        let Some(text) = content(path) else {
            differences.push(difference(unit, "a drop-in", "", &format!("{path}: unreadable")));
            continue;
        };
        // What the packaged unit does not say is not compared.
        let compared = |name: &str| {
            packaged.contains_key(name) && (WORDS.contains(&name) || SETS.contains(&name))
        };
        for name in settings(&text).into_keys() {
            if !compared(&name) && !HARMLESS.contains(&name.as_str()) {
                let wanted = packaged.get(&name).map_or("", String::as_str);
                differences.push(difference(unit, &name, wanted, path));
            }
        }
    }
    differences
}

fn content(path: &str) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

fn difference(unit: &str, setting: &str, packaged: &str, found: &str) -> Difference {
    let shown = |text: &str| if text.is_empty() { "-".to_owned() } else { output::escaped(text) };
    Difference {
        unit: unit.to_owned(),
        setting: output::escaped(setting),
        packaged: shown(packaged),
        found: shown(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[Unit]\nUser=not this\n[Service]\n# User=nor this\nUser=gaggle\nNoNewPrivileges=yes\nCapabilityBoundingSet=CAP_KILL CAP_CHOWN\nSystemCallFilter=@a\nSystemCallFilter=~@b\nRestart=no\n";

    fn shown(pairs: &[(&str, &str)]) -> Settings {
        let usual = [
            ("User", "gaggle"),
            ("NoNewPrivileges", "yes"),
            ("CapabilityBoundingSet", "cap_chown cap_kill"),
            ("FragmentPath", "/usr/lib/systemd/system/x.service"),
        ];
        let all = usual.iter().chain(pairs);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn found(pairs: &[(&str, &str)]) -> Vec<String> {
        let (packaged, shown) = (settings(TEXT), shown(pairs));
        let mut all = compare("x", &packaged, &shown);
        all.extend(overridden("x", &packaged, &shown));
        all.into_iter().map(|one| one.setting).collect()
    }

    #[test]
    fn as_packaged_nothing_differs() {
        assert_eq!(found(&[]), [""; 0]);
        assert_eq!(settings(TEXT)["SystemCallFilter"], "@a ~@b");
    }

    #[test]
    fn what_is_weaker_in_force_is_named() {
        assert_eq!(found(&[("NoNewPrivileges", "no")]), ["NoNewPrivileges"]);
        let more = [("CapabilityBoundingSet", "cap_chown cap_kill cap_sys_admin")];
        assert_eq!(found(&more), ["CapabilityBoundingSet"]);
        assert_eq!(
            found(&[("FragmentPath", "/etc/systemd/system/x.service")]),
            ["the unit itself"]
        );
    }

    #[test]
    fn a_drop_in_is_searched_for_what_is_not_shown_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.conf");
        let text = "[Service]\nRestart=always\nUser=gaggle\nSystemCallFilter=\nGroup=root\n";
        std::fs::write(&path, text).unwrap();
        let settings = found(&[("DropInPaths", path.to_str().unwrap())]);
        assert_eq!(settings, ["Group", "SystemCallFilter"]);
        let missing = folder.path().join("gone.conf");
        assert_eq!(found(&[("DropInPaths", missing.to_str().unwrap())]), ["a drop-in"]);
    }

    #[test]
    fn every_setting_of_the_packaged_units_is_looked_at_in_one_way() {
        for (unit, text) in UNITS {
            let names = settings(text);
            assert!(names.len() > 20, "{unit}");
            assert!(WORDS.iter().any(|name| names.contains_key(*name)), "{unit}");
        }
    }
}
