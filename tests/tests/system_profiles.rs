//! What an entry of the mapping gives an agent: the home's profile, more paths,
//! ports and groups; that, and not more.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::Lab;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);

/// A lab in which alice has `entry`, and a script of root's has run; `$0` is
/// alice's uid.
fn lab(entry: Value, script: &str) -> Result<Option<Lab>> {
    let lab = Lab::builder().entry("alice", entry).start_if_possible()?;
    let Some(lab) = lab else { return Ok(None) };
    let uid = lab.person("alice")?.uid.to_string();
    let made = lab.namespace.run(0, &["sh", "-ec", script, &uid])?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(Some(lab))
}

/// Three folders of alice's own, beside her home.
const DATA: &str = "mkdir -p /srv/data/in /srv/data/out /srv/data/in-not; \
    for folder in in out in-not; do echo text > /srv/data/$folder/file; done; chown -R $0 /srv/data; echo done";

/// Runs each command in one thread; those that `may` print `through`, the
/// others are denied.
fn check(lab: &Lab, commands: &[(&str, bool)]) -> Result<()> {
    let mut thread = lab.ask("alice", "hello")?;
    thread.answer()?;
    for (command, may) in commands {
        let said = thread.then(&format!("run: {command} && echo through"))?;
        assert_eq!(said.contains("through"), *may, "{command}: {said}");
        let refused = ["Permission denied", "Read-only file system"];
        assert!(*may || refused.iter().any(|words| said.contains(words)), "{command}: {said}");
    }
    Ok(())
}

#[test]
fn the_default_profile_is_the_workspace_alone() -> Result<()> {
    let home = "echo note > /home/alice/note; chown $0 /home/alice/note";
    let Some(lab) = lab(json!("alice"), home)? else { return Ok(()) };
    check(
        &lab,
        &[
            ("test $PWD = /home/alice/workspace", true),
            ("echo '#!/bin/sh' > ~/workspace/run && chmod +x run && ./run", true),
            ("mkdir -p ~/workspace/a/b && mv run a/b && rm -r a", true),
            ("mktemp > /dev/null", true),
            ("cat ~/note", false),
            ("ls ~", false),
            ("echo alias ls=rm >> ~/.bashrc", false),
            ("mkdir ~/.ssh", false),
        ],
    )
}

#[test]
fn the_full_profile_is_the_whole_home_and_nobody_elses() -> Result<()> {
    let homes = "echo note > /home/alice/note; chown $0 /home/alice/note; chmod 755 /home/bob; \
                 echo of-bob > /home/bob/note; chmod 666 /home/bob/note";
    let entry = json!({"account": "alice", "home": "full"});
    let Some(lab) = lab(entry, homes)? else { return Ok(()) };
    check(
        &lab,
        &[
            ("cat ~/note", true),
            ("echo x > ~/.profile && rm ~/.profile", true),
            ("cat /home/bob/note", false),
            ("echo x > /home/bob/note", false),
        ],
    )?;
    let alice = lab.person("alice")?.uid;
    let control = lab.namespace.run(alice, &["cat", "/home/bob/note"])?;
    assert_eq!(control.stdout, b"of-bob\n", "outside the sandbox she may read it");
    Ok(())
}

#[test]
fn added_paths_are_there_and_their_neighbours_are_not() -> Result<()> {
    let entry = json!({"account": "alice", "read": ["/srv/data/in"], "write": ["/srv/data/out"]});
    let Some(lab) = lab(entry, DATA)? else { return Ok(()) };
    check(
        &lab,
        &[
            ("cat /srv/data/in/file", true),
            ("echo x >> /srv/data/in/file", false),
            ("touch /srv/data/in/new", false),
            ("cat /srv/data/out/file", true),
            ("echo x >> /srv/data/out/file", true),
            ("mv /srv/data/out/file /srv/data/out/other", true),
            ("cat /srv/data/in-not/file", false),
            ("ls /srv/data", false),
            ("cat /srv/data/in/../in-not/file", false),
            ("ln -s /srv/data/in-not/file l && cat l", false),
        ],
    )
}

