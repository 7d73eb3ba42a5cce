//! The examples that are installed show what the code does.

use std::path::Path;

use gaggle_frontend::config::{KEYS, VARIABLES};
use gaggle_ipc::MattermostId;

use super::{Folder, write};

fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/etc");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// An example with everything that is commented out put in.
fn uncommented(text: &str) -> String {
    let is_setting = |line: &str| line.starts_with('#') && !line.starts_with("# ");
    let line = |line: &str| {
        let line = if is_setting(line) { &line[1..] } else { line };
        format!("{line}\n")
    };
    text.lines().map(line).collect()
}

#[test]
fn the_examples_show_every_setting_with_its_default() {
    let (toml, env) = (example("gaggle.toml.example"), example("gaggle.env.example"));
    for key in KEYS {
        let default = format!("\n#{} = {}\n", key.name, key.default);
        let shown = toml.contains(&default) || toml.contains(&format!("{} = \"", key.name));
        assert!(shown, "{}", key.name);
    }
    for variable in VARIABLES {
        let default = format!("\n#{}={}\n", variable.name, variable.default);
        let given = format!("\n{}=", variable.name);
        assert!(env.contains(&default) || env.contains(&given), "{}", variable.name);
    }
    let token = [("MATTERMOST_TOKEN", "abc")];
    let plain = Folder::new(&toml, &env).load_in(&token).unwrap();
    let full = Folder::new(&uncommented(&toml), &uncommented(&env));
    write(&full.path("mattermost-token"), "abc");
    let toml = uncommented(&toml).replace("/etc/gaggle/", full.0.path().join("").to_str().unwrap());
    write(&full.path("gaggle.toml"), &toml);
    let mut full = full.load_in(&token).unwrap();
    assert_eq!(full.mcp.listener.take(), Some(("localhost".to_owned(), 8080)));
    full.mattermost.ca_file = None;
    full.notices.clone_from(&plain.notices);
    assert_eq!(format!("{full:?}"), format!("{plain:?}"));
}

#[test]
fn the_example_mapping_is_json_keyed_by_ids() {
    let mapping: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&example("user_mapping.json.example")).unwrap();
    assert!(mapping.len() > 1);
    for id in mapping.keys() {
        assert!(MattermostId::new(id).is_ok(), "{id}");
    }
}
