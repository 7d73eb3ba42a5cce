//! The supervisor's files: keys, and the defaults as the supervisor reads them.

use std::collections::BTreeSet;

use gaggle_ipc::MattermostUserId;
use gaggle_policy::limits::Limits;
use gaggle_policy::mapping;
use gaggle_policy::settings::{self, Settings};

use crate::compare;
use crate::page::{Item, Page};

const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Limits that are nobody's default.
fn other_limits() -> Limits {
    Limits { memory_max: 1, memory_swap_max: 1, pids_max: 1, cpu_max: None, cpu_weight: 1 }
}

fn keys(value: &serde_json::Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

fn defaults(items: &[Item], between: &str) -> Vec<String> {
    let given = items.iter().filter(|item| !item.arguments.is_empty());
    given.map(|item| format!("{}{between}{}", item.name, item.arguments.join(" "))).collect()
}

#[test]
fn supervisor_toml() {
    let page = Page::read("gaggle-supervisor.toml.5");
    let (general, limits) = page.text.split_once(".Cm [limits]").unwrap();
    let general = Page { text: general.to_owned() }.items("Cm");
    let limits = Page { text: limits.to_owned() }.items("Cm");
    let names = |items: &[Item]| items.iter().map(|item| item.name.clone()).collect();

    let mut in_code = keys(&serde_json::to_value(Settings::default()).unwrap());
    in_code.remove("limits");
    compare("supervisor.toml", &in_code, &names(&general));
    let in_code = keys(&serde_json::to_value(Limits::default()).unwrap());
    compare("[limits]", &in_code, &names(&limits));

    let lines = [defaults(&general, " = "), defaults(&limits, " = ")].map(|lines| lines.join("\n"));
    let read = settings::parse(&lines.join("\n[limits]\n")).unwrap();
    assert_eq!(read.limits.or(&other_limits()).unwrap(), Limits::default());
    assert_eq!(Settings { limits: Settings::default().limits, ..read }, Settings::default());
}

#[test]
fn user_mapping_json() {
    let items = Page::read("gaggle-user_mapping.json.5").items("Cm");
    let entry = |members: &str| {
        let text = format!("{{\"{ID}\": {{{members}}}}}");
        mapping::parse(&text).unwrap()
    };
    // The reader names every key it knows when it meets one that it does not.
    let refused = entry("\"account\": \"alice\", \"nonsense\": 1");
    let (_, known) = refused.bad[0].problem.split_once("expected one of").unwrap();
    let in_code = known.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    compare("mapping", &in_code, &items.iter().map(|item| item.name.clone()).collect());

    let user = MattermostUserId::new(ID).unwrap();
    let without = entry("\"account\": \"alice\"");
    let spelled: String = defaults(&items, "\": ").iter().map(|d| format!(", \"{d}")).collect();
    assert!(spelled.contains("home") && spelled.contains("shared"));
    let with = entry(&format!("\"account\": \"alice\"{spelled}"));
    assert_eq!(with.good.get(&user).unwrap(), without.good.get(&user).unwrap());
}
