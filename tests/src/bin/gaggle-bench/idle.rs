//! What Gaggle does, and takes, while nobody says anything: with a WebSocket and
//! without.
//!
//! Trust: the kernel's files about a process; the proxy counts every request.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use super::figures::Figures;
use super::gaggle::{Gaggle, Settings};
use super::memory::Memory;
use super::proxy::{Count, Proxy};
use super::world::World;

/// Requests each second while a WebSocket tells of posts.
const WITH: f64 = 0.1;
/// Requests each `poll_interval_seconds`, which is a second, without.
const WITHOUT: f64 = 1.2;
/// Of one core, in percent.
const CPU: f64 = 0.3;
/// Resident, in MiB.
const MIB: f64 = 20.0;

/// What a start and the last posts leave to be done is done by then.
const CALM: Duration = Duration::from_secs(15);

/// Watches for `watch` with each number of channels.
pub(crate) fn measure(programs: &Path, channels: &[usize], watch: Duration) -> Result<Figures> {
    let runtime = Runtime::new()?;
    let mut figures = Figures::default();
    for count in channels {
        let world = runtime.block_on(World::make(1, *count))?;
        figures.remark(&world.server.name);
        for (way, mattermost, requests) in
            [("WebSocket", "", WITH), ("polling", "websocket = false", WITHOUT)]
        {
            let settings =
                Settings { mattermost, through: Some(Duration::ZERO), ..Settings::default() };
            let mut gaggle = Gaggle::start(&runtime, &world, programs, &settings)?;
            sleep(CALM);
            let name = format!("{count} channels, {way}");
            watched(&mut gaggle, &name, requests, watch, &mut figures)?;
        }
    }
    Ok(figures)
}

fn watched(
    gaggle: &mut Gaggle,
    name: &str,
    requests: f64,
    watch: Duration,
    figures: &mut Figures,
) -> Result<()> {
    let pid = gaggle.frontend()?;
    let counted = |proxy: &Option<Proxy>| proxy.as_ref().map(Proxy::count).unwrap_or_default();
    let (before, spent, began) = (counted(&gaggle.proxy), processor_time(pid)?, Instant::now());
    sleep(watch);
    let (after, seconds) = (counted(&gaggle.proxy), began.elapsed().as_secs_f64());
    let spent = processor_time(pid)?.saturating_sub(spent).as_secs_f64();
    let asked = asked(&before, &after);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred requests")]
    let all = asked.values().sum::<u64>() as f64;
    figures.limit(format!("{name}: requests"), all / seconds, "/s", requests);
    for (what, times) in &asked {
        figures.remark(&format!("{name}: {times} x {what} in {seconds:.0} s"));
    }
    figures.limit(format!("{name}: frontend, one core"), 100.0 * spent / seconds, "%", CPU);
    let resident = Memory::of(pid)?.resident / 1024.0;
    figures.limit(format!("{name}: frontend, resident"), resident, "MiB", MIB);
    Ok(())
}

/// What was asked for in between.
fn asked(before: &Count, after: &Count) -> Count {
    let known = |what: &String| before.get(what).copied().unwrap_or(0);
    let more = after.iter().map(|(what, times)| (what.clone(), times - known(what)));
    more.filter(|(_, times)| *times > 0).collect()
}

/// What a process has spent of all cores so far.
pub(crate) fn processor_time(pid: i32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).context(path)?;
    // Its name, in brackets, may have anything in it. User and system time are
    // the 12th and 13th field after that, in hundredths of a second.
    let fields = text.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}