#[test]
fn an_added_path_that_is_a_link_or_not_there_stops_the_start() -> Result<()> {
    let link = format!("{DATA}; ln -s /etc /srv/data/link");
    for (path, why) in [
        ("/srv/data/link", "is a link"),
        ("/srv/data/link/ssl", "is a link or leads over one"),
        ("/srv/data/gone", "cannot be opened"),
    ] {
        let entry = json!({"account": "alice", "read": [path]});
        let Some(lab) = lab(entry, &link)? else { return Ok(()) };
        let told = lab.answer("alice", "run: echo it-runs")?;
        assert!(!told.contains("it-runs") && told.contains("admin"), "{path}: {told}");
        lab.record("sandbox_refused", SOON, |r| r.field("GAGGLE_STEP") == "worker_folders")?;
        // Which path it is stands in the journal, for the admin.
        let names = |r: &gaggle_tests::lab::Entry| {
            let line = r.field("GAGGLE_UNATTESTED");
            line.contains(path) && line.contains(why)
        };
        lab.record("worker_output", SOON, names).with_context(|| path)?;
        assert_eq!(lab.answer("bob", "run: echo started")?, "started", "the control");
    }
    Ok(())
}

#[test]
fn of_the_ports_the_given_ones_work_and_no_other() -> Result<()> {
    let Some(mut lab) = lab(json!("alice"), ":")? else { return Ok(()) };
    let listener = || -> Result<(TcpListener, u16)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        Ok((listener, port))
    };
    let ((_one, allowed), (_other, refused)) = (listener()?, listener()?);
    // Goose lives under the same rule: without its port there is no model.
    let provider: u16 = lab.llm.url().rsplit(':').next().context("a port")?.parse()?;
    let entry = json!({"account": "alice", "connect_ports": [provider, allowed]});
    lab.set_entry("alice", entry)?;
    let connect = |port: u16| format!("echo > /dev/tcp/127.0.0.1/{port}");
    check(&lab, &[(&connect(allowed), true), (&connect(refused), false)])?;
    let bob = lab.answer("bob", &format!("run: {} && echo through", connect(refused)))?;
    assert_eq!(bob, "through", "the control: without connect_ports any port");
    Ok(())
}

#[test]
fn a_provider_on_a_loopback_port_answers_in_the_default_profile() -> Result<()> {
    let Some(lab) = lab(json!("alice"), ":")? else { return Ok(()) };
    assert!(lab.llm.url().starts_with("http://127.0.0.1:"), "{}", lab.llm.url());
    assert_eq!(lab.answer("alice", "hello")?, "echo: hello");
    Ok(())
}

#[test]
fn a_given_group_opens_what_is_the_groups_and_no_other() -> Result<()> {
    let make = "for group in 4711:project 4712:other; do \
                  gid=${group%:*}; name=${group#*:}; echo $name:x:$gid:alice,bob >> /etc/group; \
                  mkdir /srv/$name; echo text > /srv/$name/file; \
                  chgrp -R $gid /srv/$name; chmod 750 /srv/$name; chmod 640 /srv/$name/file; done";
    let Some(mut lab) = lab(json!("alice"), make)? else { return Ok(()) };
    // Both are in both groups; an agent gets those of its entry.
    let entry = |name: &str, group: &str| json!({"account": name, "read": ["/srv/project", "/srv/other"], "groups": [group]});
    lab.set_entry("alice", entry("alice", "project"))?;
    check(&lab, &[("cat /srv/project/file", true), ("cat /srv/other/file", false)])?;
    lab.set_entry("bob", entry("bob", "other"))?;
    let control = lab.answer("bob", "run: cat /srv/other/file; cat /srv/project/file")?;
    assert!(control.starts_with("text\n") && control.contains("Permission denied"), "{control}");
    Ok(())
}

#[test]
fn files_made_in_an_added_path_are_the_accounts() -> Result<()> {
    let entry = json!({"account": "alice", "write": ["/srv/data/out"]});
    let Some(lab) = lab(entry, DATA)? else { return Ok(()) };
    check(&lab, &[("echo made > /srv/data/out/made", true)])?;
    let made = lab.namespace.seen("/srv/data/out/made");
    assert_eq!(fs::read_to_string(&made)?, "made\n");
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&made)?);
    assert_eq!(owner, lab.person("alice")?.uid);
    Ok(())
}
