//! Names and ids, as Mattermost knows them, and where it cannot be asked.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Result, ensure};
use gaggle_tests::lab::spec::CONFIG;
use gaggle_tests::lab::{Lab, TOKEN_FILE};

use super::bench::{Bench, NOBODYS};

fn bench() -> Result<Option<Bench>> {
    Bench::new(Lab::builder().without_frontend())
}

/// Nothing is known of an account or an entry.
fn unchanged(bench: &Bench) -> Result<()> {
    ensure!(bench.mapping()?.len() == 2, "{:?}", bench.mapping()?);
    ensure!(bench.says(&["getent", "passwd", "carol"])?.is_empty(), "the account was made");
    Ok(())
}

#[test]
fn whoever_cannot_be_served_is_refused_with_the_reason() -> Result<()> {
    let Some(bench) = bench()? else { return Ok(()) };
    let simulator = &bench.lab.simulator;
    let gone = simulator.create_user("gone")?;
    simulator.set_active(gone.id, false)?;
    let hook = simulator.create_bot("hook")?;
    let add = |who: &str| bench.user(&["add", "carol", "--mattermost", who]);
    add("@carlo")?.expect(1, &["nobody in Mattermost is called @carlo", "is it @carol?"])?;
    add("@xyzzy")?.expect(1, &["nobody in Mattermost is called @xyzzy"])?;
    add(NOBODYS)?.expect(1, &["knows nobody with the id", "!whoami"])?;
    for who in ["@gone", gone.id.as_str()] {
        add(who)?.expect(1, &["@gone", "deactivated"])?;
    }
    for who in ["@hook", hook.id.as_str()] {
        add(who)?.expect(1, &["is a bot", "allowed_bots = [\"", hook.id.as_str()])?;
    }
    add("@goose")?.expect(1, &["Gaggle's own bot"])?;
    for neither in ["carol", "@", "@ca rol", "@carol\u{1b}[2J"] {
        add(neither)?.expect(2, &[])?;
    }
    unchanged(&bench)?;
    // The control, also with another case, as Mattermost takes it.
    add("@Carol")?.expect(0, &["made and mapped", bench.carol.id.as_str()])?;
    Ok(())
}

#[test]
fn a_bot_that_the_frontend_answers_may_have_an_agent() -> Result<()> {
    let Some(bench) = bench()? else { return Ok(()) };
    let hook = bench.lab.simulator.create_bot("hook")?;
    let file = bench.lab.namespace.seen(CONFIG).join("gaggle.toml");
    let text = fs::read_to_string(&file)?;
    let listed = format!("[chat]\nallowed_bots = [\"{}\"]\n", hook.id);
    fs::write(&file, text.replace("[chat]\n", &listed))?;
    let said = bench.user(&["add", "hook", "--mattermost", "@hook"])?;
    said.expect(0, &["made and mapped"])?;
    Ok(())
}

#[test]
fn an_id_is_enough_where_mattermost_cannot_be_asked() -> Result<()> {
    let Some(bench) = bench()? else { return Ok(()) };
    let file = bench.lab.namespace.seen(CONFIG).join("gaggle.toml");
    let text = fs::read_to_string(&file)?;
    let away = text.replace(bench.lab.simulator.url(), "http://127.0.0.1:9/");
    let name = ["add", "carol", "--mattermost", "@carol"];
    for broken in [&*away, "[mattermost]\nurl = 5\n", ""] {
        fs::write(&file, broken)?;
        let said = bench.user(&name)?;
        said.expect(1, &["@carol cannot be looked up", "with the id it works without"])?;
        unchanged(&bench)?;
    }
    bench.lab.simulator.set_active(bench.lab.bot.id, false)?;
    fs::write(&file, &text)?;
    let refused = bench.user(&name)?;
    refused.expect(1, &["does not accept the bot's token"])?;
    ensure!(!format!("{refused:?}").contains(&bench.lab.bot.token), "the token is shown");
    unchanged(&bench)?;
    let id = bench.carol.id.to_string();
    let said = bench.user(&["add", "carol", "--mattermost", &id])?;
    said.expect(0, &["taken as it is", "does not accept the bot's token", "made and mapped"])?;
    let asked = bench.user(&["add", "carol", "--mattermost", &id, "--offline"])?;
    asked.expect(0, &["nothing to do"])?;
    ensure!(!asked.err.contains("taken as it is"), "{asked:?}");
    Ok(())
}

