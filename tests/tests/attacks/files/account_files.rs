//! The lab's own passwd, group and shadow, changed while it runs.
//!
//! Trust: every look-up in the lab goes through these files.

use std::fs::{self, OpenOptions};
use std::io::Write as _;

use anyhow::{Context as _, Result};
use gaggle_tests::lab::Lab;

/// Adds an account that never expires.
pub(super) fn add(lab: &Lab, name: &str, uid: u32, gid: u32, home: &str) -> Result<()> {
    append(lab, "passwd", &format!("{name}:x:{uid}:{gid}::{home}:/usr/sbin/nologin"))?;
    append(lab, "shadow", &format!("{name}:!:20000:0:99999:7:::"))
}

/// Adds a group without members.
pub(super) fn add_group(lab: &Lab, name: &str, gid: u32) -> Result<()> {
    append(lab, "group", &format!("{name}:x:{gid}:"))
}

fn append(lab: &Lab, file: &str, line: &str) -> Result<()> {
    let path = lab.namespace.seen("/etc").join(file);
    Ok(writeln!(OpenOptions::new().append(true).open(path)?, "{line}")?)
}

/// Changes the fields of an account's line; without fields the line goes.
pub(super) fn change(
    lab: &Lab,
    file: &str,
    name: &str,
    change: impl Fn(&mut Vec<String>),
) -> Result<()> {
    let path = lab.namespace.seen("/etc").join(file);
    let text = fs::read_to_string(&path)?;
    let lines = text.lines().filter_map(|line| {
        let mut fields: Vec<String> = line.split(':').map(str::to_owned).collect();
        if fields.first().is_some_and(|first| first == name) {
            change(&mut fields);
        }
        (!fields.is_empty()).then(|| fields.join(":") + "\n")
    });
    // In place: the file is mounted over the host's.
    fs::write(&path, lines.collect::<String>()).with_context(|| format!("change {file}"))
}

/// Sets one field of an account's line.
pub(super) fn set(lab: &Lab, file: &str, name: &str, field: usize, value: &str) -> Result<()> {
    change(lab, file, name, |fields| {
        if let Some(field) = fields.get_mut(field) {
            value.clone_into(field);
        }
    })
}
