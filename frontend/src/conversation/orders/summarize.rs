//! `!summarize`: a prompt like any other, with a turn of its own.
//!
//! Trust: the words are ours.

use crate::commands::Since;
use crate::conversation::{Inner, Summary};

/// What the agent is asked.
pub(super) fn prompt(since: Option<Since>) -> String {
    let what = match since {
        Some(since) => format!("what was said in this thread in the last {since}"),
        None => "this thread".to_owned(),
    };
    format!(
        "Summarize {what}, for somebody who has not read it. Begin with the outcome in one or two sentences. Then say in short points \
         what was decided and by whom, what is open, and who is to do what next. Add nothing that was not said. Use no tools for this."
    )
}

impl Inner {
    /// What of the thread goes along.
    pub(in crate::conversation) fn summary(&self, wish: Option<Option<Since>>) -> Option<Summary> {
        let since = wish?;
        // Without the server's time there is no "of late".
        let now = since.and_then(|since| Some((since, self.client.now()?)));
        Some(Summary { after: now.map(|(since, now)| now - since.millis()) })
    }
}
