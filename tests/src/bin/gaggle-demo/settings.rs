//! The command line as what the parts need: provider and Mattermost.
//!
//! Trust: files that the caller names are read as they are; keys and tokens are
//! passed on in files only.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use super::arguments::Demo;

/// A Mattermost other than the built-in one.
pub(crate) struct RealMattermost {
    pub(crate) url: String,
    pub(crate) token: String,
    /// Text of the mapping.
    pub(crate) mapping: String,
    /// The accounts it names.
    pub(crate) accounts: Vec<String>,
}

/// The provider that the command line names, as lines of `goose.env`.
pub(crate) fn provider(demo: &Demo) -> Result<Option<String>> {
    let (Some(url), Some(file), Some(model)) = (&demo.llm, &demo.key_file, &demo.model) else {
        return Ok(None);
    };
    let key = first_line(file)?;
    Ok(Some(format!(
        "GOOSE_PROVIDER=openai\nGOOSE_MODEL={model}\nOPENAI_HOST={}\nOPENAI_API_KEY={key}\n",
        url.trim_end_matches('/').trim_end_matches("/v1")
    )))
}

/// Lines for `[goose]`. The scripted LLM answers to whatever name.
pub(crate) fn goose(demo: &Demo) -> String {
    let models = match demo.llm {
        None => "\nmodels = [\"gpt-4o\", \"gpt-4o-mini\"]",
        Some(_) => "",
    };
    format!("mode = \"{}\"{models}", demo.mode)
}

/// The Mattermost that the command line names.
pub(crate) fn mattermost(demo: &Demo) -> Result<Option<RealMattermost>> {
    let (Some(url), Some(token), Some(mapping)) =
        (&demo.mattermost, &demo.token_file, &demo.mapping)
    else {
        return Ok(None);
    };
    let text = fs::read_to_string(mapping).with_context(|| mapping.display().to_string())?;
    let entries: Map<String, Value> = serde_json::from_str(&text).with_context(|| {
        format!("{}: expected {{\"<Mattermost id>\": \"<account>\"}}", mapping.display())
    })?;
    let account = |value: &Value| match value.as_str().or_else(|| value["account"].as_str()) {
        Some(account) => Ok(account.to_owned()),
        None => bail!("{}: an entry names no account", mapping.display()),
    };
    let mut accounts = entries.values().map(account).collect::<Result<Vec<_>>>()?;
    accounts.sort();
    accounts.dedup();
    ensure!(!accounts.is_empty(), "{}: nobody is mapped", mapping.display());
    let token = first_line(token)?;
    Ok(Some(RealMattermost { url: url.clone(), token, mapping: text, accounts }))
}

fn first_line(file: &Path) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let line = text.lines().next().unwrap_or_default().trim();
    ensure!(!line.is_empty(), "{} is empty", file.display());
    Ok(line.to_owned())
}
