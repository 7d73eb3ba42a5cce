//! The installation as README.md has it: its commands as they stand, in a folder
//! with the package and Goose, and an editor that writes what a person would.
//!
//! Trust: the text of this repository.

use anyhow::{Context, Result, ensure};

use crate::package;
use crate::stage::Stage;

const README: &str = include_str!("../../../../README.md");
const MARK: &str = "<!-- install -->\n```sh\n";
const COMMANDS: usize = 5;
/// Where root has fetched both files to.
const FOLDER: &str = "/root/gaggle";
/// The one that Debian's `editor` would be found after.
const EDITOR: &str = "/usr/local/bin/editor";

/// README's commands, from the package to the first answer.
///
/// # Errors
/// There are not five.
pub(crate) fn commands() -> Result<[&'static str; COMMANDS]> {
    let (_, block) = README.split_once(MARK).context("README.md marks no commands to install")?;
    let (block, _) = block.split_once("```").context("README.md's block has no end")?;
    let lines: Vec<_> = block.lines().collect();
    let count = lines.len();
    lines.try_into().ok().with_context(|| format!("README.md has {count} commands, not {COMMANDS}"))
}

/// Puts both files and the editor where the commands expect them.
///
/// # Errors
/// They cannot be written.
pub(crate) fn prepare(stage: &Stage) -> Result<()> {
    let name = format!("{FOLDER}/gaggle_{}.deb", package::version(&stage.deb)?);
    stage.machine.install(&stage.deb, &name)?;
    stage.machine.install(&stage.goose, &format!("{FOLDER}/goose"))?;
    stage.machine.write(EDITOR, 0o700, &editor(stage))
}

/// Runs one of them, and says what it wrote.
///
/// # Errors
/// It fails; with all it said.
pub(crate) fn run(stage: &Stage, command: &str) -> Result<String> {
    stage.machine.sh(&format!("cd {FOLDER}; {command}"))
}

/// Removes what is no part of an installation.
///
/// # Errors
/// It is not there.
pub(crate) fn clear(stage: &Stage) -> Result<()> {
    stage.machine.run(&["rm", "-r", FOLDER, EDITOR])?;
    Ok(())
}

/// A person at work: for each file that they are shown, what the text below the
/// commands says, and that nobody is asked before a tool runs. Whoever is shown another one does not know what to write.
fn editor(stage: &Stage) -> String {
    let url = stage.chat.simulator.url();
    let token = &stage.chat.bot.token;
    let provider = stage.chat.provider();
    format!(
        r#"#!/bin/sh
set -eu
for file; do
    test -f "$file"
    case "$file" in
    */gaggle.toml)
        grep -q '^#url = ' "$file"
        sed -i 's|^#url = .*|url = "{url}"|; s|^#mode = .*|mode = "auto"|' "$file" ;;
    */goose.env)
        cat >> "$file" <<'END'
{provider}
END
        ;;
    */mattermost-token)
        echo '{token}' > "$file" ;;
    *)
        echo "what belongs into $file?" >&2
        exit 1 ;;
    esac
done
"#
    )
}

/// Whether the commands were followed in full: each file that holds a secret is
/// still root's alone, whatever was typed into it.
///
/// # Errors
/// One is not.
pub(crate) fn secrets_are_kept(stage: &Stage) -> Result<()> {
    for file in ["goose.env", "mattermost-token"] {
        let path = format!("/etc/gaggle/{file}");
        let mode = stage.machine.run(&["stat", "--format=%a %U", &path])?;
        ensure!(mode == "600 root", "{path} is {mode}");
    }
    Ok(())
}
