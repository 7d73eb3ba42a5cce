//! The words by which a message tells the scripted LLM what to do.
//!
//! Trust: the text is a test author's or a demo guest's; words that are not
//! understood are answered with a sentence that says so.
//!
//! A person writes `run: CMD`, `think: TEXT` or `slow: TEXT` at the start of a
//! line. A test writes `!!VERB [KEY=VALUE ...] [| ARGUMENT]`, from the last `!!`
//! to the end of its line; steps joined by ` ;; ` follow each other, one per
//! round of tool results. The verbs:
//!
//! | verb | what happens |
//! |---|---|
//! | `reply` | `n` pieces, `delay` seconds between them, padded to `size` bytes; before piece `hold` it waits as long as the test holds it |
//! | `think` | the argument as reasoning, then `thought done` |
//! | `recall` | all texts of the person that the request holds, one per line |
//! | `shell` | one call of the shell tool; `pre=WORD` is said before it |
//! | `tools` | several shell calls in one message, split at ` ,, ` |
//! | `tool` | a call of the tool whose name ends in `name`, argument is its JSON |
//! | `badtool`, `badargs` | a tool that does not exist; arguments that are not JSON |
//! | `huge` | `size` bytes of lines in pieces of `chunk` bytes |
//! | `markdown` | `size` bytes of headings, lists and fenced code |
//! | `error` | HTTP status `code`; only the first `after` times if given; `ctx=1` says that the context is full |
//! | `drop`, `badchunk`, `hang` | `n` pieces, then a closed connection, broken JSON, silence |
//! | `garbage`, `empty`, `length` | no SSE at all; no text; finish reason `length` |
//! | `image` | how many images the message had |
//! | `dump`, `sysprompt` | the tools offered; the start of the system prompt |

use std::time::Duration;

/// What one message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Script {
    /// Nothing special: say the text back.
    Echo(String),
    /// `run: CMD`: call the shell tool, then answer with its output.
    Run(String),
    /// Steps of `!!`.
    Steps(Vec<Step>),
}

/// One step of a `!!` script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) verb: String,
    options: Vec<(String, String)>,
    pub(super) argument: String,
}

impl Step {
    fn of(verb: &str, options: &[(&str, &str)], argument: &str) -> Self {
        Self {
            verb: verb.to_owned(),
            options: options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            argument: argument.to_owned(),
        }
    }

    fn parse(text: &str) -> Self {
        let (head, argument) = text.split_once('|').unwrap_or((text, ""));
        let mut words = head.split_whitespace();
        let verb = words.next().unwrap_or("reply");
        let options: Vec<_> = words.filter_map(|word| word.split_once('=')).collect();
        Self::of(verb, &options, argument.trim())
    }

    /// The option `key` as it was written.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let found = self.options.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The option `key` as a number, `default` if it is absent or none.
    pub(super) fn number(&self, key: &str, default: usize) -> usize {
        self.text(key).and_then(|v| v.parse().ok()).unwrap_or(default)
    }

    /// The seconds between two pieces.
    pub(super) fn delay(&self) -> Duration {
        let seconds = self.text("delay").and_then(|v| v.parse().ok());
        Duration::try_from_secs_f64(seconds.unwrap_or(0.0)).unwrap_or_default()
    }
}

impl Script {
    /// Reads a message of the person.
    pub(super) fn parse(text: &str) -> Self {
        let script = text.rsplit_once("!!").map(|(_, script)| script);
        // An exclamation is no script.
        if let Some(script) = script.filter(|s| s.starts_with(|c: char| c.is_ascii_lowercase())) {
            let line = script.lines().next().unwrap_or_default();
            return Self::Steps(line.split(" ;; ").map(Step::parse).collect());
        }
        text.lines()
            .rev()
            .find_map(|line| Self::of_person(line.trim()))
            .unwrap_or_else(|| Self::Echo(text.to_owned()))
    }

    fn of_person(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(':')?;
        let rest = rest.trim();
        let step = match word.to_ascii_lowercase().as_str() {
            "run" => return Some(Self::Run(rest.to_owned())),
            "think" => Step::of("think", &[("n", "6"), ("delay", "0.15")], rest),
            "slow" => {
                let pieces = rest.split(' ').count().max(2).to_string();
                Step::of("reply", &[("n", &pieces), ("delay", "0.3")], rest)
            }
            _ => return None,
        };
        Some(Self::Steps(vec![step]))
    }
}
