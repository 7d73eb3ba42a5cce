//! What `list`, `show` and `status` say.

use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::Lab;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, accept, bind, listen, socket,
};
use nix::unistd::close;
use serde_json::{Value, json};

use super::bench::{Bench, NOBODYS};

#[test]
fn everybody_fits_a_terminal_and_problems_are_told_in_full() -> Result<()> {
    let long = "a-very-long-account-name";
    let lab = Lab::builder().entry("bob", json!({"account": long, "pids_max": 500}));
    let Some(bench) = Bench::new(lab)? else { return Ok(()) };
    bench.lab.answer("alice", "run: id -un")?;
    let list = bench.user(&["list"])?;
    list.expect(0, &["alice", "workspace", "running", long, "refused", "no account"])?;
    let table = list.out.lines().take_while(|line| !line.trim().is_empty());
    for line in table {
        ensure!(line.trim_end().chars().count() <= 80, "{line:?}");
    }
    ensure!(!list.out.contains('\u{1b}'), "colours are for terminals");
    let coloured = bench.at_a_terminal("list", "")?.out;
    ensure!(coloured.contains("\u{1b}[3"), "no colours at a terminal: {coloured:?}");
    let plain = |text: &str| {
        let whole: String = text
            .split('\u{1b}')
            .enumerate()
            .map(
                |(at, part)| {
                    if at == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) }
                },
            )
            .collect();
        whole.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>()
    };
    ensure!(plain(&coloured) == plain(&list.out), "not the same table: {coloured:?}");
    let json: Value = serde_json::from_str(&bench.user(&["list", "--json"])?.out)?;
    let of =
        |account: &str| json.as_array()?.iter().find(|entry| entry["account"] == account).cloned();
    ensure!(of("alice").context("alice")?["state"] == "running", "{json}");
    ensure!(of(long).context("bob")?["state"] == "refused", "{json}");
    Ok(())
}

#[test]
fn all_that_is_known_of_somebody_is_shown() -> Result<()> {
    let entry = json!({
        "account": "alice", "home": "full", "memory_max": "2G", "groups": ["users"],
        "read": ["/usr/share"], "connect_ports": [443, 8443]
    });
    let Some(bench) = Bench::new(Lab::builder().entry("alice", entry))? else { return Ok(()) };
    bench.says(&["groupadd", "-g", "100", "users"])?;
    // What the supervisor refused before, it reads again with this.
    bench.user(&["add", "alice", "--mattermost", "@alice"])?.expect(0, &["can be served"])?;
    bench.lab.answer("alice", "run: id -un")?;
    let id = bench.lab.person("alice")?.mattermost.id.to_string();
    bench.says(&["sh", "-c", "usermod -e 2030-01-31 alice"])?;
    for whom in ["alice", "@alice", &id] {
        let shown = bench.user(&["show", whom])?;
        let facts = ["adopted", "2030-01-31", "all of /home/alice", "/usr/share", "443, 8443"];
        shown
            .expect(0, &facts)?
            .expect(0, &["users", "2048 MiB", "2048 processes", "running", &id])?;
    }
    let json: Value = serde_json::from_str(&bench.user(&["show", "alice", "--json"])?.out)?;
    let one = &json[0];
    ensure!(one["memory_max_bytes"] == 2_u64 << 30 && one["made_by_gaggle"] == false, "{one}");
    ensure!(one["worker_pid"].is_number() && one["expired"] == false, "{one}");
    bench
        .user(&["show", "nobody-here"])?
        .expect(1, &["is not in the mapping", "gaggle user list"])?;
    bench.user(&["show", NOBODYS])?.expect(1, &["is not in the mapping"])?;
    bench.user(&["show", "@alcie"])?.expect(1, &["is it @alice?"])?;
    Ok(())
}

/// As systemd holds the socket open for a supervisor that does not stay.
#[test]
fn a_socket_with_nobody_behind_it_is_no_supervisor() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    bench.says(&["mkdir", "/run/held"])?;
    let path = bench.lab.namespace.seen("/run/held/admin.sock");
    let held = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None)?;
    bind(held.as_raw_fd(), &UnixAddr::new(&path)?)?;
    listen(&held, Backlog::new(8)?)?;
    let commands = [&["status"][..], &["user", "add", "carol", "--mattermost", "@carol"]];
    std::thread::scope(|scope| {
        // With the question read and without.
        let hang_up = || {
            for _ in &commands {
                let taken = accept(held.as_raw_fd())?;
                close(taken)?;
            }
            anyhow::Ok(())
        };
        let taken = scope.spawn(hang_up);
        for (command, status) in commands.iter().zip([3, 0]) {
            let said = bench.gaggle(&[&["--runtime-dir", "/run/held"], *command].concat())?;
            said.expect(status, &["not running", "systemctl start gaggle"])?;
            ensure!(!format!("{said:?}").contains("reset by peer"), "{said:?}");
        }
        taken.join().map_err(|_| anyhow::anyhow!("the listener"))?
    })?;
    let status = bench.gaggle(&["status"])?;
    status.expect(3, &["running", "not connected"])?;
    Ok(())
}
