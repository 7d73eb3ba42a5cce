//! A file of root's that is not as it should be: nothing starts on it, and what
//! runs goes on with what it had.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::Lab;

use super::bench::{Bench, Start};
use super::breaks::BREAKS;
use super::frontend::Frontend;

/// Nothing starts, for a reason that has these words in it.
fn refused(bench: &mut Bench, case: &str, words: &[&str]) -> Result<()> {
    match bench.try_start().context(case.to_owned())? {
        Start::Serves => panic!("{case}: it serves"),
        Start::Refuses(said) => {
            for word in words {
                ensure!(said.contains(word), "{case}: {word:?} is not said in {said:?}");
            }
        }
    }
    bench.mend().with_context(|| format!("{case}: mend"))
}

/// The control: what is mended serves.
fn serves(bench: &mut Bench, case: &str) -> Result<()> {
    match bench.try_start()? {
        Start::Serves => Ok(()),
        Start::Refuses(said) => panic!("{case}: refused although mended: {said}"),
    }
}

fn no_start_on(name: &str) -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder().supervisor("max_workers = 9"))? else {
        return Ok(());
    };
    for each in BREAKS {
        let case = format!("{} {name}", each.id);
        (each.by)(&bench, &bench.config().join(name)).with_context(|| case.clone())?;
        refused(&mut bench, &case, &[name, each.says])?;
        serves(&mut bench, &case)?;
    }
    Ok(())
}

#[test]
fn c01_c02_c03_c05_c07_c08_c11_no_start_on_a_broken_mapping() -> Result<()> {
    no_start_on("user_mapping.json")
}

#[test]
fn c01_c02_c03_c05_c07_c08_c11_no_start_on_broken_settings() -> Result<()> {
    no_start_on("supervisor.toml")
}

#[test]
fn c01_c02_c03_c05_c07_c08_c11_no_start_on_broken_provider_settings() -> Result<()> {
    no_start_on("goose.env")
}

#[test]
fn c01_c02_c03_c05_c07_c08_c11_l38_a_reload_keeps_what_was_there() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let mut frontend = Frontend::of(&bench.lab)?;
    let started = frontend.start(bench.lab.person("alice")?.mattermost.id)?;
    ensure!(started.starts_with("Started"), "{started}");
    for each in BREAKS {
        let mapping = bench.config().join("user_mapping.json");
        (each.by)(&bench, &mapping).context(each.id)?;
        let refused = bench.reload()?.with_context(|| format!("{}: it was read", each.id))?;
        ensure!(refused.contains("user_mapping.json") && refused.contains(each.says), "{refused}");
        let workers = frontend.list()?;
        ensure!(workers.contains("WorkerId(1)"), "{}: {workers}", each.id);
        bench.mend()?;
        ensure!(bench.reload()?.is_none(), "{}: refused although mended", each.id);
    }
    Ok(())
}

#[test]
fn c01_c02_c03_c05_c07_c08_c11_broken_settings_of_one_account_refuse_it_alone() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let id = bench.lab.person("alice")?.mattermost.id;
    for each in BREAKS {
        let accounts = bench.config().join("accounts");
        fs::create_dir(&accounts)?;
        let own = accounts.join("alice.env");
        fs::write(&own, "OPENAI_API_KEY=hers")?;
        fs::set_permissions(&own, Permissions::from_mode(0o600))?;
        ensure!(bench.reload()?.is_none());
        ensure!(!is_refused(&bench)?, "{}: refused before it was broken", each.id);
        (each.by)(&bench, &own).context(each.id)?;
        ensure!(bench.reload()?.is_none(), "{}: everybody is concerned", each.id);
        ensure!(is_refused(&bench)?, "{}: {id} is not refused\n{}", each.id, bench.lab.logs());
        let said = bench.records("entry_refused")?.pop().context("a record")?;
        let said = said.field("GAGGLE_REASON");
        ensure!(said.contains("alice.env") && said.contains(each.says), "{}: {said}", each.id);
        if each.id == "c08 device" {
            bench.lab.namespace.run(0, &["umount", "/srv/gaggle/etc/accounts/alice.env"])?;
        }
        bench.mend()?;
    }
    Ok(())
}

