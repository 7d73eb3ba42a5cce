//! `!status`: what runs, waits and is asked, and how the bot is.
//!
//! Trust: the author's own turns and questions alone. Elsewhere than in a thread
//! it tells of other channels and so goes to the author alone.

use super::choices::meaning;
use super::{Answer, Inner, Typed, title};
use crate::conversation::registry::UnderWay;
use crate::markdown::code_span;
use crate::render::Phase;
use crate::state::StateError;

/// Most conversations that are told of.
const MOST: usize = 10;

impl Inner {
    pub(super) async fn status(&self, typed: &Typed) -> Result<Answer, StateError> {
        if typed.begins_thread() {
            return Ok(Answer::Private(self.status_of_person(typed).await));
        }
        Ok(Answer::Here(self.status_of_conversation(typed).await?))
    }

    async fn status_of_conversation(&self, typed: &Typed) -> Result<String, StateError> {
        let key = typed.key;
        let all = self.registry.under_way(key.user);
        let here = all.iter().find(|one| one.thread == key.thread);
        let mut lines = vec![match here {
            Some(one) => one.progress(),
            None if self.registry.is_busy(key.thread) => {
                "Nothing of yours runs here; somebody else's turn does.".to_owned()
            }
            None => "Nothing of yours runs or waits here.".to_owned(),
        }];
        lines.extend(self.approvals.names(key.user, Some(key.thread)).iter().map(asked));
        let live = self.live();
        let choice = self.choice(typed).await?;
        let mode = live.mode_of(choice.mode);
        lines.push(format!("Mode `{}`: {}.", mode.as_str(), meaning(mode)));
        let model = live.model_of(choice.model.as_ref()).cloned();
        let usual = self.state.usual_model(key.user, key.thread).await?;
        if let Some(model) = model.or(usual) {
            lines.push(format!("Model {}.", code_span(model.as_str())));
        }
        if choice.quiet {
            lines.push("Quiet: I show the answer alone.".to_owned());
        }
        lines.push(self.bot_itself(typed));
        Ok(bullets(&lines))
    }

    async fn status_of_person(&self, typed: &Typed) -> String {
        let user = typed.key.user;
        let all = self.registry.under_way(user);
        let mut lines = Vec::new();
        let teams = match all.is_empty() {
            true => Vec::new(),
            false => self.client.teams().await.unwrap_or_default(),
        };
        for one in all.iter().take(MOST) {
            let began = self.client.post(one.asked).await.ok();
            let bot = &self.live().gate.name;
            let title = began.map_or_else(String::new, |post| title(&post.message, bot));
            let place = self.name_of(one.channel, &teams).await;
            lines.push(format!("{title} · {place}: {}", one.progress()));
        }
        if all.len() > MOST {
            lines.push(format!("… and {} more.", all.len() - MOST));
        }
        if all.is_empty() {
            lines.push("Nothing of yours runs or waits.".to_owned());
        }
        lines.extend(self.approvals.names(user, None).iter().map(asked));
        lines.push(self.bot_itself(typed));
        bullets(&lines)
    }

    /// The person's worker and the line to Mattermost.
    fn bot_itself(&self, typed: &Typed) -> String {
        let worker = match self.workers.alive(typed.key.user) {
            Some(worker) => format!("Your worker is up, as `{}`.", worker.account),
            None => "Your worker is not up; it starts with your next message.".to_owned(),
        };
        let heard = match *self.told_at_once.borrow() {
            true => "I hear of messages at once, over a WebSocket.",
            false => "I look for messages again and again: Mattermost tells me of none by itself.",
        };
        format!("{worker} {heard}")
    }
}

impl UnderWay {
    /// How far it is.
    fn progress(&self) -> String {
        let view = self.view.borrow();
        let mut text = match &view.phase {
            Phase::Working(since) => format!("Running for {}", time(since.elapsed().as_secs())),
            Phase::Ended(_) | Phase::Postponed | Phase::Withdrawn => "Ending".to_owned(),
            Phase::Held | Phase::Queued => "About to begin".to_owned(),
        };
        if let (Phase::Working(_), Some(tool)) = (&view.phase, view.tools.last()) {
            let title: String = tool.title.chars().take(80).collect();
            text.push_str(&format!(", last step {}", code_span(&title)));
        }
        match self.waiting {
            0 => text.push('.'),
            1 => text.push_str("; 1 message waits for it."),
            more => text.push_str(&format!("; {more} messages wait for it.")),
        }
        text
    }
}

fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        _ => format!("{} min", seconds / 60),
    }
}

fn asked(name: &String) -> String {
    format!("Goose asks: `!approve {name}` or `!deny {name}`.")
}

fn bullets(lines: &[String]) -> String {
    format!("- {}", lines.join("\n- "))
}
