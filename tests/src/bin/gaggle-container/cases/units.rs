//! What the units take away, and what of it people's workers inherit.
//!
//! Trust: as in the module above.

use std::net::TcpListener;

use anyhow::{Context, Result, ensure};

use crate::machine::said;
use crate::played;
use crate::session::{ELSEWHERE, METADATA};
use crate::stage::{FRONTEND, SUPERVISOR, Stage};

/// The most that `systemd-analyze security` may say.
const EXPOSURE: [(&str, f32); 2] = [(SUPERVISOR, 3.5), (FRONTEND, 1.0)];

pub(crate) fn exposure_is_as_low_as_promised(stage: &mut Stage) -> Result<()> {
    for (unit, most) in EXPOSURE {
        let said = stage.machine.run(&["systemd-analyze", "security", "--no-pager", unit])?;
        let line = said.lines().find(|line| line.contains("Overall exposure level"));
        let number =
            line.and_then(|line| line.rsplit(": ").next()?.split(' ').next()?.parse().ok());
        let level: f32 = number.with_context(|| format!("no level in {said}"))?;
        println!("       {unit}: {level}");
        ensure!(level <= most, "{unit} has {level}, more than {most}:\n{said}");
    }
    Ok(())
}

pub(crate) fn c42_a_drop_in_that_weakens_a_unit_is_named(stage: &mut Stage) -> Result<()> {
    let doctor = |stage: &Stage| stage.machine.output(&["gaggle", "doctor", "units"]);
    let before = doctor(stage)?;
    ensure!(before.status.success(), "as packaged: {}", said(&before));
    let folder = "/etc/systemd/system/gaggle-supervisor.service.d";
    let weaker = "[Service]\nNoNewPrivileges=no\nSystemCallFilter=\n";
    stage.machine.run(&["mkdir", "--parents", folder])?;
    stage.machine.write(&format!("{folder}/own.conf"), 0o644, weaker)?;
    stage.machine.run(&["systemctl", "daemon-reload"])?;
    let after = doctor(stage)?;
    stage.machine.run(&["rm", "--recursive", folder])?;
    stage.machine.run(&["systemctl", "daemon-reload"])?;
    let text = said(&after);
    ensure!(after.status.code() == Some(1), "it ended with {}: {text}", after.status);
    for name in ["NoNewPrivileges", "SystemCallFilter"] {
        ensure!(text.contains(name), "{name} is not named: {text}");
    }
    Ok(())
}

/// The supervisor's unit is every worker's and every agent's as well.
pub(crate) fn a_worker_inherits_the_units_limits(stage: &mut Stage) -> Result<()> {
    let own = stage.main_pid(SUPERVISOR)?;
    stage.answers()?;
    let pids = stage.machine.run(&["pgrep", "-u", "alice", "-f", "gaggle-worker"])?;
    let worker: u32 = pids.lines().next().context("alice has no worker")?.parse()?;
    for pid in [own, worker] {
        ensure!(stage.status_of(pid, "NoNewPrivs")? == "1", "{pid} may gain privileges");
        ensure!(stage.status_of(pid, "Seccomp")? == "2", "{pid} has no system call filter");
    }
    let filters = |pid| -> Result<u32> { Ok(stage.status_of(pid, "Seccomp_filters")?.parse()?) };
    let (of_unit, of_worker) = (filters(own)?, filters(worker)?);
    ensure!(of_worker >= of_unit, "the worker has {of_worker} filters, the unit {of_unit}");
    for set in ["CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"] {
        let held = stage.status_of(worker, set)?;
        ensure!(held.trim_start_matches('0').is_empty(), "the worker's {set} is {held}");
    }
    let bounding = u64::from_str_radix(&stage.status_of(own, "CapBnd")?, 16)?;
    ensure!(bounding.count_ones() == 6, "the supervisor's bounding set is {bounding:x}");
    Ok(())
}

/// As a worker's parent: what the filter of the unit refuses it refuses to all below.
pub(crate) fn the_supervisors_unit_has_four_address_families_and_few_namespaces(
    stage: &mut Stage,
) -> Result<()> {
    // AF_NETLINK and AF_UNIX by number; then AF_VSOCK, which needs no right.
    let off = &["RestrictAddressFamilies="];
    for open in ["1", "2", "10"] {
        let said = played::act(stage, SUPERVISOR, &[], &["family", open])?;
        ensure!(said == "open", "family {open}: {said}");
    }
    played::is_held(stage, SUPERVISOR, off, &["family", "40"])?;
    let off = &["RestrictNamespaces="];
    for namespace in ["net", "pid", "uts"] {
        played::is_held(stage, SUPERVISOR, off, &["unshare", namespace])?;
    }
    let mount = played::act(stage, SUPERVISOR, &[], &["unshare", "mount"])?;
    ensure!(mount == "open", "the supervisor can make no private mounts: {mount}");
    Ok(())
}

pub(crate) fn a28_an_agent_cannot_reach_the_clouds_credentials(stage: &mut Stage) -> Result<()> {
    let connect = |stage: &Stage, address: &str| -> Result<String> {
        let listener = TcpListener::bind((address, 0))?;
        let port = listener.local_addr()?.port();
        let shell = format!("timeout 3 bash -c 'echo > /dev/tcp/{address}/{port}' && echo reached");
        stage.agent(&format!("{shell} || echo not reached"))
    };
    let control = connect(stage, ELSEWHERE)?;
    ensure!(control.ends_with("reached") && !control.contains("not"), "the control: {control}");
    let said = connect(stage, METADATA)?;
    ensure!(said.ends_with("not reached"), "the agent got there: {said}");
    // The other control: the address is there, and it is the unit that denies it.
    let listener = TcpListener::bind((METADATA, 0))?;
    let address = listener.local_addr()?.to_string();
    played::is_held(stage, SUPERVISOR, &["IPAddressDeny="], &["connect-to", &address])
}
