//! The texts of the configuration files of a lab, and of the demo without one.
//!
//! Trust: the test.

use std::path::Path;

use crate::llm::Llm;

/// Goose's configuration as it is packaged.
const GOOSE_CONFIG: &[(&str, &str)] = &[
    ("config.yaml", include_str!("../../../packaging/goose-config/goose/config.yaml")),
    ("AGENTS.md", include_str!("../../../packaging/goose-config/goose/AGENTS.md")),
];

/// Name of the token's file in the configuration folder.
pub const TOKEN_FILE: &str = "token";

/// Makes Goose's configuration among the `programs`, as it is packaged.
///
/// # Errors
/// The system's.
pub fn write_goose_config(programs: &Path) -> std::io::Result<()> {
    let folder = programs.join("goose-config/goose");
    std::fs::create_dir_all(&folder)?;
    GOOSE_CONFIG.iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
}

/// `goose.env` for the scripted LLM.
#[must_use]
pub fn scripted_provider(llm: &Llm) -> String {
    let url = llm.url();
    format!("GOOSE_PROVIDER=openai\nGOOSE_MODEL=gpt-4o\nOPENAI_HOST={url}\nOPENAI_API_KEY=x\n")
}

/// More lines for some sections of `gaggle.toml`.
#[derive(Debug, Clone, Default)]
pub struct Sections {
    /// For `[mattermost]`.
    pub mattermost: String,
    /// For `[goose]`. Tools run unasked unless it says another mode.
    pub goose: String,
    /// For `[tools]`.
    pub tools: String,
    /// For `[chat]`.
    pub chat: String,
    /// For `[files]`.
    pub files: String,
}

/// `gaggle.toml` for the Mattermost at `url`.
#[must_use]
pub fn gaggle_toml(url: &str, token_file: &Path, more: &Sections) -> String {
    let token_file = token_file.display();
    let Sections { mattermost, goose, tools, chat, files } = more;
    let mode = if goose.contains("mode = ") { "" } else { "mode = \"auto\"\n" };
    // To loopback plain HTTP needs no permission; to a real server it is refused.
    format!(
        "[mattermost]\nurl = \"{url}\"\ntoken_file = \"{token_file}\"\n{mattermost}\n\
         [goose]\n{mode}{goose}\n[tools]\n{tools}\n[chat]\n{chat}\n[files]\n{files}"
    )
}