#[test]
fn c04_c06_the_folder_of_such_settings_is_no_better() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let accounts = bench.config().join("accounts");
    fs::create_dir(&accounts)?;
    fs::write(accounts.join("alice.env"), "OPENAI_API_KEY=hers")?;
    fs::set_permissions(accounts.join("alice.env"), Permissions::from_mode(0o600))?;
    // In such a folder anybody could make a file for anybody.
    for (mode, people) in [(0o755, "2"), (0o777, "0"), (0o775, "0"), (0o1777, "0"), (0o755, "2")] {
        fs::set_permissions(&accounts, Permissions::from_mode(mode))?;
        ensure!(bench.reload()?.is_none(), "{mode:o}: nothing is read");
        ensure!(in_force(&bench)?.0 == people, "{mode:o}\n{}", bench.lab.logs());
    }
    fs::rename(&accounts, bench.config().join("elsewhere"))?;
    symlink("elsewhere", &accounts)?;
    ensure!(
        bench.reload()?.is_none() && in_force(&bench)?.0 == "0",
        "a link\n{}",
        bench.lab.logs()
    );
    Ok(())
}

/// How many entries are in force, and how many were refused.
fn in_force(bench: &Bench) -> Result<(String, String)> {
    let last = bench.records("configuration_loaded")?.pop().context("a record")?;
    Ok((last.field("GAGGLE_USABLE").to_owned(), last.field("GAGGLE_REFUSED").to_owned()))
}

/// Of what is in force now, alice's entry is no part.
fn is_refused(bench: &Bench) -> Result<bool> {
    Ok(in_force(bench)? == ("1".to_owned(), "1".to_owned()))
}

#[test]
fn c04_no_folder_above_may_be_anybody_elses() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    for folder in ["/srv", "/srv/gaggle", "/srv/gaggle/etc"] {
        let seen = bench.lab.namespace.seen(folder);
        for mode in [0o777, 0o775, 0o1777] {
            fs::set_permissions(&seen, Permissions::from_mode(mode))?;
            let said = format!("{folder}: mode {mode:04o}");
            refused(&mut bench, &format!("c04 {folder} {mode:o}"), &[&said])?;
        }
        chown(&seen, Some(1234), None)?;
        refused(&mut bench, &format!("c04 {folder}"), &[&format!("{folder}: owned by uid 1234")])?;
        serves(&mut bench, folder)?;
    }
    Ok(())
}

#[test]
fn c06_no_folder_above_may_be_a_link() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    fs::rename(bench.config(), bench.aside())?;
    symlink("aside", bench.config())?;
    refused(&mut bench, "c06", &["/srv/gaggle/etc: a symbolic link"])?;
    serves(&mut bench, "c06")
}

#[test]
fn c12_what_is_no_clean_text_is_refused_with_its_place() -> Result<()> {
    let Some(mut bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let long = format!("{{\n\n{}\n", "x".repeat(100_000));
    let cases: [(&str, &[u8], &str); 6] = [
        ("NUL", b"{\n\"a\0\": \"b\"}", "line 2 column"),
        ("NUL after it", b"{}\n\0", "line 2 column"),
        ("invalid UTF-8", b"{\"\xff\": \"b\"}", "not UTF-8 text"),
        ("byte order mark", b"\xef\xbb\xbf{}", "line 1 column 1"),
        ("tab in a name", b"{\"a\tb\": \"b\"}", "line 1 column"),
        ("very long line", long.as_bytes(), "line 3 column 1"),
    ];
    for (case, content, place) in cases {
        fs::write(bench.config().join("user_mapping.json"), content)?;
        refused(&mut bench, case, &["user_mapping.json", place])?;
    }
    // The control: lines that end as on other systems are no fault.
    let mapping = bench.config().join("user_mapping.json");
    let text = fs::read_to_string(&mapping)?.replace('{', "{\r\n\t");
    fs::write(&mapping, text)?;
    serves(&mut bench, "c12 CRLF")
}
