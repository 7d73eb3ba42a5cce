//! What one person's agents may use of the machine: `memory_max` and its like,
//! in `supervisor.toml` for everybody and in a mapping entry for one person.
//!
//! Trust: root-owned text. A limit out of its range is refused, never bent: it
//! must not look as if it held when it cannot.

use serde::{Deserialize, Serialize};

const GIB: u64 = 1 << 30;
/// Below it Goose and a compiler do not fit; above it is a slip of the pen.
const MEMORY: std::ops::RangeInclusive<u64> = GIB..=64 * 1024 * GIB;
/// Goose alone has some twenty threads, and each counts.
const PIDS: std::ops::RangeInclusive<u32> = 64..=1_000_000;
/// In hundredths of a processor.
const CPU: std::ops::RangeInclusive<u32> = 10..=100_000;
/// As cgroup-v2 has it.
const WEIGHT: std::ops::RangeInclusive<u32> = 1..=10_000;
/// The span to which `cpu.max` refers, in microseconds.
const PERIOD: u64 = 100_000;

/// Limits of one worker and all its agents together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory, in bytes. What exceeds it ends the Goose that did.
    pub memory_max: u64,
    /// Swap, in bytes.
    pub memory_swap_max: u64,
    /// Processes and threads.
    pub pids_max: u32,
    /// Processor time in hundredths of one processor; `None` is all there are.
    pub cpu_max: Option<u32>,
    /// Share when processors are short: 100 is everybody's.
    pub cpu_weight: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_max: 4 * GIB,
            memory_swap_max: GIB / 2,
            pids_max: 2048,
            cpu_max: None,
            cpu_weight: 100,
        }
    }
}

impl Limits {
    /// Controller, file and text of each limit, as the kernel wants it.
    #[must_use]
    pub fn files(&self) -> [(&'static str, &'static str, String); 5] {
        let cpu = self.cpu_max.map_or_else(
            || format!("max {PERIOD}"),
            |hundredths| format!("{} {PERIOD}", u64::from(hundredths) * PERIOD / 100),
        );
        [
            ("memory", "memory.max", self.memory_max.to_string()),
            ("memory", "memory.swap.max", self.memory_swap_max.to_string()),
            ("pids", "pids.max", self.pids_max.to_string()),
            ("cpu", "cpu.max", cpu),
            ("cpu", "cpu.weight", self.cpu_weight.to_string()),
        ]
    }
}

/// An amount as a person writes it: a number, or text like `2G` or `150%`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Amount {
    Number(u64),
    Text(String),
}

/// The keys as they stand in a file; what is missing is taken from elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    memory_max: Option<Amount>,
    memory_swap_max: Option<Amount>,
    pids_max: Option<u32>,
    cpu_max: Option<Amount>,
    cpu_weight: Option<u32>,
}

impl Asked {
    /// What a mapping entry may ask for.
    pub(crate) fn of_entry(
        memory_max: Option<Amount>,
        pids_max: Option<u32>,
        cpu_max: Option<Amount>,
    ) -> Self {
        Self { memory_max, pids_max, cpu_max, ..Self::default() }
    }

    /// These limits, and `otherwise` where nothing is asked for.
    ///
    /// # Errors
    /// A sentence that names the key and its range.
    pub fn or(&self, otherwise: &Limits) -> Result<Limits, String> {
        let mut limits = otherwise.clone();
        if let Some(amount) = &self.memory_max {
            let range = "1G to 64T";
            let bytes = bytes(amount).filter(|bytes| MEMORY.contains(bytes));
            limits.memory_max = bytes.ok_or_else(|| format!("memory_max: {range}, like \"4G\""))?;
        }
        if let Some(amount) = &self.memory_swap_max {
            let bytes = bytes(amount).filter(|bytes| bytes <= MEMORY.end());
            limits.memory_swap_max =
                bytes.ok_or("memory_swap_max: 0 to 64T, like \"512M\"".to_owned())?;
        }
        if let Some(pids) = self.pids_max {
            limits.pids_max = within(pids, &PIDS, "pids_max")?;
        }
        if let Some(amount) = &self.cpu_max {
            let hundredths = hundredths(amount).filter(|share| CPU.contains(share));
            let share = hundredths.ok_or(
                "cpu_max: processors like 2 or a share of one like \"150%\", 10% or more"
                    .to_owned(),
            )?;
            limits.cpu_max = Some(share);
        }
        if let Some(weight) = self.cpu_weight {
            limits.cpu_weight = within(weight, &WEIGHT, "cpu_weight")?;
        }
        Ok(limits)
    }
}

