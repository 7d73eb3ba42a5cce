//! The completions of a package, asked of the shells themselves: each looks for
//! its file by itself, in the package instead of the system.
//!
//! Trust: the files are ours, and the shells run them.

use std::path::Path;
use std::process::Command;

use crate::run;

/// What is typed, and what each shell must offer for it.
const CASES: [(&str, &[&str]); 3] =
    [("us", &["user"]), ("user a", &["add"]), ("lockdown --config", &["--config-dir"])];

/// bash-completion finds the file, which names a function for `complete`.
const BASH: &str = r#"
. /usr/share/bash-completion/bash_completion
_completion_loader gaggle
function=$(complete -p gaggle | sed 's/.*-F \([^ ]*\).*/\1/')
COMP_WORDS=(gaggle $1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE="gaggle $1" COMP_POINT=$((${#1} + 7))
"$function" gaggle "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// Completion in zsh belongs to its editor, so a shell is made that has one.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=($ROOT/usr/share/zsh/vendor-completions \$fpath)"
zpty -w shell "autoload -Uz compinit && compinit -u -D"
zpty -w shell "print rea''dy"
while zpty -r shell line && [[ $line != *ready* ]]; do :; done
zpty -w -n shell "gaggle $1"$'\t'
# The line as the tab left it becomes an argument of print: ^A and ^E are its ends.
zpty -w -n shell $'\x01print -r -- "typed:\x05:"\n'
while zpty -r shell line && [[ $line != typed:* ]]; do :; done
print -r -- $line
zpty -d shell
"#;

const FISH: &str = r#"
set fish_complete_path $ROOT/usr/share/fish/vendor_completions.d
complete -C "gaggle $argv[1]"
"#;

/// Asks bash, zsh and fish.
///
/// # Errors
/// A shell does not offer what it should; with what it said.
pub(super) fn check(unpacked: &Path) -> Result<(), String> {
    for (typed, offered) in CASES {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", BASH, "bash", typed]);
        let mut zsh = Command::new("zsh");
        zsh.args(["-f", "-c", ZSH, "zsh", typed]);
        let mut fish = Command::new("fish");
        fish.args(["--no-config", "--command", FISH, typed]);
        for shell in [bash, zsh, fish] {
            ask(shell, unpacked, typed, offered)?;
        }
    }
    Ok(())
}

fn ask(mut shell: Command, unpacked: &Path, typed: &str, offered: &[&str]) -> Result<(), String> {
    let name = shell.get_program().to_string_lossy().into_owned();
    shell.env("XDG_DATA_DIRS", unpacked.join("usr/share")).env("ROOT", unpacked);
    // fish completes what it can run, and asks nobody for more.
    shell.env("PATH", run::path_with(&unpacked.join("usr/bin"))?);
    let said = run::read(&mut shell)?;
    let has = |word: &&str| said.split(|c: char| c.is_whitespace() || c == ':').any(|w| w == *word);
    match offered.iter().find(|word| !has(word)) {
        None => Ok(()),
        Some(word) => Err(format!("{name}: `gaggle {typed}` is not completed to {word}: {said}")),
    }
}
