//! `gaggle-manual FOLDER`: manual pages and completions, made anew with each
//! build from what the programs themselves say, so that they say nothing else.
//!
//! `FOLDER/man` gets a page for `gaggle` and each of its commands, and those of
//! `packaging/man`; `FOLDER/completions/SHELL` a file with the name that the
//! shell looks for.
//!
//! Trust: the arguments are the package build's.
#![forbid(unsafe_code)]

mod completions;
mod pages;
mod written;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: gaggle-manual FOLDER");
        return ExitCode::from(2);
    };
    match write_below(&PathBuf::from(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gaggle-manual: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn write_below(folder: &Path) -> anyhow::Result<()> {
    pages::write(gaggle::command(), &folder.join("man"))?;
    written::write(&folder.join("man"))?;
    completions::write(gaggle::command(), &folder.join("completions"))
}

/// Writes a file, and the folder it is in first.
fn write_file(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, content))
        .with_context(|| format!("write {}", path.display()))
}