fn within(value: u32, range: &std::ops::RangeInclusive<u32>, name: &str) -> Result<u32, String> {
    let text = || format!("{name}: {} to {}", range.start(), range.end());
    if range.contains(&value) { Ok(value) } else { Err(text()) }
}

fn bytes(amount: &Amount) -> Option<u64> {
    let text = match amount {
        Amount::Number(bytes) => return Some(*bytes),
        Amount::Text(text) => text,
    };
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let shift = match unit {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn hundredths(amount: &Amount) -> Option<u32> {
    match amount {
        Amount::Number(processors) => u32::try_from(*processors).ok()?.checked_mul(100),
        Amount::Text(text) => text.strip_suffix('%')?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: &str) -> Result<Limits, String> {
        serde_json::from_str::<Asked>(json)
            .map_err(|error| error.to_string())?
            .or(&Limits::default())
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        let limits = asked(
            r#"{"memory_max": "2G", "memory_swap_max": 0, "pids_max": 100, "cpu_max": "150%"}"#,
        );
        let limits = limits.unwrap();
        assert_eq!((limits.memory_max, limits.memory_swap_max), (2 << 30, 0));
        assert_eq!((limits.pids_max, limits.cpu_max), (100, Some(150)));
        assert_eq!(asked(r#"{"cpu_max": 2}"#).unwrap().cpu_max, Some(200));
        assert_eq!(asked(r#"{"memory_max": 1073741824}"#).unwrap().memory_max, GIB);
        assert_eq!(asked("{}").unwrap(), Limits::default());
    }

    #[test]
    fn absurd_limits_are_refused_by_name() {
        for (json, named) in [
            (r#"{"memory_max": 0}"#, "memory_max"),
            (r#"{"memory_max": "512M"}"#, "1G"),
            (r#"{"memory_max": "lots"}"#, "memory_max"),
            (r#"{"memory_max": "1X"}"#, "memory_max"),
            (r#"{"memory_max": ""}"#, "memory_max"),
            (r#"{"memory_max": "99999999999999999999G"}"#, "memory_max"),
            (r#"{"memory_max": "18014398509481984K"}"#, "memory_max"),
            (r#"{"memory_swap_max": "-1"}"#, "memory_swap_max"),
            (r#"{"pids_max": 0}"#, "pids_max"),
            (r#"{"pids_max": 1}"#, "64"),
            (r#"{"cpu_max": "0%"}"#, "cpu_max"),
            (r#"{"cpu_max": "half"}"#, "cpu_max"),
            (r#"{"cpu_max": 99999999999}"#, "cpu_max"),
            (r#"{"cpu_weight": 0}"#, "cpu_weight"),
            (r#"{"cpu_wait": 1}"#, "cpu_wait"),
        ] {
            let error = asked(json).unwrap_err();
            assert!(error.contains(named), "{json}: {error}");
        }
    }

    #[test]
    fn the_kernel_reads_them_in_its_own_words() {
        let files = asked(r#"{"cpu_max": "150%"}"#).unwrap().files();
        let cpu = files.iter().find(|(_, file, _)| *file == "cpu.max").unwrap();
        assert_eq!(cpu.2, "150000 100000");
        let free = Limits::default().files();
        assert_eq!(free.iter().find(|(_, file, _)| *file == "cpu.max").unwrap().2, "max 100000");
    }
}
