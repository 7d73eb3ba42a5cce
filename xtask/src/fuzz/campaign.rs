//! One target driven by libFuzzer for a while, in a process of its own.
//!
//! Trust: what the process prints is read for numbers; whether it broke is told
//! by its exit status.

use std::fmt;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longest that one input may take, in seconds: they are small.
const INPUT_SECONDS: u32 = 5;
/// Most memory of the process, in MiB; about 40 of them are the fuzzer's.
const MEMORY_MIB: u32 = 256;
/// How much longer than asked for it may live, for its start and its last words.
const GRACE: Duration = Duration::from_secs(60);

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Campaign {
    pub(crate) target: String,
    pub(crate) program: PathBuf,
    /// The corpus in the tree, only read.
    pub(crate) seeds: PathBuf,
    /// Where inputs go that reached new code.
    pub(crate) corpus: PathBuf,
    /// Where inputs go that broke it.
    pub(crate) found: PathBuf,
    pub(crate) length: Duration,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) target: String,
    log: String,
    status: Option<ExitStatus>,
    input: Option<PathBuf>,
}

impl Campaign {
    /// Runs it to its end.
    ///
    /// # Errors
    /// It could not be started; a decoder that breaks is an outcome.
    pub(crate) fn run(&self) -> Result<Outcome, String> {
        for folder in [&self.corpus, &self.found] {
            fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        }
        let log = self.found.join("log");
        let began = std::time::SystemTime::now();
        let child = self.start(&log).map_err(|e| format!("{}: {e}", self.program.display()))?;
        let status = wait(child, self.length + GRACE)?;
        let text = fs::read(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let log = String::from_utf8_lossy(&text).into_owned();
        // Those of earlier runs stay beside it.
        let is_new = |path: &PathBuf| {
            let made = path.metadata().and_then(|file| file.modified());
            path.file_name().is_some_and(|name| name != "log") && made.is_ok_and(|at| at >= began)
        };
        let input = fs::read_dir(&self.found)
            .ok()
            .and_then(|files| files.flatten().map(|file| file.path()).find(is_new));
        Ok(Outcome { target: self.target.clone(), log, status, input })
    }

    fn start(&self, log: &PathBuf) -> std::io::Result<Child> {
        let log = File::create(log)?;
        Command::new(&self.program)
            .env("GAGGLE_FUZZ_TARGET", &self.target)
            .arg(format!("-max_total_time={}", self.length.as_secs()))
            .arg(format!("-timeout={INPUT_SECONDS}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
            .arg(format!("-artifact_prefix={}/", self.found.display()))
            .arg("-print_final_stats=1")
            // It writes into the first folder alone.
            .args([&self.corpus, &self.seeds])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
    }
}

/// `None` if it had to be killed.
fn wait(mut child: Child, longest: Duration) -> Result<Option<ExitStatus>, String> {
    let deadline = Instant::now() + longest;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().and_then(|()| child.wait()).map_err(|e| e.to_string())?;
    Ok(None)
}

impl Outcome {
    /// No input broke the target.
    pub(crate) fn is_clean(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// The input that did.
    pub(crate) fn input(&self) -> Option<&PathBuf> {
        self.input.as_ref()
    }

    /// What the target or the fuzzer said about it.
    pub(crate) fn why(&self) -> String {
        let Some(status) = self.status else { return "it did not end and was killed".to_owned() };
        let mut lines = self.log.lines().skip_while(|line| !line.contains("panicked at"));
        if let Some(place) = lines.next() {
            return format!("{} {}", place.trim(), lines.next().unwrap_or_default());
        }
        let error = self.log.lines().find(|line| line.contains("ERROR: libFuzzer"));
        error.map_or_else(|| format!("it ended with {status}"), |line| line.trim().to_owned())
    }

    /// A number of the fuzzer's last words.
    fn figure(&self, name: &str) -> String {
        let words = self.log.lines().rev().find_map(|line| line.split_once(name));
        let value = words.and_then(|(_, rest)| rest.split_whitespace().next());
        value.unwrap_or("?").to_owned()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<18} {:>10} {:>9} {:>6} {:>9}",
            self.target,
            self.figure("stat::number_of_executed_units:"),
            self.figure(" cov:"),
            self.figure("stat::new_units_added:"),
            self.figure("stat::peak_rss_mb:"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(log: &str) -> Outcome {
        Outcome { target: "t".into(), log: log.into(), status: None, input: None }
    }

    #[test]
    fn the_last_figures_count() {
        let log = "#2 INITED cov: 7 ft: 8\n#9 NEW    cov: 12 ft: 20\nstat::peak_rss_mb:  41\n";
        let outcome = outcome(log);
        assert_eq!(outcome.figure(" cov:"), "12");
        assert_eq!(outcome.figure("stat::peak_rss_mb:"), "41");
        assert_eq!(outcome.figure("stat::new_units_added:"), "?");
    }
}
