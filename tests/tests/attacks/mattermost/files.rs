//! Attachments that are more than they seem.

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::{Lab, Which};
use gaggle_tests::mattermost::{Content, Fault, NewPost, Requests};

const MIB: usize = 1024 * 1024;

/// A lab in which alice has keys, and a file of her own to log in with.
fn lab() -> Result<Option<Lab>> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(None) };
    let uid = lab.person("alice")?.uid.to_string();
    let script = "mkdir /home/alice/.ssh; echo key > /home/alice/.ssh/authorized_keys; chown -R $0 /home/alice/.ssh";
    let made = lab.namespace.run(0, &["sh", "-ec", script, &uid])?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(Some(lab))
}

fn content_of_a_file() -> Requests {
    Requests::next(1, "GET", "/files/*")
}

/// Everything in the home that is not below the workspace.
fn outside(lab: &Lab) -> Result<String> {
    let script = "cd /home/alice && find . -path ./workspace -prune -o -path ./.local -prune -o -path ./.cache -prune -o -type f -exec cat {} + -print";
    let found = lab.namespace.run(0, &["sh", "-c", script])?;
    Ok(String::from_utf8_lossy(&found.stdout).into_owned())
}

#[test]
fn m21_the_name_of_an_attachment_leads_nowhere() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let before = outside(&lab)?;
    let thread = lab.ask("alice", "hello")?;
    thread.answer()?;
    let root = thread.root();
    // A link that an earlier turn planted under the very name.
    let plant = "run: mkdir -p $GAGGLE_INBOX && ln -s ~/.ssh/authorized_keys $GAGGLE_INBOX/keys && echo planted";
    let mut thread = thread;
    assert_eq!(thread.then(plant)?, "planted");
    let alice = lab.person("alice")?;
    // A server that passes names on as they are.
    let names =
        ["../../.ssh/authorized_keys", "..\\..\\x", "keys", ".bashrc", "-rf", "a\u{202e}gpj.sh"];
    let mut files = Vec::new();
    for name in names {
        let file = lab.simulator.upload(alice.mattermost.id, alice.direct, "x", b"evil")?;
        lab.simulator.rename_file(file, name);
        files.push(file);
    }
    let message = "look".to_owned();
    let new = NewPost { message, root: Some(root), files, ..NewPost::default() };
    lab.simulator.post_with(alice.mattermost.id, alice.direct, new)?;
    lab.told(root, "echo: look")?;
    let listed = thread.then(r#"run: cd "$GAGGLE_INBOX" && ls -A"#)?;
    assert_eq!(listed, "agpj.sh\nauthorized_keys\nbashrc\nkeys\nkeys-2\nrf\nx");
    assert_eq!(outside(&lab)?, before);
    let control = lab
        .namespace
        .run(alice.uid, &["sh", "-c", "echo x >> /home/alice/.ssh/authorized_keys"])?;
    ensure!(control.status.success() && outside(&lab)? != before, "the control");
    Ok(())
}

/// The most memory that alice's worker and the frontend ever had, in bytes.
fn peaks(lab: &mut Lab) -> Result<Vec<(&'static str, usize)>> {
    let mut pids = vec![("frontend", lab.service(Which::Frontend)?.pid())];
    pids.extend(
        lab.namespace.people_running("gaggle-worker").into_iter().map(|pid| ("worker", pid)),
    );
    let peak = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no peak")?;
        let kib: usize = line.split_whitespace().nth(1).context("no number")?.parse()?;
        anyhow::Ok(kib * 1024)
    };
    pids.into_iter().map(|(name, pid)| Ok((name, peak(pid)?))).collect()
}

#[test]
fn m22_a_huge_or_endless_attachment_costs_nobody_anything() -> Result<()> {
    let Some(mut lab) = lab()? else { return Ok(()) };
    lab.answer("alice", "hello")?;
    lab.simulator
        .inject(Fault::BadContent { requests: content_of_a_file(), content: Content::Endless });
    let huge = vec![b'x'; 51 * MIB];
    let files: &[(&str, &[u8])] =
        &[("endless.bin", b"small"), ("huge.bin", &huge), ("ok.txt", b"ok")];
    let thread = lab.ask_with("alice", r#"run: ls -A "$GAGGLE_INBOX""#, files)?;
    let said = thread.answer()?;
    for words in [
        "`endless.bin` was not taken: what came was not as long",
        "`huge.bin` was not taken: it is larger than 50 MiB",
    ] {
        assert!(said.contains(words), "{words:?}: {said}");
    }
    assert!(said.ends_with("\nok.txt"), "nothing else is there: {said}");
    // The control: one within the limit arrives, and passes through without being kept.
    let large = vec![b'x'; 48 * MIB];
    let thread = lab.ask_with(
        "alice",
        r#"run: stat -c %s "$GAGGLE_INBOX/large.bin""#,
        &[("large.bin", &large)],
    )?;
    assert_eq!(thread.answer()?, large.len().to_string());
    for (name, peak) in peaks(&mut lab)? {
        assert!(peak < 40 * MIB, "{name} once had {} MiB", peak / MIB);
    }
    Ok(())
}

#[test]
fn m23_an_archive_stays_packed() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut gzip = Command::new("gzip").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = gzip.stdin.take().context("no input")?;
    let writing = std::thread::spawn(move || input.write_all(&vec![0; 64 * MIB]));
    let bomb = gzip.wait_with_output()?.stdout;
    writing.join().unwrap()?;
    assert!(bomb.len() < MIB, "it is a bomb");
    let thread = lab.ask_with(
        "alice",
        r#"run: cd "$GAGGLE_INBOX" && ls -A && du -b ."#,
        &[("bomb.tar.gz", &bomb)],
    )?;
    let root = thread.root();
    let said = thread.answer()?;
    assert!(said.starts_with("bomb.tar.gz\n"), "{said}");
    let stored = lab.namespace.seen(format!("/home/alice/workspace/inbox/{root}/bomb.tar.gz"));
    assert!(std::fs::read(stored)? == bomb, "not as it was sent");
    let mut thread = thread;
    let control = thread.then(r#"run: gzip -dc "$GAGGLE_INBOX/bomb.tar.gz" | wc -c"#)?;
    assert_eq!(control, (64 * MIB).to_string(), "whoever unpacks it has it all");
    Ok(())
}

#[test]
fn m24_a_file_is_fetched_from_the_server_and_nowhere_else() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let elsewhere = TcpListener::bind("127.0.0.1:0")?;
    elsewhere.set_nonblocking(true)?;
    let local = format!("http://{}/secret", elsewhere.local_addr()?);
    for to in [local.as_str(), "http://169.254.169.254/latest/meta-data", "file:///etc/passwd"] {
        lab.simulator.inject(Fault::Redirect { requests: content_of_a_file(), to: to.to_owned() });
        let thread = lab.ask_with("alice", "look", &[("a.txt", b"x")])?;
        let said = thread.answer()?;
        assert!(
            said.contains("`a.txt` was not taken: Mattermost's answer was not understood"),
            "{said}"
        );
        assert!(!said.contains("root:"), "{said}");
    }
    assert_eq!(elsewhere.accept().map(drop).unwrap_err().kind(), ErrorKind::WouldBlock);
    let _control = TcpStream::connect(elsewhere.local_addr()?)?;
    elsewhere.set_nonblocking(false)?;
    elsewhere.accept()?;
    Ok(())
}
