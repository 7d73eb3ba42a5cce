//! The worker, the person's other processes, and the cgroup tree.
//!
//! Trust: none of the agent.

use std::process::{Child, Stdio};

use anyhow::{Context, Result};
use gaggle_tests::lab::namespace::process_name;
use gaggle_tests::lab::{ANSWER, Lab, wait};
use serde_json::json;

use super::{ACTS, Actor, Agent, Outside, armed, held, lab, row};

/// What the login session of a person has in its environment.
const SECRET: &str = "gaggle-login-secret";

/// A login session of the person's, outside of any cage.
struct Login(Child);

impl Login {
    fn of(lab: &Lab, name: &str) -> Result<Self> {
        let login = Outside::login(lab, name, &[])?;
        let mut shell = login.command(&format!("cd; echo in; export S={SECRET}; exec sleep 4000"));
        let mut child = shell.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        // Its first word means that it has become the person.
        let mut word = [0; 3];
        let output = child.stdout.as_mut().context("its output")?;
        std::io::Read::read_exact(output, &mut word)?;
        let login = Self(child);
        let asleep = || {
            let name = process_name(login.pid());
            (name == "sleep").then_some(())
        };
        wait::until(ANSWER, asleep).context("a login")?;
        Ok(login)
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|ended| ended.is_none())
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn worker_of_alice(lab: &Lab) -> Result<i32> {
    lab.namespace.people_running("gaggle-worker").first().copied().context("her worker")
}

#[test]
fn a09_a10_the_worker_is_out_of_reach() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let worker = worker_of_alice(&lab)?;
    let acts = [
        row("A09", format!("act trace {worker}")),
        row("A09", format!("act read-memory {worker}")),
        row("A09", format!("act open-memory {worker}")),
        row("A09", format!("cat /proc/{worker}/environ")),
        row("A09", format!("ls /proc/{worker}/fd/")),
        row("A10", format!("act take-descriptor {worker} 3")),
        row("A10", format!("act take-descriptor {worker} 4")),
        row("A10", format!("ls /proc/{worker}/fd/3")),
    ];
    held(&mut agent, &mut Outside::root(&lab), &acts)
}

#[test]
fn a11_a_signal_does_not_reach_the_worker() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let worker = worker_of_alice(&lab)?;
    // Stopped last: the control must leave it running again.
    let acts = ["SIGCONT", "SIGSTOP", "SIGCONT", "SIGKILL"];
    let acts = acts.map(|signal| row("A11", format!("act signal {worker} {signal}")));
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &acts)
}

#[test]
fn a55_limits_and_niceness_are_each_processs_own() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    // Its own are an agent's to lower.
    let own = ["ulimit -n 100 && test $(ulimit -n) = 100", "test $(nice -n 3 nice) = 3"];
    assert_eq!(agent.try_all(&own)?, ["open", "open"]);
    let login = Login::of(&lab, "alice")?;
    let mut acts = Vec::new();
    for pid in [login.pid(), worker_of_alice(&lab)?] {
        acts.push(row("A55", format!("prlimit --pid {pid} --nofile=4000:4000")));
        // Kills what has used so many seconds.
        acts.push(row("A55", format!("prlimit --pid {pid} --cpu=4000:4000")));
        acts.push(row("A55", format!("renice -n 5 -p {pid}")));
    }
    acts.push(row("A55", format!("renice -n 6 -u {}", lab.person("alice")?.uid)));
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &acts)
}

#[test]
fn a09_a10_a11_a55_so_is_the_worker_of_somebody_on_the_same_account() -> Result<()> {
    let shared = || json!({"account": "alice", "shared": true});
    let builder = Lab::builder().entry("alice", shared()).entry("bob", shared());
    let Some(lab) = armed(builder)? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let own = lab.namespace.people_running("gaggle-worker");
    let bobs = Agent::of(&lab, "bob")?;
    let mut others = lab.namespace.people_running("gaggle-worker");
    others.retain(|pid| !own.contains(pid));
    let [worker] = others[..] else { panic!("{others:?} beside {own:?}") };
    let acts = [
        row("A09", format!("act trace {worker}")),
        row("A09", format!("act open-memory {worker}")),
        row("A10", format!("act take-descriptor {worker} 3")),
    ];
    held(&mut agent, &mut Outside::root(&lab), &acts)?;
    let acts = [
        row("A11", format!("act signal {worker} SIGCONT")),
        row("A55", format!("prlimit --pid {worker} --nofile=4000:4000")),
        row("A11", format!("act signal {worker} SIGKILL")),
    ];
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &acts)?;
    drop(bobs);
    Ok(())
}

#[test]
fn a12_a_kill_of_everything_spares_what_is_not_the_agents() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let other = lab.ask("alice", "run: until test -e go; do sleep 0.1; done; echo unharmed")?;
    other.shows("until")?;
    let mut agent = Agent::of(&lab, "alice")?;
    let mut login = Login::of(&lab, "alice")?;
    let worker = worker_of_alice(&lab)?;
    // Its own Goose may end by this: the turn is told as failed, or answered.
    agent.0.say("run: kill -9 -1; echo tried")?;
    agent.0.answer()?;
    assert!(login.lives(), "the login");
    assert_eq!(lab.namespace.people_running("gaggle-worker"), [worker]);
    lab.namespace.run(lab.person("alice")?.uid, &["touch", "/home/alice/workspace/go"])?;
    assert_eq!(other.answer()?, "unharmed");
    // The control, which ends her worker too.
    Outside::login(&lab, "alice", &[])?.shell("kill -9 -1")?;
    let gone = || (!login.lives()).then_some(());
    wait::until(ANSWER, gone).context("the control")
}

