//! What the report says of a sandbox that is meant to be wider.

use anyhow::{Context as _, Result};
use gaggle_tests::lab::Lab;
use serde_json::{Value, json};

use super::{by_hand, doctor, outcomes_of, text};

/// What an agent with the whole home may do by the admin's word.
const BY_PROFILE: &[&str] = &[
    "agent_sockets",
    "hard_link",
    "home_modes",
    "own_home_outside_profile",
    "planted_link",
    "rename_out",
    "start_up_files",
    "worker_state",
];

#[test]
fn with_profile_full_the_home_is_untried_and_the_rest_holds() -> Result<()> {
    let full = json!({ "account": "alice", "home": "full" });
    let lab = Lab::builder().without_frontend().entry("alice", full).start_if_possible()?;
    let Some(lab) = lab else { return Ok(()) };
    let output = doctor(&lab, &["--account", "alice", "--json"])?;
    assert!(output.status.success(), "{}", text(&output.stdout));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(report["people"][0]["profile"], "full");
    let caged = outcomes_of(&report, "alice")?;
    for name in BY_PROFILE {
        assert_eq!(caged[*name].0, "untried", "{name}: {}", caged[*name].1);
        assert!(caged[*name].1.contains("profile full"), "{name}: {}", caged[*name].1);
    }
    for (name, (outcome, detail)) in &caged {
        assert_ne!(outcome, "open", "{name}: {detail}");
    }
    // The controls: what the rest of the home is worth without the cage.
    for name in ["own_home_outside_profile", "start_up_files"] {
        let id = lab.person("alice")?.uid.to_string();
        let seen = by_hand(&lab, &["--reuid", &id, "--regid", &id, "--clear-groups"])?;
        assert_eq!(seen[name].0, "open", "{name}: {}", seen[name].1);
    }
    Ok(())
}

#[test]
fn a_key_agent_in_the_home_is_reported_as_the_kernel_treats_it() -> Result<()> {
    let Some(lab) = Lab::builder().without_frontend().start_if_possible()? else { return Ok(()) };
    let alice = lab.person("alice")?.uid;
    let id = alice.to_string();
    let home = lab.namespace.seen("/home/alice/.gnupg");
    std::fs::create_dir(&home)?;
    std::os::unix::fs::chown(&home, Some(alice), Some(alice))?;
    let socket = home.join("S.gpg-agent");
    let _listener = std::os::unix::net::UnixListener::bind(&socket)?;
    std::os::unix::fs::chown(&socket, Some(alice), Some(alice))?;
    let output = doctor(&lab, &["--account", "alice", "--json"])?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let found = &outcomes_of(&report, "alice")?["agent_sockets"];
    let abi = report["landlock_abi"].as_u64().context("the ABI")?;
    let expected = if abi >= 9 { "held" } else { "open" };
    assert_eq!(found.0, expected, "ABI {abi}: {}", found.1);
    assert_eq!(output.status.success(), expected == "held");
    let seen = by_hand(&lab, &["--reuid", &id, "--regid", &id, "--clear-groups"])?;
    assert_eq!(seen["agent_sockets"].0, "open", "{}", seen["agent_sockets"].1);
    Ok(())
}
