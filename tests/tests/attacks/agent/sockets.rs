//! Sockets of the machine and of the person's other programs: whoever reaches
//! one has its program act outside of the cage.
//!
//! Trust: none of the agent. The listeners here are the test's; nobody behind
//! them has to do anything for a connection to succeed.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};

use anyhow::{Context, Result};
use gaggle_tests::lab::spec::CONFIG;
use gaggle_tests::lab::{ANSWER, Lab, Which, wait};
use nix::unistd::{Gid, Uid, chown};

use super::{Actor, Agent, Outside, held, lab, row};

/// Listens at a path of the lab.
fn listen(lab: &Lab, path: &str, owner: u32, group: u32, mode: u32) -> Result<UnixListener> {
    let at = lab.namespace.seen(path);
    let folder = at.parent().context("a folder")?;
    if !folder.exists() {
        fs::create_dir_all(folder)?;
        chown(folder, Some(Uid::from_raw(owner)), None)?;
    }
    let listener = UnixListener::bind(&at).with_context(|| format!("listen at {path}"))?;
    chown(&at, Some(Uid::from_raw(owner)), Some(Gid::from_raw(group)))?;
    fs::set_permissions(&at, Permissions::from_mode(mode))?;
    Ok(listener)
}

#[test]
fn a16_a17_the_buses_are_out_of_reach() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let uid = lab.person("alice")?.uid;
    let own = |name: &str| format!("/run/user/{uid}/{name}");
    let sockets = [
        ("A16", own("bus"), uid, 0o600),
        ("A16", own("systemd/private"), uid, 0o600),
        ("A17", "/run/dbus/system_bus_socket".to_owned(), 0, 0o666),
        ("A17", "/run/systemd/private".to_owned(), 0, 0o666),
    ];
    let mut listening = Vec::new();
    let mut acts = Vec::new();
    for (id, path, owner, mode) in &sockets {
        listening.push(listen(&lab, path, *owner, *owner, *mode)?);
        acts.push(row(id, format!("act connect {path}")));
    }
    let mut agent = Agent::of(&lab, "alice")?;
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &acts)?;
    let names =
        agent.shell("env | grep -E '^(DBUS|XDG_RUNTIME|SSH|GPG|DISPLAY|WAYLAND)'; echo -")?;
    assert_eq!(names, "-");
    Ok(())
}

/// Groups that open sockets of services which act as root.
const DOCKER: u32 = 4243;

#[test]
fn a22_services_that_act_as_root_for_a_group_are_out_of_reach() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    // Whoever adds people to such a group means their logins.
    let group = lab.namespace.seen("/etc/group");
    fs::write(&group, format!("{}docker:x:{DOCKER}:alice\n", fs::read_to_string(&group)?))?;
    let sockets = [
        "/run/docker.sock",
        "/run/podman/podman.sock",
        "/run/libvirt/libvirt-sock",
        "/run/snapd.socket",
        // The group alone keeps out of what lies elsewhere.
        "/srv/lxd/unix.socket",
    ];
    let mut listening = Vec::new();
    for path in sockets {
        listening.push(listen(&lab, path, 0, DOCKER, 0o660)?);
    }
    let mut agent = Agent::of(&lab, "alice")?;
    let acts: Vec<_> =
        sockets.iter().map(|path| row("A22", format!("act connect {path}"))).collect();
    held(&mut agent, &mut Outside::login(&lab, "alice", &[DOCKER])?, &acts)?;
    assert_eq!(agent.shell("id -G")?, lab.person("alice")?.uid.to_string());
    Ok(())
}