#[test]
fn a12_a_signal_by_way_of_a_socket_does_not_arrive() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let mut login = Login::of(&lab, "alice")?;
    let worker = worker_of_alice(&lab)?;
    for pid in [login.pid(), worker] {
        // The kernel answers nobody whether the signal, which ends a program
        // that does not expect it, was sent.
        agent.shell(&format!("{ACTS}/act signal-by-socket {pid}"))?;
    }
    assert!(login.lives());
    assert_eq!(worker_of_alice(&lab)?, worker);
    let act = format!("act signal-by-socket {}", login.pid());
    assert_eq!(Outside::login(&lab, "alice", &[])?.try_all(&[&act])?, ["open"]);
    let gone = || (!login.lives()).then_some(());
    wait::until(ANSWER, gone).context("the control")
}

#[test]
fn a13_a14_a15_the_persons_own_processes_are_out_of_reach() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    // What only a tracer may do asks more of root's rules than to look.
    let mut agent = Agent::of(&lab, "alice")?;
    let sibling = Agent::of(&lab, "alice")?;
    let own: i32 = agent.shell("echo $PPID")?.parse()?;
    let mut geese = lab.namespace.people_running("goose");
    geese.retain(|pid| *pid != own);
    let [sibling_goose] = geese[..] else { panic!("{geese:?} beside {own}") };
    let login = Login::of(&lab, "alice")?;
    let targets = [login.pid(), sibling_goose];
    let attach = targets.map(|pid| {
        ["trace", "read-memory", "open-memory"].map(|act| row("A13", format!("act {act} {pid}")))
    });
    held(&mut agent, &mut Outside::root(&lab), &attach.concat())?;
    let look = targets.map(|pid| {
        [
            row("A14", format!("ls /proc/{pid}/root/")),
            row("A15", format!("cat /proc/{pid}/environ")),
            // The numbers may be listed, as the folder's mode says; no more.
            row("A15", format!("readlink /proc/{pid}/fd/1")),
            row("A15", format!("ls /proc/{pid}/cwd/")),
            row("A15", format!("cat /proc/{pid}/maps")),
        ]
    });
    let mut look = look.concat();
    // What a login's root leads to: the sockets that the cage hides.
    look.push(row("A14", format!("ls /proc/{}/root/run/gaggle/control.sock", login.pid())));
    let mut alice = Outside::login(&lab, "alice", &[])?;
    held(&mut agent, &mut alice, &look)?;
    assert!(alice.shell(&format!("cat /proc/{}/environ", login.pid()))?.contains(SECRET));
    drop(sibling);
    Ok(())
}

#[test]
fn a36_no_way_leads_to_another_cgroup() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let tree = lab.namespace.cgroup().display();
    let worker = lab.namespace.cgroup().join("workers").join("w1");
    assert!(worker.join("worker").is_dir(), "{worker:?}");
    let worker = worker.display();
    let acts = [
        row("A36", format!("echo 0 > {tree}/services/cgroup.procs")),
        row("A36", format!("echo 0 > {worker}/worker/cgroup.procs")),
        row("A36", format!("act write {worker}/worker/cgroup.procs 0")),
        row("A36", format!("mkdir {worker}/mine")),
        row("A36", format!("ls {tree}")),
        // Landlock does not rule it.
        row("A36", format!("chmod 700 {worker}")),
    ];
    held(&mut agent, &mut Outside::root(&lab), &acts)?;
    // And out of sight altogether.
    let look = format!("find {tree} /sys/fs/cgroup -name cgroup.procs 2>/dev/null | wc -l");
    assert_eq!(agent.shell(&look)?, "0");
    assert_ne!(Outside::login(&lab, "alice", &[])?.shell(&look)?, "0", "the control");
    Ok(())
}

#[test]
fn a36_what_an_account_does_to_its_cgroup_does_not_keep_it_from_stopping() -> Result<()> {
    let Some(lab) = lab()? else { return Ok(()) };
    let mut agent = Agent::of(&lab, "alice")?;
    let tree = lab.namespace.cgroup().join("workers/w1");
    let tree = tree.display();
    let chmod = format!("chmod 000 {tree}/g*/cgroup.kill {tree}/g* {tree}");
    held(&mut agent, &mut Outside::login(&lab, "alice", &[])?, &[row("A36", chmod)])?;
    agent.0.say("run: sleep 1000")?;
    agent.0.shows("sleep 1000")?;
    agent.0.command("!stop")?;
    agent.0.shows("Stopped")?;
    let gone = || lab.namespace.people_running("sleep").is_empty().then_some(());
    wait::until(ANSWER, gone).context("it is stopped")
}
