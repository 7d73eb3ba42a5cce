//! The bot's token where others can read it: the frontend does not go on with
//! it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::{Lab, Service, TOKEN_FILE, Which, wait};

use super::bench::{Bench, SOON};

const VARIABLES: &str = "gaggle.env";

/// What the frontend says and whether it serves, on the folder as it is.
fn frontend(bench: &Bench) -> Result<(bool, String)> {
    let known = bench.records("frontend_connected")?.len();
    let log = bench.lab.namespace.outside().join("gaggle-frontend.log");
    let before = fs::read_to_string(log).unwrap_or_default().len();
    let mut service = Service::start(&bench.lab.namespace, Which::Frontend, &[])?;
    let serves = wait::until(SOON, || {
        let ended = service.ended().is_some();
        (ended || bench.records("frontend_connected").map_or(0, |all| all.len()) > known)
            .then_some(!ended)
    });
    let said = service.log().get(before..).unwrap_or_default().to_owned();
    service.kill()?;
    Ok((serves.with_context(|| format!("it hangs: {said}"))?, said))
}

/// The token as a variable, in a file of this mode.
fn as_variable(config: &Path, token: &str, mode: u32) -> Result<()> {
    let toml = config.join("gaggle.toml");
    let text = fs::read_to_string(&toml)?;
    let without = text.lines().filter(|line| !line.starts_with("token_file"));
    fs::write(&toml, without.collect::<Vec<_>>().join("\n"))?;
    fs::write(config.join(VARIABLES), format!("MATTERMOST_TOKEN={token}\n"))?;
    std::os::unix::fs::chown(config.join(VARIABLES), Some(950), Some(950))?;
    Ok(fs::set_permissions(config.join(VARIABLES), Permissions::from_mode(mode))?)
}

#[test]
fn c43_a_token_that_others_can_read() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let (config, token) = (bench.config(), bench.lab.bot.token.clone());
    for mode in [0o444, 0o644, 0o604, 0o401] {
        fs::set_permissions(config.join(TOKEN_FILE), Permissions::from_mode(mode))?;
        let (serves, said) = frontend(&bench)?;
        ensure!(!serves && said.contains("chmod 0640"), "{mode:o}: {said}");
        ensure!(!said.contains(&token), "{mode:o}: the token is shown");
    }
    bench.mend()?;
    let (serves, said) = frontend(&bench)?;
    ensure!(serves, "the control: {said}");
    for (mode, good) in [(0o644, false), (0o640, true)] {
        as_variable(&config, &token, mode)?;
        let (serves, said) = frontend(&bench)?;
        ensure!(serves == good, "as a variable, {mode:o}: {said}");
        ensure!(good || said.contains("make a new token"), "{mode:o}: {said}");
        ensure!(!said.contains(&token), "{mode:o}: the token is shown");
        bench.mend()?;
    }
    Ok(())
}

#[test]
fn c01_c02_c03_c08_settings_of_the_frontend_that_are_a_strangers() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    for name in ["gaggle.toml", TOKEN_FILE] {
        let file = bench.config().join(name);
        for (mode, owner, group) in [(0o402, 950, 950), (0o620, 0, 1234), (0o600, 1234, 950)] {
            std::os::unix::fs::chown(&file, Some(owner), Some(group))?;
            fs::set_permissions(&file, Permissions::from_mode(mode))?;
            let (serves, said) = frontend(&bench)?;
            ensure!(!serves && said.contains(name), "{name} {mode:o} {owner}: {said}");
        }
        fs::remove_file(&file)?;
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::from_bits_truncate(0o644))?;
        let (serves, said) = frontend(&bench)?;
        ensure!(!serves && said.contains("no regular file"), "{name}: {said}");
        fs::remove_file(&file)?;
        bench.mend()?;
        let (serves, said) = frontend(&bench)?;
        ensure!(serves, "the control: {said}");
    }
    Ok(())
}
