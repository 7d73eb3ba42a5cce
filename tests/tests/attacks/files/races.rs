//! The mapping changes while root reads it: what counts is what was checked.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::Lab;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::bench::Bench;
use super::meanwhile::meanwhile;

/// Reloads tried against each racer, at least and at most.
const TRIES: std::ops::Range<usize> = 40..400;

/// Each has the place of the other.
fn exchange(one: &Path, other: &Path) -> Result<()> {
    Ok(renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE)?)
}

/// Reloads again and again; what is read must be the mapping of both people,
/// and what is refused must say one of `words`. Both must have happened.
fn only_the_true_one(bench: &mut Bench, case: &str, words: &[&str]) -> Result<()> {
    let (mut read, mut refused) = (0, 0);
    for tried in 0..TRIES.end {
        if tried >= TRIES.start && read > 0 && refused > 0 {
            return Ok(());
        }
        if let Some(said) = bench.reload()? {
            ensure!(words.iter().any(|word| said.contains(word)), "{case}: {said}");
            refused += 1;
        } else {
            let record = bench.records("configuration_loaded")?.pop().context("a record")?;
            let usable = record.field("GAGGLE_USABLE");
            ensure!(usable == "2", "{case}: a mapping of {usable} was believed");
            read += 1;
        }
    }
    anyhow::bail!("{case}: no race: {read} read, {refused} refused")
}

#[test]
fn c09_a_swap_between_check_and_read() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let bob = bench.lab.person("bob")?;
    let (mapping, config) = (bench.config().join("user_mapping.json"), bench.config());
    let evil = format!(r#"{{"{}": "alice"}}"#, bob.mattermost.id);
    // The control: were it root's, it would be believed.
    let good = fs::read(&mapping)?;
    fs::write(&mapping, &evil)?;
    ensure!(bench.reload()?.is_none());
    let record = bench.records("configuration_loaded")?.pop().unwrap();
    ensure!(record.field("GAGGLE_USABLE") == "1");
    fs::write(&mapping, good)?;
    let bobs = config.join("bobs");
    let link = config.join("link");
    let fifo = config.join("fifo");
    fs::write(&bobs, &evil)?;
    chown(&bobs, Some(bob.uid), Some(bob.uid))?;
    symlink("bobs", &link)?;
    mkfifo(&fifo, Mode::S_IRWXU)?;
    for (case, other, words) in [
        ("a file of bob's", &bobs, ["owned by uid"]),
        ("a link", &link, ["a symbolic link"]),
        ("a fifo", &fifo, ["not a regular file"]),
    ] {
        let tried = || only_the_true_one(&mut bench, case, &words);
        meanwhile(|_| exchange(&mapping, other), tried)?;
        // It must be the mapping again for the next.
        let about = fs::symlink_metadata(&mapping)?;
        if !about.is_file() || about.uid() != 0 {
            exchange(&mapping, other)?;
        }
        ensure!(bench.reload()?.is_none(), "{case}: the control");
    }
    Ok(())
}

/// Writes like a careless editor: in place, in pieces, with much behind it.
fn write_slowly(mapping: &Path, text: &[u8], round: usize) -> Result<()> {
    let mut file = File::options().write(true).open(mapping)?;
    file.set_len(0)?;
    for piece in text.chunks(10) {
        file.write_all(piece)?;
    }
    if round.is_multiple_of(2) {
        // Blanks mean nothing, but there may be too many of them.
        file.write_all(&vec![b' '; 2 << 20])?;
        file.set_len(text.len() as u64)?;
    }
    // Long enough that it is also found whole.
    std::thread::sleep(Duration::from_millis(1));
    Ok(())
}

#[test]
fn c10_a_file_that_grows_and_shrinks_while_it_is_read() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let mapping = bench.config().join("user_mapping.json");
    let text = fs::read(&mapping)?;
    let words = ["EOF", "larger than", "expected"];
    let tried = || only_the_true_one(&mut bench, "c10", &words);
    meanwhile(|round| write_slowly(&mapping, &text, round), tried)?;
    ensure!(bench.reload()?.is_none(), "the control");
    Ok(())
}
