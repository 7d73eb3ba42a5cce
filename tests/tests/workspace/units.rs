//! Whose processes the packaged services are, and whose files they keep.
//!
//! Trust: the files, as they are packaged.

use super::source::root;

/// The account that a service runs as.
fn account(unit: &str, text: &str) -> String {
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    match of("User=") {
        Some(name) => name.to_owned(),
        // Its name is the unit's, and an account that has it already is taken.
        None if of("DynamicUser=") == Some("yes") => unit.trim_end_matches(".service").to_owned(),
        None => "root".to_owned(),
    }
}

#[test]
fn no_service_can_be_signalled_by_another() {
    let mut accounts = Vec::new();
    for entry in root().join("packaging/systemd").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let unit = path.file_name().unwrap().to_str().unwrap();
        if unit.ends_with(".service") {
            accounts.push(account(unit, &std::fs::read_to_string(&path).unwrap()));
        }
    }
    accounts.sort();
    let all = accounts.len();
    accounts.dedup();
    assert!(all > 2 && accounts.len() == all, "two services share an account: {accounts:?}");
    let made = std::fs::read_to_string(root().join("packaging/sysusers.d/gaggle.conf")).unwrap();
    for name in accounts.iter().filter(|name| *name != "root") {
        assert!(made.contains(&format!("\nu {name} - ")), "nobody makes the account {name}");
    }
}

#[test]
fn whatever_may_hold_a_secret_is_made_for_root_alone() {
    let path = root().join("packaging/tmpfiles.d/gaggle.conf");
    let made = std::fs::read_to_string(path).unwrap();
    for (name, mode) in [("goose.env", "0600"), ("mattermost-token", "0600"), ("accounts", "0700")]
    {
        let whole = format!(" /etc/gaggle/{name} {mode} root root");
        assert!(made.contains(&whole), "{name} is not made with mode {mode}");
    }
}
