//! How fast workers start, many at once too, and what they weigh: in a lab with
//! the programs of a release build.
//!
//! Trust: none is needed.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};
use gaggle_tests::lab::spec::{FRONTEND_UID, PROGRAMS, RUNTIME};
use gaggle_tests::lab::{Lab, Which, needs};

use super::client::{Order, Times};
use super::figures::{Figures, milliseconds, quantile};
use super::memory::Memory;

/// A start may take so many times as long as the bare program.
const MOST_TIMES_BARE: f64 = 5.0;
/// What they may weigh, in MiB.
const SUPERVISOR_MIB: f64 = 5.0;
const WORKER_MIB: f64 = 8.0;

/// Runs it all.
pub(crate) fn measure(programs: &Path, starts: u32, people: u32) -> Result<Figures> {
    if let Some(missing) = needs::missing() {
        anyhow::bail!("{missing}");
    }
    let mut lab = lab(programs, people)?;
    let order = Order {
        socket: Path::new(RUNTIME).join("control.sock"),
        worker: Path::new(PROGRAMS).join("gaggle-worker"),
        people: people_of(&lab, people)?,
        starts,
    };
    let mut client = Client::start(&lab, &order)?;
    let times = client.times().with_context(|| lab.logs())?;
    let workers = lab.namespace.people_running("gaggle-worker");
    ensure!(workers.len() == times.together.len(), "{} workers run", workers.len());
    let workers = workers.into_iter().map(Memory::of).collect::<Result<Vec<_>>>()?;
    let supervisor = Memory::of(lab.service(Which::Supervisor)?.pid())?;
    client.end()?;
    Ok(figures(&times, supervisor, &workers))
}

fn lab(programs: &Path, people: u32) -> Result<Lab> {
    // Nobody prompts: any program that is root's own can stand for Goose.
    let goose = programs.join("gaggle-worker").canonicalize().context("find the worker")?;
    let mut builder = Lab::builder().without_frontend().built(programs.to_owned()).goose(goose);
    builder = builder.supervisor(&format!("max_workers = {people}"));
    // Beside alice and bob.
    for number in 3..=people {
        builder = builder.person(&name(number));
    }
    builder.start()
}

fn name(number: u32) -> String {
    format!("person{number}")
}

fn people_of(lab: &Lab, people: u32) -> Result<Vec<String>> {
    let more = (3..=people).map(name);
    let names = ["alice", "bob"].map(str::to_owned).into_iter().chain(more);
    names.map(|name| Ok(lab.person(&name)?.mattermost.id.as_str().to_owned())).collect()
}

fn figures(times: &Times, supervisor: Memory, workers: &[Memory]) -> Figures {
    let mut figures = Figures::default();
    let (bare, start) = (milliseconds(&times.bare), milliseconds(&times.start));
    let together = milliseconds(&times.together);
    let p50 = (quantile(&bare, 0.5), quantile(&start, 0.5));
    let p95 = (quantile(&bare, 0.95), quantile(&start, 0.95));
    figures.note("bare fork and exec of the worker, p50", p50.0, "ms");
    figures.note("bare fork and exec of the worker, p95", p95.0, "ms");
    figures.note("Start to Hello, p50", p50.1, "ms");
    figures.note("Start to Hello, p95", p95.1, "ms");
    figures.limit("Start to Hello by bare, p50", p50.1 / p50.0, "x", MOST_TIMES_BARE);
    figures.note("Start to Hello by bare, p95", p95.1 / p95.0, "x");
    figures.note("all at once: first Hello", quantile(&together, 0.0), "ms");
    figures.note("all at once: last Hello", quantile(&together, 1.0), "ms");
    figures.limit("all at once: refused", f64::from(times.refused), "", 0.0);
    figures.limit("supervisor, resident", mib(supervisor.resident), "MiB", SUPERVISOR_MIB);
    figures.note("supervisor, private", mib(supervisor.private), "MiB");
    let of = |part: fn(&Memory) -> f64| workers.iter().map(part).collect::<Vec<_>>();
    let most = |part| mib(quantile(&of(part), 1.0));
    figures.limit("worker, resident, most", most(|worker| worker.resident), "MiB", WORKER_MIB);
    figures.note("worker, private, most", most(|worker| worker.private), "MiB");
    figures.note("worker, proportional, most", most(|worker| worker.proportional), "MiB");
    figures
}

fn mib(kib: f64) -> f64 {
    kib / 1024.0
}

/// The client process; killed when dropped.
struct Client(Child);

impl Client {
    fn start(lab: &Lab, order: &Order) -> Result<Self> {
        let own = std::env::current_exe()?;
        let own = own.to_str().context("a readable path")?;
        let id = FRONTEND_UID.to_string();
        let all =
            ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "--", own, "client"];
        let mut command = lab.namespace.command(&all);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut client = Self(child);
        let input = client.0.stdin.as_mut().context("its standard input")?;
        writeln!(input, "{}", serde_json::to_string(order)?)?;
        Ok(client)
    }

    fn times(&mut self) -> Result<Times> {
        let output = self.0.stdout.take().context("its standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        serde_json::from_str(&line).context("the client ended early")
    }

    fn end(&mut self) -> Result<()> {
        drop(self.0.stdin.take());
        let status = self.0.wait()?;
        ensure!(status.success(), "the client failed: {status}");
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
