//! What a worker taken over finds in itself: what it inherited and what memory
//! remembers.
//!
//! Trust: as in the module above.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};

use anyhow::{Context as _, Result};

/// So much memory is read at once, in bytes.
const STRIDE: usize = 1 << 20;

pub(crate) fn act(verb: &str, rest: &str) -> Option<Result<String>> {
    let outcome = match verb {
        "descriptors" => descriptors(),
        "environment" => Ok(environment()),
        "scan" => scan(rest),
        _ => return None,
    };
    Some(outcome)
}

/// A line for each descriptor: its number and what it is.
fn descriptors() -> Result<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let path = entry?.path();
        let (Some(number), Ok(what)) = (path.file_name(), fs::read_link(&path)) else { continue };
        all.push(format!("{} {}\n", number.display(), what.display()));
    }
    // The folder that was listed is open only for that.
    all.retain(|line| !line.contains(&format!("/proc/{}/fd", std::process::id())));
    all.sort();
    Ok(all.concat())
}

/// The names in the environment, one a line.
fn environment() -> String {
    let mut names: Vec<_> =
        std::env::vars_os().map(|(name, _)| format!("{}\n", name.display())).collect();
    names.sort();
    names.concat()
}

/// Looks for a word in all memory of this process. It is given backwards, so
/// that the order itself is not found.
fn scan(backwards: &str) -> Result<String> {
    let mut memory = fs::File::open("/proc/self/mem")?;
    let maps = fs::read_to_string("/proc/self/maps")?;
    let wanted: Vec<u8> = backwards.bytes().collect();
    let (mut places, mut bytes) = (0, 0);
    for line in maps.lines() {
        let (range, rest) = line.split_once(' ').context("a map")?;
        let (from, to) = range.split_once('-').context("a range")?;
        let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
        if !rest.starts_with('r') || rest.contains("[v") {
            continue;
        }
        let found = in_range(&mut memory, from, to, &wanted)?;
        places += found;
        bytes += to - from;
    }
    Ok(format!("found {places} in {bytes} bytes\n"))
}

fn in_range(memory: &mut fs::File, from: u64, to: u64, backwards: &[u8]) -> Result<usize> {
    let mut buffer = vec![0; STRIDE + backwards.len()];
    let (mut found, mut at) = (0, from);
    while at < to {
        let length = usize::try_from(to - at)?.min(buffer.len());
        let part = buffer.get_mut(..length).context("room")?;
        memory.seek(SeekFrom::Start(at))?;
        // A page without anything behind it cannot be read and hides nothing.
        if memory.read_exact(part).is_ok() {
            let windows = part.windows(backwards.len());
            found += windows.filter(|window| window.iter().rev().eq(backwards)).count();
        }
        at += STRIDE as u64;
    }
    Ok(found)
}
