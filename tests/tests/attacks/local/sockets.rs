//! Sockets of ours as somebody else could find them.
//!
//! Trust: the kernel's tables of sockets.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use anyhow::Result;
use gaggle_ipc::admin::AdminRequest;
use gaggle_tests::lab::probe::frame;
use gaggle_tests::lab::spec::FRONTEND_UID;
use gaggle_tests::lab::{Lab, Probe};

use super::outsider::held;
use super::{Ours, SOON, ours};

/// The inodes of the sockets that the processes hold, and who holds them.
fn held_by(processes: &[Ours]) -> BTreeMap<String, &'static str> {
    let mut inodes = BTreeMap::new();
    for process in processes {
        let folder = fs::read_dir(format!("/proc/{}/fd", process.pid));
        for entry in folder.into_iter().flatten().flatten() {
            let link = fs::read_link(entry.path()).unwrap_or_default();
            let link = link.to_string_lossy();
            if let Some(inode) = link.strip_prefix("socket:[") {
                inodes.insert(inode.trim_end_matches(']').to_owned(), process.what);
            }
        }
    }
    inodes
}

/// The words of each line of a table of sockets.
fn table(name: &str) -> Result<Vec<Vec<String>>> {
    let text = fs::read_to_string(format!("/proc/net/{name}"))?;
    Ok(text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect())
}

#[test]
fn l01_nobody_else_gets_into_the_control_socket() -> Result<()> {
    let Some(lab) = Lab::builder().without_frontend().start_if_possible()? else { return Ok(()) };
    let bob = lab.person("bob")?;
    let (_, greeting) = Probe::start(&lab, bob.uid)?;
    assert_eq!(greeting, "connect: EACCES");
    // Root may open any socket; it is not the frontend all the same. And a mode
    // that was widened lets nobody in whose uid is not the frontend's.
    let socket = lab.namespace.seen("/run/gaggle/control.sock");
    fs::set_permissions(socket, Permissions::from_mode(0o666))?;
    for uid in [0, bob.uid] {
        let (mut probe, greeting) = Probe::start(&lab, uid)?;
        assert_eq!(greeting, "connected");
        assert!(probe.receive()?.contains("PeerNotAllowed"));
        assert_eq!(probe.receive()?, "end");
        lab.record("peer_refused", SOON, |r| r.field("GAGGLE_UID") == uid.to_string())?;
    }
    // The control.
    Probe::connected(&lab)?;
    Ok(())
}

#[test]
fn l01_nobody_but_root_gets_into_the_admin_socket() -> Result<()> {
    let Some(lab) = Lab::builder().without_frontend().start_if_possible()? else { return Ok(()) };
    let bob = lab.person("bob")?.uid;
    // Without a frontend the command would call that a failure.
    let _frontend = Probe::connected(&lab)?;
    let status = [("L01", "/srv/gaggle/lib/gaggle status".to_owned())];
    held(&lab, bob, 0, &status)?;
    held(&lab, FRONTEND_UID, 0, &status)?;
    // Nor with a mode that was widened: the socket opens, and says nothing.
    let socket = lab.namespace.seen("/run/gaggle/admin.sock");
    fs::set_permissions(socket, Permissions::from_mode(0o666))?;
    for uid in [bob, FRONTEND_UID] {
        let (mut probe, greeting) = Probe::start_at(&lab, uid, "/run/gaggle/admin.sock")?;
        assert_eq!(greeting, "connected");
        probe.raw(&frame(&AdminRequest::Status))?;
        assert_eq!(probe.receive()?, "end");
        lab.record("peer_refused", SOON, |r| {
            r.field("GAGGLE_UID") == uid.to_string() && r.field("GAGGLE_SOCKET") == "admin"
        })?;
    }
    held(&lab, bob, 0, &status)
}

#[test]
fn l04_l10_l11_no_socket_of_ours_has_a_name_to_connect_to_or_to_take() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let processes = ours(&mut lab)?;
    let inodes = held_by(&processes);
    let mut named = Vec::new();
    // Columns: address, count, protocol, flags, type, state, inode, path.
    for words in table("unix")?.iter().filter(|words| words.len() > 7) {
        if let Some(what) = inodes.get(&words[6]) {
            // The number of a connection at the listener's end has its name too.
            named.push((*what, words[7].clone()));
        }
    }
    named.sort();
    named.dedup();
    // The control: the two that do have names are found.
    let expected =
        [("supervisor", "/run/gaggle/admin.sock"), ("supervisor", "/run/gaggle/control.sock")];
    assert_eq!(named, expected.map(|(what, path)| (what, path.to_owned())));
    Ok(())
}

#[test]
fn l12_nothing_of_ours_listens_on_a_port() -> Result<()> {
    const LISTENING: &str = "0A";
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let processes = ours(&mut lab)?;
    let inodes = held_by(&processes);
    let own = TcpListener::bind("127.0.0.1:0")?;
    let port = format!(":{:04X}", own.local_addr()?.port());
    let mut found = false;
    for name in ["tcp", "tcp6"] {
        // Columns: number, local, remote, state, queues, timer, retransmit, uid, timeout, inode.
        for words in table(name)?.iter().filter(|words| words.len() > 9 && words[3] == LISTENING) {
            found |= words[1].ends_with(&port);
            let holder = inodes.get(&words[9]);
            assert!(holder.is_none(), "{holder:?} listens at {}", words[1]);
        }
    }
    assert!(found, "the control: a port of this test's is in the table");
    assert!(inodes.values().any(|what| *what == "frontend"), "sockets of the frontend are seen");
    Ok(())
}

#[test]
fn l42_the_frontends_own_account_is_nobodys_agent() -> Result<()> {
    let lab = Lab::builder().supervisor("frontend_user = \"bob\"").without_frontend();
    let Some(lab) = lab.start_if_possible()? else { return Ok(()) };
    let bob = lab.person("bob")?;
    let (mut probe, greeting) = Probe::start(&lab, bob.uid)?;
    assert_eq!(greeting, "connected");
    let refused = probe.worker_of(&bob)?;
    assert!(refused.contains("AccountIsSystem"), "{refused}");
    // The control: another account is served on the same connection, and the
    // account that would be the frontend's otherwise is not.
    let started = probe.worker_of(&lab.person("alice")?)?;
    assert!(started.starts_with("Started"), "{started}");
    let (_, greeting) = Probe::start(&lab, FRONTEND_UID)?;
    assert_eq!(greeting, "connect: EACCES");
    Ok(())
}
