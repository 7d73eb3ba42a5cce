//! The units' `IPAddressDeny=`: a link-local address, where clouds give out
//! credentials, is out of reach for an agent and for the frontend.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
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

#[test]
fn a_link_local_address_is_out_of_reach() -> Result<()> {
    if !is_ours() {
        return Ok(());
    }
    run(&["ip", "address", "add", &format!("{LINK_LOCAL}/32"), "dev", "lo"])?;
    let (secret, asked) = serve(LINK_LOCAL)?;
    let (open, _) = serve("127.0.0.1")?;
    TcpStream::connect((LINK_LOCAL, secret)).context("the control: this test reaches it")?;
    wait::until(SOON, || (asked.load(Ordering::SeqCst) == 1).then_some(())).context("it counts")?;
    let machine = Machine::start(super::old_kernel::settings()?, json!("alice"))?;
    let connect = |address: &str, port: u16| {
        let line = format!("exec 3<>/dev/tcp/{address}/{port} && echo reached");
        machine.answer("alice", &format!("run: timeout 20 bash -c '{line}' 2>&1"))
    };
    ensure!(connect("127.0.0.1", open)? == "reached", "the control");
    let refused = connect(LINK_LOCAL, secret)?;
    ensure!(refused.contains("Operation not permitted"), "{refused}");
    // The frontend is told that its Mattermost is there.
    let url =
        format!("[mattermost]\nurl = \"http://{LINK_LOCAL}:{secret}\"\nallow_plaintext = true\n");
    write("gaggle.toml", &url, 0o644)?;
    run(&["systemctl", "restart", "--no-block", "gaggle-frontend"])?;
    wait::until(SOON, || {
        let said = read(&["journalctl", "-b", "--no-pager", "-u", "gaggle-frontend", "-n", "50"]);
        said.ok().filter(|said| said.contains("not permitted") || said.contains("os error 1"))
    })
    .with_context(|| {
        format!("{:?}", read(&["journalctl", "-b", "-u", "gaggle-frontend", "-n", "30"]))
    })?;
    ensure!(asked.load(Ordering::SeqCst) == 1, "somebody got through");
    run(&["systemctl", "stop", "gaggle"])?;
    Ok(())
}
