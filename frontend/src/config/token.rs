//! The bot's token: from systemd, from a file, from a variable, or handed over.
//!
//! Trust: a token that everybody on the machine can read is refused. Its value
//! is in no sentence and no Debug.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::problems::{Findings, Place};
use super::settings::{Settings, read};
use super::{Environment, access, keys, variables};

/// The name under which systemd passes it.
const CREDENTIAL: &str = "mattermost-token";
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
const LONGEST: usize = 256;

/// Reads it; `None` with a problem if it is missing or refused.
pub(super) fn read_token(
    settings: &Settings,
    environment: &Environment,
    findings: &mut Findings,
) -> Option<SecretString> {
    if let Some(handed) = environment.token() {
        let refused = |refusal: &str| findings.problem(&Place::handed_over(), refusal);
        return token(handed.expose_secret()).map_err(refused).ok();
    }
    if let Some(folder) = environment.get(CREDENTIALS_DIRECTORY) {
        let file = Path::new(folder).join(CREDENTIAL);
        // Other credentials may be there without this one; and an empty one is
        // what the unit passes when its file is not there.
        if !is_blank(&file) {
            return from_file(&file, findings);
        }
    }
    let file = settings.key(keys::TOKEN_FILE);
    let file: Option<PathBuf> =
        read(file, None, findings, |raw| Ok(Some(settings.path(&raw.text()?))));
    if let Some(file) = file {
        return from_file(&file, findings);
    }
    from_variable(settings, findings)
}

fn is_blank(file: &Path) -> bool {
    !file.exists() || std::fs::read(file).is_ok_and(|text| text.trim_ascii().is_empty())
}

fn from_file(file: &Path, findings: &mut Findings) -> Option<SecretString> {
    let place = Place::file(file);
    let refusal = match access::read(file) {
        Ok(Some(content)) if content.open_to_others => {
            "everybody on this machine may read the token: chown it to root and the group of gaggle-frontend, chmod 0640 it, and make a new token".to_owned()
        }
        Ok(Some(content)) => match token(&content.text) {
            Ok(token) => return Some(token),
            Err(refusal) => refusal.to_owned(),
        },
        Ok(None) => "the file with the token is missing".to_owned(),
        Err(refusal) => refusal,
    };
    findings.problem(&place, refusal);
    None
}

fn from_variable(settings: &Settings, findings: &mut Findings) -> Option<SecretString> {
    let Some(found) = settings.variable(variables::MATTERMOST_TOKEN) else {
        findings.problems.push(format!(
            "the bot's token is missing: put it in {}, for systemd to pass on, or in a file named as token_file below [mattermost] in {}",
            settings.path(CREDENTIAL).display(),
            settings.path(super::TOML_FILE).display()
        ));
        return None;
    };
    if settings.is_open_to_others(found) {
        findings.problem(
            &found.place,
            "everybody on this machine may read MATTERMOST_TOKEN: chmod 0640 the file, and make a new token",
        );
        return None;
    }
    findings.notice(
        &found.place,
        format!(
            "MATTERMOST_TOKEN works, but is better kept apart: use LoadCredential={CREDENTIAL}:FILE"
        ),
    );
    let text = found.raw.text().unwrap_or_default();
    token(&text)
        .map_err(|refusal| findings.problem(&found.place, format!("MATTERMOST_TOKEN: {refusal}")))
        .ok()
}

pub(super) fn token(text: &str) -> Result<SecretString, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the token is empty");
    }
    if text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("this is no token: write the token alone, in one line");
    }
    Ok(SecretString::from(text))
}
