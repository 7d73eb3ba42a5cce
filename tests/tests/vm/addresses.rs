//! The units' `IPAddressDeny=`: a link-local address, where clouds give out
//! credentials, is out of reach for an agent and for the frontend.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::wait;
use serde_json::json;

use super::machine::{Machine, SOON, is_ours, read, run, write};

const LINK_LOCAL: &str = "169.254.169.254";

/// A server that counts who connects.
fn serve(address: &str) -> Result<(u16, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind((address, 0))?;
    let port = listener.local_addr()?.port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.0 503 No\r\n\r\n");
        }
    });
    Ok((port, count))
}

fn add_address() -> Result<()> {
    read(&["ip", "address", "replace", &format!("{LINK_LOCAL}/32"), "dev", "lo"]).map(drop)
}

/// The unit without its rule about addresses, until [`revert`].
fn allow(unit: &str) -> Result<()> {
    read(&["systemctl", "set-property", "--runtime", unit, "IPAddressDeny="]).map(drop)
}

fn revert(unit: &str) -> Result<()> {
    read(&["systemctl", "revert", unit]).map(drop)
}

/// What an agent is told that connects, and that sends.
fn tried(machine: &Machine, address: &str, port: u16) -> Result<[String; 2]> {
    let act =
        |line: &str| machine.answer("alice", &format!("run: timeout 5 bash -c '{line}' 2>&1"));
    Ok([
        act(&format!("exec 3<>/dev/tcp/{address}/{port} && echo reached"))?,
        act(&format!("echo x >/dev/udp/{address}/{port} && echo sent"))?,
    ])
}

#[test]
fn an_agent_does_not_reach_a_link_local_address() -> Result<()> {
    const UNIT: &str = "gaggle-supervisor.service";
    if !is_ours() {
        return Ok(());
    }
    add_address()?;
    let (secret, asked) = serve(LINK_LOCAL)?;
    let (open, _) = serve("127.0.0.1")?;
    let machine = Machine::start(super::old_kernel::settings()?, json!("alice"))?;
    ensure!(tried(&machine, "127.0.0.1", open)? == ["reached", "sent"], "other addresses");
    // A connection's first packet is dropped without a word; a sender is told.
    let [connected, sent] = tried(&machine, LINK_LOCAL, secret)?;
    ensure!(!connected.contains("reached") && connected.contains("124"), "{connected}");
    ensure!(sent.contains("Operation not permitted"), "{sent}");
    ensure!(asked.load(Ordering::SeqCst) == 0, "somebody got through");
    allow(UNIT)?;
    let control = tried(&machine, LINK_LOCAL, secret);
    revert(UNIT)?;
    ensure!(control? == ["reached", "sent"], "the control");
    Ok(())
}

#[test]
fn the_frontend_does_not_reach_a_link_local_address() -> Result<()> {
    const UNIT: &str = "gaggle-frontend.service";
    if !is_ours() {
        return Ok(());
    }
    add_address()?;
    let (secret, asked) = serve(LINK_LOCAL)?;
    // It has reached its Mattermost on loopback; now it is told of another.
    let _machine = Machine::start(super::old_kernel::settings()?, json!("alice"))?;
    let url =
        format!("[mattermost]\nurl = \"http://{LINK_LOCAL}:{secret}\"\nallow_plaintext = true\n");
    write("gaggle.toml", &url, 0o644)?;
    run(&["systemctl", "restart", "--no-block", UNIT])?;
    let trying = || read(&["ss", "-Htn", "state", "syn-sent", "dst", LINK_LOCAL]);
    wait::until(SOON, || trying().ok().filter(|sockets| !sockets.is_empty()))
        .context("it does not try")?;
    ensure!(asked.load(Ordering::SeqCst) == 0, "it got through");
    allow(UNIT)?;
    let control = wait::until(SOON, || (asked.load(Ordering::SeqCst) > 0).then_some(()));
    revert(UNIT)?;
    run(&["systemctl", "stop", "gaggle", "gaggle-frontend"])?;
    control.context("the control")
}
