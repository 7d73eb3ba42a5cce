//! What the demo runs on: a lab where one can be built, a single account
//! otherwise.
//!
//! Trust: as the lab's, or the caller's own.

use anyhow::{Context, Result, bail};
use gaggle_tests::lab::{Lab, needs};
use gaggle_tests::mattermost::{Id, Simulator};

use super::arguments::Demo;
use super::settings;
use super::solo::Solo;

/// Shows everything that can be shown, soon.
pub(crate) const CHAT: &str = "trace = \"full\"\npoll_interval_seconds = 0.2\n";

/// The parts of the demo, running.
pub(crate) enum Stage {
    /// And the channel in which everybody is.
    Lab(Box<Lab>, Id),
    Solo(Box<Solo>),
}

/// Somebody to speak as.
#[derive(Clone)]
pub(crate) struct Speaker {
    pub(crate) name: String,
    pub(crate) id: Id,
    /// The direct channel with the bot.
    pub(crate) direct: Id,
    /// The channel in which everybody is.
    pub(crate) town: Id,
}

impl Stage {
    /// Starts everything.
    pub(crate) fn set(demo: &Demo) -> Result<Self> {
        let provider = settings::provider(demo)?;
        let real = settings::mattermost(demo)?;
        let mut why = needs::missing();
        if why.is_none() {
            let lab = lab(demo, provider.clone(), real.as_ref())?;
            why = weak_sandbox(&lab);
            if why.is_none() {
                let town = lab.channel("town")?;
                return Ok(Self::Lab(Box::new(lab), town));
            }
        }
        eprintln!("One account only, yours: the full demo {}.", why.unwrap_or_default());
        Ok(Self::Solo(Box::new(Solo::start(demo, provider, real)?)))
    }

    pub(crate) fn simulator(&self) -> &Simulator {
        match self {
            Self::Lab(lab, _) => &lab.simulator,
            Self::Solo(solo) => &solo.simulator,
        }
    }

    pub(crate) fn bot(&self) -> Id {
        match self {
            Self::Lab(lab, _) => lab.bot.id,
            Self::Solo(solo) => solo.bot.id,
        }
    }

    /// The person of that name.
    pub(crate) fn speaker(&self, name: &str) -> Result<Speaker> {
        match self {
            Self::Lab(lab, town) => {
                let person = lab.person(name)?;
                Ok(Speaker {
                    name: person.name,
                    id: person.mattermost.id,
                    direct: person.direct,
                    town: *town,
                })
            }
            // There is one account, whatever the person is called.
            Self::Solo(solo) if name == "alice" || name == solo.person.username => Ok(Speaker {
                name: solo.person.username.clone(),
                id: solo.person.id,
                direct: solo.direct,
                town: solo.town,
            }),
            Self::Solo(_) => {
                bail!("without root there is one account, yours; {name} has none here")
            }
        }
    }

    /// What the programs said, for the reader of a failure.
    pub(crate) fn logs(&self) -> String {
        match self {
            Self::Lab(lab, _) => lab.logs(),
            Self::Solo(solo) => solo.logs(),
        }
    }
}

fn lab(
    demo: &Demo,
    provider: Option<String>,
    real: Option<&settings::RealMattermost>,
) -> Result<Lab> {
    let mut builder = Lab::builder().chat_section(CHAT).goose_section(&settings::goose(demo));
    if let Some(lines) = provider {
        builder = builder.provider(lines);
    }
    if let Some(goose) = &demo.goose {
        builder = builder.goose(goose.canonicalize().with_context(|| goose.display().to_string())?);
    }
    if let Some(real) = real {
        builder = builder.real_mattermost(&real.url, &real.token, &real.mapping, &real.accounts);
    }
    builder.start()
}

/// The kernel cannot confine an agent as the supervisor wants it.
fn weak_sandbox(lab: &Lab) -> Option<String> {
    let records = lab.namespace.records();
    let ready = records.iter().find(|record| record.is("ready"))?;
    let number = |field: &str| ready.field(field).parse::<u8>().unwrap_or(0);
    let (abi, floor) = (number("GAGGLE_LANDLOCK_ABI"), number("GAGGLE_LANDLOCK_FLOOR"));
    (abi < floor).then(|| format!("needs Landlock ABI {floor} and this kernel has {abi}"))
}