#[test]
fn a24_a25_agents_of_keys_and_screens_are_out_of_reach() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let uid = lab.person("alice")?.uid;
    // The machine's own /tmp: a folder that goes away with the test.
    let tmp = tempfile::Builder::new().prefix("gaggle-ssh-").tempdir_in("/tmp")?;
    fs::set_permissions(tmp.path(), Permissions::from_mode(0o755))?;
    let in_tmp = |name: &str| tmp.path().join(name).to_string_lossy().into_owned();
    let sockets = [
        ("A24", in_tmp("agent.1")),
        ("A24", format!("/run/user/{uid}/gnupg/S.gpg-agent")),
        ("A24", format!("/run/user/{uid}/keyring/ssh")),
        ("A25", in_tmp("X0")),
        ("A25", format!("/run/user/{uid}/wayland-0")),
        ("A25", format!("/run/user/{uid}/pipewire-0")),
    ];
    let mut listening = Vec::new();
    let mut acts = Vec::new();
    for (id, path) in &sockets {
        listening.push(listen(&lab, path, uid, uid, 0o600)?);
        acts.push(row(id, format!("act connect {path}")));
    }
    // X11 listens at an abstract name too, which no mount hides.
    let name = format!("/tmp/.X11-unix/X{uid}");
    let abstract_name = SocketAddr::from_abstract_name(&name)?;
    listening.push(UnixListener::bind_addr(&abstract_name)?);
    acts.push(row("A25", format!("act connect-abstract {name}")));
    let name = format!("gaggle-datagrams-{uid}");
    let _datagrams = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    acts.push(row("A25", format!("act send-abstract {name} x")));
    let mut agent = Agent::of(&lab, "alice")?;
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &acts)
}

#[test]
fn a24_a_socket_in_the_home_is_closed_from_landlock_9_on() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let uid = lab.person("alice")?.uid;
    let path = "/home/alice/.ssh/agent/s.1";
    let _listening = listen(&lab, path, uid, uid, 0o600)?;
    chown(&lab.namespace.seen("/home/alice/.ssh"), Some(Uid::from_raw(uid)), None)?;
    let ready = lab.record("ready", ANSWER, |_| true)?;
    let abi: u8 = ready.field("GAGGLE_LANDLOCK_ABI").parse()?;
    let mut agent = Agent::of(&lab, "alice")?;
    let act = row("A24", format!("act connect {path}"));
    if abi >= 9 {
        return held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &[act]);
    }
    // Said in the threat model. When this fails the page can be mended.
    assert_eq!(agent.try_all(&[&act.1])?, ["open"]);
    Ok(())
}

#[test]
fn a26_a46_the_services_sockets_are_out_of_reach() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let forged = "GAGGLE_EVENT=started,MESSAGE=forged";
    let acts = [
        row("A26", "act connect-packet /run/gaggle/control.sock"),
        row("A26", "act connect-packet /run/gaggle/admin.sock"),
        row("A46", format!("act send /run/systemd/journal/socket {forged}")),
    ];
    held(&mut agent, &mut Outside::root(&lab), &acts)?;
    // Were it not hidden, the mode would keep her out, and for the journal what
    // the kernel says of a record's sender.
    let mut alice = Outside::login(&lab, "alice", &[])?;
    let [control, admin, journal] = acts.each_ref().map(|(_, act)| act.as_str());
    let became = alice.try_all(&[control, admin, journal])?;
    assert_eq!(became, ["held EACCES", "held EACCES", "open"]);
    let uid = lab.person("alice")?.uid;
    let hers = || {
        let records = lab.namespace.records();
        records.into_iter().find(|r| r.field("MESSAGE") == "forged" && r.uid == uid)
    };
    let hers = wait::until(ANSWER, hers).context("the control's record")?;
    assert!(!hers.is("started"), "it counts as root's");
    let others = lab.namespace.records();
    let others = others.iter().filter(|r| r.field("MESSAGE") == "forged").count();
    assert_eq!(others, 2, "the controls' alone");
    Ok(())
}

#[test]
fn a29_with_ports_given_other_services_of_the_machine_are_closed() -> Result<()> {
    let service = TcpListener::bind("127.0.0.1:0")?;
    let act = row("A29", format!("act connect-port {}", service.local_addr()?.port()));
    let Some(open) = lab()? else { return Ok(()) };
    // The control, and what stands in the threat model.
    assert_eq!(Agent::of(&open, "alice")?.try_all(&[&act.1])?, ["open"]);
    drop(open);
    // The port of the LLM is known only when it listens.
    let Some(mut lab) = lab()? else { return Ok(()) };
    let port = lab.llm.url().rsplit(':').next().context("a port")?.to_owned();
    let mapping = format!(
        r#"{{"{}": {{"account": "alice", "connect_ports": [{port}]}}}}"#,
        lab.person("alice")?.mattermost.id
    );
    fs::write(lab.namespace.seen(CONFIG).join("user_mapping.json"), mapping)?;
    lab.restart(Which::Supervisor)?;
    let mut agent = Agent::of(&lab, "alice")?;
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &[act])
}
