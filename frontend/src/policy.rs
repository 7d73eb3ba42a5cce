//! Which of Goose's tools run unasked, after a question, or not at all, as pure
//! functions.
//!
//! Trust: rules are the admin's. The name of a tool is Goose's word: a rule is a
//! guard rail, and the sandbox stands behind it. Whatever no rule names is
//! treated by the mode's own rule, and in doubt a tool is asked for.

use gaggle_ipc::session::GooseMode;

/// Tools of Goose's that only read. They run unasked where the settings name
/// neither a mode nor tools.
pub const READ_ONLY: &[&str] = &["tree", "analyze", "read_image", "load_skill"];

/// What holds for a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// It does not run.
    Deny,
    /// The person is asked each time.
    Ask,
    /// It runs unasked in the person's direct messages; elsewhere they are asked.
    AllowInDirect,
    /// It runs unasked.
    Allow,
}

impl Rule {
    /// The word in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Ask => "ask",
            Self::AllowInDirect => "allow_in_dm",
            Self::Allow => "allow",
        }
    }
}

/// Names of tools: one, or all that begin alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// `mattermost__*`, or `*` for all.
    Beginning(String),
    /// `shell`.
    Name(String),
}

impl Pattern {
    /// Longest pattern, in bytes.
    const MAX: usize = 128;

    /// A name, or the beginning of names with a `*` behind it. `None` for what no
    /// tool is called.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let (name, all) = word.strip_suffix('*').map_or((word, false), |begins| (begins, true));
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let fits = name.len() <= Self::MAX && name.chars().all(known);
        match (fits, all, name.is_empty()) {
            (true, true, _) => Some(Self::Beginning(name.to_owned())),
            (true, false, false) => Some(Self::Name(name.to_owned())),
            _ => None,
        }
    }

    /// How well it fits: a longer beginning better than a shorter one, the whole
    /// name best.
    fn fits(&self, tool: &str) -> Option<(bool, usize)> {
        match self {
            Self::Name(name) => (name == tool).then_some((true, name.len())),
            Self::Beginning(begins) => {
                tool.starts_with(begins.as_str()).then_some((false, begins.len()))
            }
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Beginning(begins) => write!(f, "{begins}*"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// How tools are treated where others read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InChannels {
    /// No tools at all.
    Off,
    /// The person is asked for each, whatever else would let it run.
    Ask,
    /// As everywhere.
    Policy,
}

/// Where a turn's answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// By the person alone.
    Person,
    /// By the members of a channel or a group.
    Channel,
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It runs.
    Run,
    /// The person is asked.
    Ask,
    /// It does not run.
    Refuse,
}

/// All that is said about tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Without, Goose only talks.
    pub enabled: bool,
    /// Where others read along.
    pub in_channels: InChannels,
    /// The rules, each pattern once.
    pub rules: Vec<(Pattern, Rule)>,
    /// A turn in which so many calls in a row failed runs no more of them; 0 for
    /// no limit.
    pub max_failures: u32,
}

impl Policy {
    /// What holds for `tool` where a conversation is in `mode`.
    #[must_use]
    pub fn rule(&self, tool: &str, mode: GooseMode) -> Rule {
        let fitting =
            self.rules.iter().filter_map(|(pattern, rule)| Some((pattern.fits(tool)?, *rule)));
        let named = fitting.max_by_key(|(fits, _)| *fits).map(|(_, rule)| rule);
        named.unwrap_or(match mode {
            GooseMode::Auto => Rule::Allow,
            GooseMode::Approve | GooseMode::SmartApprove => Rule::Ask,
            GooseMode::Chat => Rule::Deny,
        })
    }

    /// What becomes of a call of `tool`.
    #[must_use]
    pub fn verdict(&self, tool: &str, mode: GooseMode, audience: Audience) -> Verdict {
        let watched = audience == Audience::Channel;
        if !self.enabled || (watched && self.in_channels == InChannels::Off) {
            return Verdict::Refuse;
        }
        let asks = watched && self.in_channels == InChannels::Ask;
        match self.rule(tool, mode) {
            Rule::Deny => Verdict::Refuse,
            Rule::Ask => Verdict::Ask,
            Rule::AllowInDirect if watched => Verdict::Ask,
            Rule::AllowInDirect | Rule::Allow if asks => Verdict::Ask,
            Rule::AllowInDirect | Rule::Allow => Verdict::Run,
        }
    }

