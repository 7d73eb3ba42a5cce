//! The program itself: what it says and how it exits.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

fn frontend(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gaggle-frontend"))
        .args(arguments)
        .arg("--config-dir")
        .arg(folder)
        .env_clear()
        .output()
        .unwrap()
}

fn configured() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lines = "MATTERMOST_URL=http://127.0.0.1:9\nMATTERMOST_TOKEN=xxxxxxxxxxxxxxxxxxxxxxxxxx\n";
    let file = folder.path().join("gaggle.env");
    std::fs::write(&file, lines).unwrap();
    std::fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
    folder
}

#[test]
fn a_configuration_is_checked_without_starting_anything() {
    let folder = configured();
    let output = frontend(folder.path(), &["--check-config"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.ends_with("the configuration is usable\n"), "{said}");
    assert!(!said.contains("xxxx"), "the token is shown");
}

#[test]
fn a_configuration_that_is_not_usable_has_a_status_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let output = frontend(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("MATTERMOST_URL"), "{said}");
}

#[test]
fn help_teaches_and_version_names_the_release() {
    let folder = configured();
    let help = String::from_utf8(frontend(folder.path(), &["--help"]).stdout).unwrap();
    for part in ["--state-dir", "gaggle-supervisor", "journalctl", "77"] {
        assert!(help.contains(part), "{part}");
    }
    let version = frontend(folder.path(), &["--version"]).stdout;
    assert!(String::from_utf8(version).unwrap().contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn it_never_runs_as_root() {
    let folder = configured();
    let state = folder.path().to_str().unwrap().to_owned();
    let root = nix::unistd::geteuid().is_root();
    // Without root the same start gets further: to a state folder that cannot be.
    let below_a_file = format!("{state}/gaggle.env/state");
    let output = frontend(folder.path(), &["--state-dir", &below_a_file]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said.contains("never run as root"), root, "{said}");
}
