//! A lab with an `/etc` of its own, which `useradd` may write, and the words of
//! the command.
//!
//! Trust: the lab.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use gaggle_tests::lab::spec::{CONFIG, PROGRAMS, ROOT};
use gaggle_tests::lab::{Builder, Lab};
use gaggle_tests::mattermost::Account;
use serde_json::{Map, Value};

/// Of nobody anywhere.
pub(super) const NOBODYS: &str = "zzzzzzzzzzzzzzzzzzzzzzzzzz";

pub(super) struct Bench {
    pub(super) lab: Lab,
    /// Somebody in Mattermost without an account.
    pub(super) carol: Account,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Said {
    /// It ended with that status and said all of that somewhere.
    pub(super) fn expect(&self, status: i32, words: &[&str]) -> Result<&Self> {
        let both = format!("{}{}", self.out, self.err);
        ensure!(self.status == Some(status), "not {status}: {self:?}");
        for word in words {
            ensure!(both.contains(word), "nothing of {word:?}: {self:?}");
        }
        Ok(self)
    }
}

impl Bench {
    pub(super) fn new(builder: Builder) -> Result<Option<Self>> {
        let Some(lab) = builder.start_if_possible()? else { return Ok(None) };
        // Files that are mounted one by one cannot be replaced.
        let whole = format!(
            "set -e; cp -a /etc {ROOT}/whole-etc; : > {ROOT}/whole-etc/subuid; mount --bind {ROOT}/whole-etc /etc"
        );
        let mounted: Said = lab.namespace.run(0, &["sh", "-c", &whole])?.into();
        mounted.expect(0, &[])?;
        let carol = lab.simulator.create_user("carol")?;
        lab.simulator.add_to_team(lab.team, carol.id)?;
        Ok(Some(Self { lab, carol }))
    }

    /// `gaggle user …` as root, without a terminal.
    pub(super) fn user(&self, arguments: &[&str]) -> Result<Said> {
        self.gaggle(&[&["user"], arguments].concat())
    }

    pub(super) fn gaggle(&self, arguments: &[&str]) -> Result<Said> {
        let program = format!("{PROGRAMS}/gaggle");
        // What hangs fails.
        let all = [&["timeout", "100", &program, "--config-dir", CONFIG], arguments].concat();
        Ok(self.lab.namespace.run(0, &all)?.into())
    }

    /// `gaggle user …` at a terminal of 80 columns, with that answer typed.
    pub(super) fn at_a_terminal(&self, arguments: &str, typed: &str) -> Result<Said> {
        self.script(&format!("{PROGRAMS}/gaggle --config-dir {CONFIG} user {arguments}"), typed)
    }

    /// Any command line there.
    pub(super) fn script(&self, line: &str, typed: &str) -> Result<Said> {
        let line = format!("stty cols 80; {line}");
        let script = ["timeout", "100", "script", "--quiet", "--return", "--command"];
        let all = [&script[..], &[&line, "/dev/null"]].concat();
        let mut command = self.lab.namespace.command(&all);
        command.env("TERM", "xterm").stdin(Stdio::piped());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.context("script, of the package bsdutils")?;
        child.stdin.take().context("its input")?.write_all(typed.as_bytes())?;
        Ok(child.wait_with_output()?.into())
    }

    /// What a command in the lab says on standard output.
    pub(super) fn says(&self, arguments: &[&str]) -> Result<String> {
        let output = self.lab.namespace.run(0, arguments)?;
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    pub(super) fn mapping(&self) -> Result<Map<String, Value>> {
        let text = fs::read(self.lab.namespace.seen(CONFIG).join("user_mapping.json"))?;
        serde_json::from_slice(&text).context("half a mapping")
    }

    pub(super) fn entry(&self, id: &str) -> Result<Option<Value>> {
        Ok(self.mapping()?.get(id).cloned())
    }

    /// Everything that a command could change, by path.
    pub(super) fn everything(&self) -> Result<BTreeMap<String, String>> {
        let find = ["find", "/etc", CONFIG, "/home", "-printf", "%p\t%u %m %s %T@ %C@\n"];
        let all = self.says(&find)?;
        let pairs = all.lines().filter_map(|line| line.split_once('\t'));
        Ok(pairs.map(|(path, about)| (path.to_owned(), about.to_owned())).collect())
    }
}
