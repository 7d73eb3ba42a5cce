//! The first time the sandbox refuses an agent something, the thread says so
//! and names the setting to ask for; and it says so once.

use anyhow::{Context, Result};
use gaggle_tests::lab::Lab;
use serde_json::{Value, json};

const HINT: &str = "ask your admin to add";

/// Data of alice's own beside her home: nothing but the sandbox keeps her agent
/// from it. Bob's and root's is kept from it by its mode as well.
fn lab(entry: Value) -> Result<Option<Lab>> {
    let builder = Lab::builder().person("carol").entry("alice", entry);
    let Some(lab) = builder.start_if_possible()? else { return Ok(None) };
    let make = "umask 077; mkdir -p /srv/data/reports /srv/closed && echo of-alice > /srv/data/reports/a && \
                echo closed > /srv/closed/x && echo note > /home/alice/notes && echo key > /home/alice/.key && \
                chown -R \"$0\" /srv/data /home/alice && chmod 755 /srv/data";
    let uid = lab.person("alice")?.uid.to_string();
    let made = lab.namespace.run(0, &["sh", "-c", make, &uid])?;
    anyhow::ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(Some(lab))
}

#[test]
fn the_first_refusal_names_the_setting_and_later_ones_do_not() -> Result<()> {
    let Some(lab) = lab(json!("alice"))? else { return Ok(()) };
    let mut thread = lab.ask("alice", "run: cat /srv/data/reports/a")?;
    let first = thread.answer()?;
    assert!(first.contains("`\"read\": [\"/srv/data/reports/a\"]`"), "{first}");
    assert!(first.contains("it works in `~/workspace` alone"), "{first}");
    for again in ["cat /srv/data/reports/a", "ls /srv/data", "cat ~/notes"] {
        let later = thread.then(&format!("run: {again}"))?;
        assert!(later.contains("Permission denied") && !later.contains(HINT), "{again}: {later}");
    }
    let elsewhere = lab.answer("alice", "run: cat /srv/data/reports/a")?;
    assert!(!elsewhere.contains(HINT), "in another thread: {elsewhere}");
    // The control: it was the sandbox, and the setting mends it.
    let alice = lab.person("alice")?.uid;
    let outside = lab.namespace.run(alice, &["cat", "/srv/data/reports/a"])?;
    assert_eq!(outside.stdout, b"of-alice\n");
    Ok(())
}

#[test]
fn with_the_setting_the_file_is_read_and_nothing_is_explained() -> Result<()> {
    let entry = json!({"account": "alice", "read": ["/srv/data/reports"]});
    let Some(lab) = lab(entry)? else { return Ok(()) };
    let mut thread = lab.ask("alice", "run: cat /srv/data/reports/a")?;
    assert_eq!(thread.answer()?, "of-alice");
    let writing = thread.then("run: echo more >> /srv/data/reports/a")?;
    assert!(writing.contains("`\"write\": [\"/srv/data/reports/a\"]`"), "{writing}");
    Ok(())
}

#[test]
fn what_the_account_may_not_touch_either_is_not_blamed_on_the_sandbox() -> Result<()> {
    let Some(lab) = lab(json!("alice"))? else { return Ok(()) };
    let mut thread = lab.ask("alice", "hello")?;
    thread.answer()?;
    for quiet in [
        "cat /srv/closed/x",
        "cat /home/bob/x",
        "ls /root",
        "cat /etc/shadow",
        "cat ~/.key",
        "touch a; chmod 000 a; cat a ~/workspace/a",
        "find / -maxdepth 2 -type d > /dev/null",
        "cat /proc/1/environ",
    ] {
        let said = thread.then(&format!("run: {quiet}"))?;
        assert!(said.contains("Permission denied"), "{quiet}: {said}");
        assert!(!said.contains(HINT), "{quiet}: {said}");
    }
    // The control: none of these used up the one explanation.
    let said = thread.then("run: cat ~/notes")?;
    assert!(said.contains("`\"read\": [\"/home/alice/notes\"]`"), "{said}");
    Ok(())
}

#[test]
fn gooses_own_tools_are_explained_too() -> Result<()> {
    let Some(lab) = lab(json!("alice"))? else { return Ok(()) };
    let write = r#"!!tool name=write | {"path":"/srv/data/new","content":"x"}"#;
    let said = lab.answer("alice", write)?;
    assert!(said.contains("`\"write\": [\"/srv/data\"]`"), "{said}");
    Ok(())
}

#[test]
fn a_refused_port_is_explained_with_its_setting() -> Result<()> {
    let Some(mut lab) = lab(json!("alice"))? else { return Ok(()) };
    let llm: u16 = lab.llm.url().rsplit(':').next().context("a port")?.parse()?;
    lab.set_entry("alice", json!({"account": "alice", "connect_ports": [llm]}))?;
    lab.set_entry("bob", json!({"account": "bob", "connect_ports": [9]}))?;
    let mute = lab.answer("bob", "hello")?;
    assert!(mute.contains("may connect to 9 alone, and so may Goose"), "{mute}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let connect = format!("run: echo > /dev/tcp/127.0.0.1/{port}");
    let mut thread = lab.ask("alice", &connect)?;
    let said = thread.answer()?;
    assert!(said.contains(&format!("add `{port}` to `\"connect_ports\"`")), "{said}");
    assert!(!thread.then(&connect)?.contains(HINT));
    // The control: carol's ports are not limited.
    assert_eq!(lab.answer("carol", &format!("{connect} && echo connected"))?, "connected");
    Ok(())
}