    /// How Goose has to run so that every call that is not simply to run comes
    /// here first: it asks for none of them in `auto`.
    #[must_use]
    pub fn goose_mode(&self, mode: GooseMode, audience: Audience) -> GooseMode {
        let watched = audience == Audience::Channel;
        if !self.enabled || (watched && self.in_channels == InChannels::Off) {
            return GooseMode::Chat;
        }
        let asks = watched && self.in_channels == InChannels::Ask;
        let lets_all = self.rules.iter().all(|(_, rule)| match rule {
            Rule::Allow => true,
            Rule::AllowInDirect => !watched,
            Rule::Deny | Rule::Ask => false,
        });
        match mode {
            GooseMode::Auto if asks || !lets_all => GooseMode::Approve,
            GooseMode::SmartApprove if asks => GooseMode::Approve,
            mode => mode,
        }
    }

    /// One line for each rule, and what holds for all other tools, for people.
    #[must_use]
    pub fn lines(&self, mode: GooseMode, audience: Audience) -> Vec<String> {
        if self.goose_mode(mode, audience) == GooseMode::Chat {
            return vec!["no tools: the agent only talks".to_owned()];
        }
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort();
        let words = |verdict| match verdict {
            Verdict::Run => "runs unasked",
            Verdict::Ask => "you are asked",
            Verdict::Refuse => "does not run",
        };
        let mut lines: Vec<_> = rules
            .into_iter()
            .filter(|(pattern, _)| *pattern != Pattern::Beginning(String::new()))
            .map(|(pattern, _)| {
                let name = match pattern {
                    Pattern::Name(name) | Pattern::Beginning(name) => name,
                };
                format!("`{pattern}`: {}", words(self.verdict(name, mode, audience)))
            })
            .collect();
        // No tool is called that.
        let others = match (mode, self.verdict("", mode, audience)) {
            (GooseMode::SmartApprove, Verdict::Ask) => "you are asked, unless it only reads",
            (_, verdict) => words(verdict),
        };
        lines.push(format!("everything else: {others}"));
        lines
    }
}

impl PartialOrd for Rule {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rule {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [GooseMode; 4] =
        [GooseMode::Auto, GooseMode::Approve, GooseMode::SmartApprove, GooseMode::Chat];
    const RULES: [Rule; 4] = [Rule::Deny, Rule::Ask, Rule::AllowInDirect, Rule::Allow];
    const PLACES: [InChannels; 3] = [InChannels::Off, InChannels::Ask, InChannels::Policy];
    const AUDIENCES: [Audience; 2] = [Audience::Person, Audience::Channel];

    fn policy(in_channels: InChannels, rules: &[(&str, Rule)]) -> Policy {
        let rules = rules.iter().map(|(word, rule)| (Pattern::parse(word).unwrap(), *rule));
        Policy { enabled: true, in_channels, rules: rules.collect(), max_failures: 3 }
    }

    /// The whole table, said once more in other words.
    fn wanted(
        rule: Option<Rule>,
        mode: GooseMode,
        place: InChannels,
        audience: Audience,
    ) -> Verdict {
        let rule = rule.unwrap_or(match mode {
            GooseMode::Auto => Rule::Allow,
            GooseMode::Chat => Rule::Deny,
            _ => Rule::Ask,
        });
        match (audience, place, rule) {
            (Audience::Channel, InChannels::Off, _) | (_, _, Rule::Deny) => Verdict::Refuse,
            (_, _, Rule::Ask)
            | (Audience::Channel, InChannels::Ask, _)
            | (Audience::Channel, _, Rule::AllowInDirect) => Verdict::Ask,
            (_, _, Rule::AllowInDirect | Rule::Allow) => Verdict::Run,
        }
    }