#[test]
fn the_token_of_the_service_is_roots_file() -> Result<()> {
    let Some(bench) = bench()? else { return Ok(()) };
    let folder = bench.lab.namespace.seen(CONFIG);
    fs::write(folder.join(TOKEN_FILE), "0000of0no0use000000000000")?;
    let add = ["add", "carol", "--mattermost", "@carol"];
    bench.user(&add)?.expect(1, &["does not accept the bot's token"])?;
    // What systemd passes to the service goes before what the frontend may read.
    let credential = folder.join("mattermost-token");
    fs::write(&credential, &bench.lab.bot.token)?;
    fs::set_permissions(&credential, fs::Permissions::from_mode(0o600))?;
    bench.user(&add)?.expect(0, &["made and mapped"])?;
    Ok(())
}

/// The program that asks a server is nobody's who could profit from it.
#[test]
fn the_program_that_asks_is_roots_and_does_not_run_as_root() -> Result<()> {
    let Some(bench) = bench()? else { return Ok(()) };
    let program = bench.lab.namespace.seen("/srv/gaggle/lib/gaggle-frontend");
    fs::remove_file(&program)?;
    let spy = "#!/bin/sh\nid >/srv/gaggle/spy/said\ncat /proc/self/status /proc/self/environ >>/srv/gaggle/spy/said\n\
               (: </dev/tty) 2>/dev/null && echo has a terminal >>/srv/gaggle/spy/said\n\
               readlink /proc/$$/fd/9 >>/srv/gaggle/spy/said\necho nobody\n";
    fs::write(&program, spy)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o757))?;
    bench.says(&["install", "-d", "-o", "gaggle", "/srv/gaggle/spy"])?;
    let add = ["add", "carol", "--mattermost", "@carol"];
    bench.user(&add)?.expect(1, &["lets others write it"])?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let asked = bench.at_a_terminal("add carol --mattermost @carol 9</etc/shadow", "")?;
    asked.expect(1, &["nobody in Mattermost"])?;
    let said = fs::read_to_string(bench.lab.namespace.seen("/srv/gaggle/spy/said"))?;
    ensure!(said.starts_with("uid=950(gaggle) gid=950(gaggle) groups=950(gaggle)\n"), "{said}");
    for line in ["CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1"] {
        ensure!(said.contains(line), "{said}");
    }
    ensure!(!said.contains(&bench.lab.bot.token) && !said.contains("PATH="), "{said}");
    // What can write to root's terminal can type into it, on many kernels.
    ensure!(!said.contains("has a terminal"), "{said}");
    ensure!(!said.contains("/etc/shadow"), "it has what root's shell had open: {said}");
    let control = bench.script("sh /srv/gaggle/lib/gaggle-frontend 9</etc/shadow", "")?;
    control.expect(0, &["nobody"])?;
    let said = fs::read_to_string(bench.lab.namespace.seen("/srv/gaggle/spy/said"))?;
    ensure!(said.contains("has a terminal"), "nobody has one there: {said}");
    ensure!(said.contains("/etc/shadow"), "nobody has it there: {said}");
    Ok(())
}

/// Whatever holds that program holds root no longer than it said, and what it
/// says is no more than a line.
#[test]
fn a_look_up_that_hangs_or_babbles_is_given_up() -> Result<()> {
    let Some(bench) = bench()? else { return Ok(()) };
    let program = bench.lab.namespace.seen("/srv/gaggle/lib/gaggle-frontend");
    let id = bench.carol.id;
    let line = format!("person {id} carol");
    for (script, why) in [
        ("exec sleep 1000".to_owned(), "did not answer within"),
        ("exec yes".to_owned(), "did not answer within"),
        (format!("echo {line}; echo {line}"), "did not say who it is"),
        (format!("printf '{line}'"), "did not say who it is"),
        ("echo 'person root root'".to_owned(), "did not say who it is"),
        ("printf 'no\\033[2Jway' >&2; exit 5".to_owned(), "no\\u{1b}[2Jway"),
    ] {
        fs::remove_file(&program)?;
        fs::write(&program, format!("#!/bin/sh\n{script}\n"))?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        let said = bench.user(&["add", "carol", "--mattermost", "@carol"])?;
        said.expect(1, &["@carol cannot be looked up", why])?;
        ensure!(!said.err.contains('\u{1b}'), "{said:?}");
    }
    unchanged(&bench)?;
    // The control: one line of the right form is enough.
    fs::write(&program, format!("#!/bin/sh\necho {line}\n"))?;
    bench.user(&["add", "carol", "--mattermost", "@carol"])?.expect(0, &["made and mapped"])?;
    Ok(())
}
