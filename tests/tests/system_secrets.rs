//! What an agent must not learn: provider keys beyond Goose, the bot's token.

use std::fs;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use gaggle_tests::lab::{Lab, Which};

#[test]
fn provider_keys_reach_goose_but_not_its_commands() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let said = lab.answer("alice", "run: env")?;
    assert!(said.contains("HOME=/home/alice"), "{said}");
    assert!(!said.contains("OPENAI_API_KEY"), "{said}");
    // Of Gaggle's own names the conversation's places alone.
    let mut own: Vec<_> = said
        .lines()
        .filter_map(|line| line.strip_prefix("GAGGLE_")?.split_once('='))
        .map(|(name, _)| name)
        .collect();
    own.sort_unstable();
    assert_eq!(own, ["INBOX", "OUTBOX"], "{said}");
    // The control: Goose itself has it, or it could not have asked the LLM.
    let goose = *lab.namespace.people_running("goose").first().context("a running Goose")?;
    let environment = fs::read(format!("/proc/{goose}/environ"))?;
    assert!(contains(&environment, b"OPENAI_API_KEY=x"));
    Ok(())
}

#[test]
fn the_token_is_in_nothing_that_worker_or_agent_has() -> Result<()> {
    let Some(mut lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    lab.answer("alice", "run: true")?;
    let token = lab.bot.token.clone().into_bytes();
    let people = lab.namespace.processes("workers");
    assert!(people.len() >= 2, "worker and Goose run");
    for pid in people {
        for file in ["environ", "cmdline"] {
            assert!(!contains(&fs::read(format!("/proc/{pid}/{file}"))?, &token), "{pid} {file}");
        }
        for fd in fs::read_dir(format!("/proc/{pid}/fd"))? {
            let path = fd?.path();
            if fs::metadata(&path).is_ok_and(|file| file.is_file()) {
                // Files of the kernel's may refuse to be read.
                let content = fs::read(&path).unwrap_or_default();
                assert!(!contains(&content, &token), "{}", path.display());
            }
        }
        assert!(!in_memory(pid, &token)?, "memory of {pid}");
    }
    // The control: the frontend has it, and the search finds it there.
    let frontend = lab.service(Which::Frontend)?.pid();
    assert!(in_memory(frontend, &token)?);
    let alice = lab.person("alice")?;
    let token = lab.bot.token.clone();
    let search = ["grep", "-rslF", "-e", &token, "/srv", "/home", "/run"];
    let found = lab.namespace.run(alice.uid, &search)?;
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    Ok(())
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Searches the writable memory of a process.
fn in_memory(pid: i32, wanted: &[u8]) -> Result<bool> {
    const MOST: u64 = 256 * 1024 * 1024;
    let memory = fs::File::open(format!("/proc/{pid}/mem"))?;
    for line in fs::read_to_string(format!("/proc/{pid}/maps"))?.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let (start, end) = range.split_once('-').context("a range")?;
        let (start, end) = (u64::from_str_radix(start, 16)?, u64::from_str_radix(end, 16)?);
        if !rights.starts_with("rw") || end - start > MOST {
            continue;
        }
        let mut bytes = vec![0; usize::try_from(end - start)?];
        if memory.read_exact_at(&mut bytes, start).is_ok() && find(&bytes, wanted) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// As [`contains`], fast enough for memory that is mostly zero.
fn find(bytes: &[u8], wanted: &[u8]) -> bool {
    let first = wanted.first().copied().unwrap_or_default();
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        if rest[at..].starts_with(wanted) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}
