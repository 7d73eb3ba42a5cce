//! Manual pages of section 8: one for `gaggle`, one for each of its commands.
//!
//! Trust: the command line is the program's own.

use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};
use time::OffsetDateTime;

use crate::write_file;

const SECTION: &str = "8";

/// Pages written by hand, for those who read on.
const RELATED: &[(&str, &str)] = &[
    ("gaggle.toml", "5"),
    ("gaggle.env", "5"),
    ("gaggle-goose.env", "5"),
    ("gaggle-supervisor.toml", "5"),
    ("gaggle-user_mapping.json", "5"),
    ("gaggle-protocol", "7"),
    ("gaggle-frontend", "8"),
    ("gaggle-supervisor", "8"),
    ("gaggle-worker", "8"),
];

/// Writes the page of `command` and of each command below it.
pub(crate) fn write(command: Command, folder: &Path) -> anyhow::Result<()> {
    // `gaggle help user` has no page of its own: it shows this one's text.
    let mut command = command.disable_help_subcommand(true);
    command.build();
    Pages { folder, date: date()? }.write(&command, None)
}

/// Of the release, as the package build says it; today outside of one.
fn date() -> anyhow::Result<String> {
    let moment = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => OffsetDateTime::from_unix_timestamp(
            seconds.parse().context("SOURCE_DATE_EPOCH is no number")?,
        )
        .context("SOURCE_DATE_EPOCH is no moment")?,
        Err(_) => SystemTime::now().into(),
    };
    Ok(moment.date().to_string())
}

struct Pages<'a> {
    folder: &'a Path,
    date: String,
}

impl Pages<'_> {
    fn write(&self, command: &Command, parent: Option<&str>) -> anyhow::Result<()> {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        let below: Vec<&Command> = command.get_subcommands().filter(|c| !c.is_hide_set()).collect();
        for command in &below {
            self.write(command, Some(name))?;
        }
        let mut page = Vec::new();
        render(command, &self.date, &see_also(parent, &below), &mut page)
            .with_context(|| format!("the page of {name}"))?;
        write_file(&self.folder.join(format!("{name}.{SECTION}")), &page)
    }
}

fn render(
    command: &Command,
    date: &str,
    see_also: &[Inline],
    page: &mut Vec<u8>,
) -> std::io::Result<()> {
    let man = Man::new(command.clone())
        .section(SECTION)
        .date(date)
        .source(concat!("Gaggle ", env!("CARGO_PKG_VERSION")))
        .manual("Gaggle's manual");
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    if command.get_after_long_help().or(command.get_after_help()).is_some() {
        man.render_extra_section(page)?;
    }
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text(see_also);
    roff.to_writer(page)
}

/// Up, down, and for `gaggle` itself sideways.
fn see_also(parent: Option<&str>, below: &[&Command]) -> Vec<Inline> {
    let mut pages: Vec<(String, &str)> =
        parent.iter().map(|name| ((*name).to_owned(), SECTION)).collect();
    let names = below.iter().map(|c| c.get_display_name().unwrap_or_else(|| c.get_name()));
    pages.extend(names.map(|name| (name.to_owned(), SECTION)));
    if parent.is_none() {
        pages.extend(RELATED.iter().map(|(name, section)| ((*name).to_owned(), *section)));
    }
    let mut text = Vec::new();
    for (name, section) in pages {
        if !text.is_empty() {
            text.push(roman(", "));
        }
        text.extend([bold(name), roman(format!("({section})"))]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        write(gaggle::command(), folder.path()).unwrap();
        let files = std::fs::read_dir(folder.path()).unwrap().flatten();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        files.map(|f| (f.file_name().into_string().unwrap(), read(&f.path()))).collect()
    }

    #[test]
    fn each_command_has_a_page_that_names_it_and_its_options() {
        let pages = written();
        let page = |name: &str| {
            let found = pages.iter().find(|(file, _)| file == name);
            &found.unwrap_or_else(|| panic!("no {name}")).1
        };
        assert!(page("gaggle.8").contains("gaggle\\-user"));
        assert!(page("gaggle-user-add.8").contains("\\-\\-mattermost"));
        assert!(page("gaggle-status.8").contains("SEE ALSO"));
        assert!(!pages.iter().any(|(file, _)| file.contains("help")));
    }
}
