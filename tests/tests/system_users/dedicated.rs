//! An account that is made for an agent.

use anyhow::{Result, ensure};
use gaggle_tests::lab::Lab;
use serde_json::json;

use super::bench::Bench;

#[test]
fn a_dedicated_account_is_made_mapped_and_proven() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder())? else { return Ok(()) };
    let id = bench.carol.id.to_string();
    let made = bench.user(&["add", "carol", "--mattermost", "@carol"])?;
    let held = "carol can be served: ";
    made.expect(0, &["made and mapped", &id, held, "all held", "first answer in"])?;
    ensure!(!format!("{made:?}").contains(&bench.lab.bot.token), "the token is shown");
    ensure!(bench.entry(&id)? == Some(json!("carol")));
    let account = bench.says(&["getent", "passwd", "carol"])?;
    ensure!(account.ends_with(":Gaggle agent:/home/carol:/usr/sbin/nologin"), "{account}");
    let uid: u32 = account.split(':').nth(2).unwrap_or_default().parse()?;
    ensure!(uid >= 1000, "{account}");
    let password = bench.says(&["getent", "shadow", "carol"])?;
    ensure!(password.starts_with("carol:!:"), "it has a password: {password}");
    ensure!(bench.says(&["id", "-Gn", "carol"])? == "carol", "it is in more groups");
    ensure!(bench.says(&["cat", "/etc/subuid"])?.is_empty(), "it has more uids");
    for folder in ["/home/carol", "/home/carol/workspace"] {
        let about = bench.says(&["stat", "-c", "%U %G %a", folder])?;
        ensure!(about == "carol carol 700", "{folder}: {about}");
    }
    Ok(())
}

#[test]
fn again_is_nothing_and_other_settings_are_told() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    let id = bench.carol.id.to_string();
    let add = ["add", "carol", "--mattermost", "@carol"];
    bench.user(&add)?.expect(0, &["made and mapped"])?;
    let before = bench.mapping()?;
    bench.user(&add)?.expect(0, &["nothing to do", "can be served"])?;
    ensure!(bench.mapping()? == before, "it was written again");
    let more = ["--profile", "full", "--memory-max", "8G", "--cpu-max", "150%"];
    let changed = bench.user(&[&add[..], &more].concat())?;
    let told = ["memory_max: default → 8G", "profile: workspace → full", "next login"];
    changed.expect(0, &told)?;
    let entry = json!({"account": "carol", "home": "full", "memory_max": "8G", "cpu_max": "150%"});
    ensure!(bench.entry(&id)? == Some(entry.clone()));
    // What is not named stays, and the same again is nothing.
    bench.user(&[&add[..], &["--memory-max", "8G"]].concat())?.expect(0, &["nothing to do"])?;
    ensure!(bench.entry(&id)? == Some(entry));
    let absurd = bench.user(&[&add[..], &["--memory-max", "lots"]].concat())?;
    absurd.expect(1, &["memory_max: 1G to 64T"])?;
    let back = ["--profile", "workspace", "--memory-max", "default", "--cpu-max", "default"];
    bench.user(&[&add[..], &back].concat())?.expect(0, &["full → workspace", "8G → default"])?;
    ensure!(bench.entry(&id)? == Some(json!("carol")));
    Ok(())
}

#[test]
fn a_dry_run_says_every_step_and_does_none() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    let add = ["add", "carol", "--mattermost", "@carol", "--pids-max", "100"];
    let before = bench.everything()?;
    let dry = bench.user(&[&add[..], &["--dry-run"]].concat())?;
    let steps = ["make the account carol", "/home/carol", "pids_max: default → 100"];
    dry.expect(0, &steps)?.expect(0, &["nothing was changed"])?;
    ensure!(bench.everything()? == before, "something was changed");
    let json = bench.user(&[&add[..], &["--dry-run", "--json"]].concat())?;
    let report: serde_json::Value = serde_json::from_str(&json.out)?;
    ensure!(report["dry_run"] == true && report["changed"] == true, "{report}");
    ensure!(report["mattermost_id"] == bench.carol.id.to_string(), "{report}");
    // The control: what it said is what is done.
    bench.user(&add)?.expect(0, &["made and mapped"])?;
    ensure!(bench.everything()? != before);
    let again = bench.user(&[&add[..], &["--dry-run"]].concat())?;
    again.expect(0, &["nothing to do"])?;
    Ok(())
}

#[test]
fn without_a_supervisor_it_is_written_and_said() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    let add = ["--runtime-dir", "/run/nowhere", "user", "add", "carol", "--mattermost", "@carol"];
    let said = bench.gaggle(&add)?;
    said.expect(0, &["made and mapped", "not running", "systemctl start gaggle"])?;
    let json = bench.gaggle(&[&add[..], &["--json"]].concat())?;
    let report: serde_json::Value = serde_json::from_str(&json.out)?;
    ensure!(report["outcome"] == "supervisor_not_running", "{report}");
    ensure!(report["changed"] == false, "{report}");
    Ok(())
}

#[test]
fn a_start_that_is_refused_is_told_with_the_next_step() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    let add = ["add", "carol", "--mattermost", "@carol"];
    bench.gaggle(&["lockdown", "on"])?.expect(0, &[])?;
    bench.user(&add)?.expect(0, &["made and mapped", "can be served", "gaggle lockdown off"])?;
    bench.gaggle(&["lockdown", "off"])?.expect(0, &[])?;
    bench.says(&["chmod", "000", "/srv/gaggle/lib/goose-home"])?;
    bench.user(&add)?.expect(3, &["carol cannot be served", "next: "])?;
    Ok(())
}

#[test]
fn what_stands_in_the_way_is_refused_before_anything_is_made() -> Result<()> {
    let Some(bench) = Bench::new(Lab::builder().without_frontend())? else { return Ok(()) };
    bench.says(&["mkdir", "/home/carol"])?;
    let said = bench.user(&["add", "carol", "--mattermost", "@carol"])?;
    said.expect(1, &["/home/carol", "exists already"])?;
    ensure!(bench.says(&["getent", "passwd", "carol"])?.is_empty(), "the account was made");
    bench.says(&["rmdir", "/home/carol"])?;
    bench.user(&["add", "carol", "--mattermost", "@carol"])?.expect(0, &["made and mapped"])?;
    Ok(())
}

#[test]
fn an_entry_under_a_name_becomes_one_under_the_id() -> Result<()> {
    let mapping = r#"{"{alice}": "alice", "carol": {"account": "carol", "pids_max": 500}}"#;
    let lab = Lab::builder().mapping(mapping).without_frontend();
    let Some(bench) = Bench::new(lab)? else { return Ok(()) };
    let said = bench.user(&["add", "carol", "--mattermost", "@carol"])?;
    said.expect(0, &["under carol, which is no id, is replaced"])?;
    ensure!(bench.entry("carol")?.is_none());
    let entry = bench.entry(bench.carol.id.as_str())?;
    ensure!(entry == Some(json!({"account": "carol", "pids_max": 500})), "{entry:?}");
    Ok(())
}