    #[test]
    fn every_rule_in_every_mode_and_place() {
        let mut seen = 0;
        for mode in MODES {
            for place in PLACES {
                for audience in AUDIENCES {
                    for rule in RULES.map(Some).into_iter().chain([None]) {
                        for (word, tool) in [("shell", "shell"), ("sh*", "shell"), ("*", "shell")] {
                            let rules: Vec<_> = rule.map(|rule| (word, rule)).into_iter().collect();
                            let policy = policy(place, &rules);
                            let verdict = policy.verdict(tool, mode, audience);
                            let want = wanted(rule, mode, place, audience);
                            assert_eq!(verdict, want, "{mode:?} {place:?} {audience:?} {rule:?}");
                            // Goose must never be let run what is not simply to run.
                            if policy.goose_mode(mode, audience) == GooseMode::Auto {
                                assert_eq!(
                                    verdict,
                                    Verdict::Run,
                                    "{mode:?} {place:?} {audience:?} {rule:?}"
                                );
                            }
                            seen += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(seen, 4 * 3 * 2 * 5 * 3);
    }

    #[test]
    fn the_rule_that_names_a_tool_best_holds() {
        let policy = policy(
            InChannels::Policy,
            &[
                ("*", Rule::Deny),
                ("mm__*", Rule::Ask),
                ("mm__read*", Rule::Allow),
                ("mm__read_dm", Rule::Deny),
            ],
        );
        for (tool, rule) in [
            ("shell", Rule::Deny),
            ("mm__send", Rule::Ask),
            ("mm__read_post", Rule::Allow),
            ("mm__read_dm", Rule::Deny),
            ("mm", Rule::Deny),
        ] {
            assert_eq!(policy.rule(tool, GooseMode::Auto), rule, "{tool}");
        }
    }

    #[test]
    fn an_order_of_rules_means_nothing() {
        let rules = [("*", Rule::Deny), ("sh*", Rule::Ask), ("shell", Rule::Allow)];
        let mut turned = rules;
        turned.reverse();
        for rules in [rules, turned] {
            let policy = policy(InChannels::Policy, &rules);
            assert_eq!(policy.rule("shell", GooseMode::Approve), Rule::Allow);
        }
    }

    #[test]
    fn goose_asks_as_soon_as_one_tool_is_not_simply_to_run() {
        for (rules, audience, want) in [
            (&[][..], Audience::Channel, GooseMode::Auto),
            (&[("tree", Rule::Allow)][..], Audience::Channel, GooseMode::Auto),
            (&[("shell", Rule::Deny)][..], Audience::Person, GooseMode::Approve),
            (&[("shell", Rule::AllowInDirect)][..], Audience::Person, GooseMode::Auto),
            (&[("shell", Rule::AllowInDirect)][..], Audience::Channel, GooseMode::Approve),
        ] {
            let policy = policy(InChannels::Policy, rules);
            assert_eq!(policy.goose_mode(GooseMode::Auto, audience), want, "{rules:?}");
        }
        let quiet = policy(InChannels::Off, &[]);
        assert_eq!(quiet.goose_mode(GooseMode::Auto, Audience::Channel), GooseMode::Chat);
        assert_eq!(quiet.goose_mode(GooseMode::Auto, Audience::Person), GooseMode::Auto);
        let none = Policy { enabled: false, ..policy(InChannels::Policy, &[]) };
        assert_eq!(none.goose_mode(GooseMode::Auto, Audience::Person), GooseMode::Chat);
        assert_eq!(none.verdict("shell", GooseMode::Auto, Audience::Person), Verdict::Refuse);
    }

    #[test]
    fn patterns_are_names_or_beginnings() {
        for word in ["shell", "*", "mattermost__*", "a-b.c"] {
            assert_eq!(Pattern::parse(word).unwrap().to_string(), word);
        }
        for word in ["", "a b", "a*b", "**", "`x`", "é", &"x".repeat(200)] {
            assert_eq!(Pattern::parse(word), None, "{word:?}");
        }
    }

    #[test]
    fn people_read_what_holds_for_them() {
        let rules = [("shell", Rule::AllowInDirect), ("*", Rule::Deny)];
        let policy = policy(InChannels::Policy, &rules);
        assert_eq!(
            policy.lines(GooseMode::Auto, Audience::Channel),
            ["`shell`: you are asked", "everything else: does not run"]
        );
        assert_eq!(
            policy.lines(GooseMode::Auto, Audience::Person),
            ["`shell`: runs unasked", "everything else: does not run"]
        );
    }
}
