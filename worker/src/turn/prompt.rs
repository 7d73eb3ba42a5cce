//! A turn's prompt on its way into Goose: one line, in pieces where images are in it.
//!
//! Trust: the text and the names are the frontend's; what is in the files is anybody's.

use gaggle_ipc::session::FromWorker;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Orders, Running, Stop};
use crate::assembly::Prompt;
use crate::ending::{Outcome, Signs, Why};
use crate::files::{self, ImageError};

const NO_IMAGES: &str =
    "This Goose does not show images to its model, so it got them as files alone.";

impl Running<'_> {
    /// Sends the prompt.
    ///
    /// # Errors
    /// The turn's outcome, if it ends before all of it was sent.
    pub(super) async fn begin(
        &mut self,
        prefix: &str,
        prompt: &Prompt,
        orders: &mut Orders,
    ) -> Result<(), Outcome> {
        let text = json!({"type": "text", "text": format!("{prefix}{}", prompt.text)});
        let (thread, turn) = (self.scene.thread, self.scene.turn);
        let started = FromWorker::TurnStarted { thread, turn };
        if prompt.images.is_empty() || !self.scene.takes_images {
            let params = json!({"sessionId": self.scene.session.as_str(), "prompt": [text]});
            self.request = self.goose.request("session/prompt", &params);
            self.scene.shared.outbox.event(thread, started);
            if !prompt.images.is_empty() {
                self.notice(NO_IMAGES);
            }
            return Ok(());
        }
        let session = json!(self.scene.session.as_str());
        let (request, line) = self.goose.request_in_pieces(|id| opened(id, &session, &text));
        self.request = request;
        self.scene.shared.outbox.event(thread, started);
        let sent = tokio::select! {
            biased;
            _ = orders.stop.wait_for(|stop| *stop != Stop::No) => Err(Signs::killed(Why::Cancelled)),
            sent = self.images(prompt, &line) => sent,
        };
        match sent {
            Ok(()) if line.send("]}}\n".to_owned()).await.is_ok() => Ok(()),
            Ok(()) => Err(self.signs.crashed(&self.goose.last_words())),
            Err(outcome) => Err(outcome),
        }
    }

    async fn images(
        &mut self,
        prompt: &Prompt,
        line: &mpsc::Sender<String>,
    ) -> Result<(), Outcome> {
        for name in &prompt.images {
            let (shared, thread) = (self.scene.shared, self.scene.thread);
            match files::feed(shared, thread, name, ",", line).await {
                Ok(()) => {}
                Err(ImageError::Unfit(_) | ImageError::NoImage) => self.notice(&format!(
                    "The image \"{name}\" could not be read again, so the model did not see it."
                )),
                Err(ImageError::Broken) => {
                    return Err(self.signs.crashed("an image changed while it was read"));
                }
            }
        }
        Ok(())
    }
}

/// The line up to where images follow.
fn opened(id: u64, session: &Value, text: &Value) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"session/prompt","params":{{"sessionId":{session},"prompt":[{text}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_in_pieces_is_the_line_in_one() {
        let text = json!({"type": "text", "text": "a \"b\"\nc"});
        let line = opened(7, &json!("S"), &text) + r#",{"type":"image"}"# + "]}}\n";
        let params = json!({"sessionId": "S", "prompt": [text, {"type": "image"}]});
        let whole = crate::acp::message::request(7, "session/prompt", &params);
        let value = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        assert_eq!(value(&line), value(&whole));
        assert_eq!(line.matches('\n').count(), 1);
    }
}
