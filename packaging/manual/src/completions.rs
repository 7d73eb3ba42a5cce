//! Completions, by the names under which bash, zsh and fish look for them.
//!
//! Trust: the command line is the program's own.

use std::path::Path;

use clap::Command;
use clap_complete::{Shell, generate};

use crate::write_file;

/// Shell, its folder here, and its own name for the file of `gaggle`.
const FILES: [(Shell, &str); 3] =
    [(Shell::Bash, "bash/gaggle"), (Shell::Zsh, "zsh/_gaggle"), (Shell::Fish, "fish/gaggle.fish")];

/// Writes a file for each shell below `folder`.
pub(crate) fn write(mut command: Command, folder: &Path) -> anyhow::Result<()> {
    for (shell, file) in FILES {
        let mut text = Vec::new();
        generate(shell, &mut command, "gaggle", &mut text);
        write_file(&folder.join(file), &text)?;
    }
    Ok(())
}
