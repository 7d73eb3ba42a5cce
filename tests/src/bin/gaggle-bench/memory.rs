//! What a process weighs, as the kernel counts it.
//!
//! Trust: the kernel's files about a process.

use anyhow::{Context, Result};

/// Sizes in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Everything resident, shared pages included.
    pub(crate) resident: f64,
    /// Pages that nobody else has.
    pub(crate) private: f64,
    /// Its fair share: shared pages divided by those who share them.
    pub(crate) proportional: f64,
}

impl Memory {
    /// Of the process `pid`.
    ///
    /// # Errors
    /// It is gone.
    pub(crate) fn of(pid: i32) -> Result<Self> {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = std::fs::read_to_string(&path).context(path)?;
        let size = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            number.with_context(|| format!("{name} of process {pid}"))
        };
        Ok(Self {
            resident: size("Rss")?,
            private: size("Private_Clean")? + size("Private_Dirty")?,
            proportional: size("Pss")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_weighs_no_less_than_what_is_its_own() {
        let own = i32::try_from(std::process::id()).unwrap();
        let memory = Memory::of(own).unwrap();
        assert!(memory.private > 0.0 && memory.proportional >= memory.private);
        assert!(memory.resident >= memory.proportional);
    }
}
