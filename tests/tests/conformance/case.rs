//! Running one case on every server there is.

use std::future::Future;
use std::io::Write;

use anyhow::{Context, Result};
use futures_util::future::join_all;
use gaggle_tests::mattermost::{Options, Simulator, Version};

use super::rest::Rest;
use super::world::{World, make_person};

/// Declares cases: each becomes a test that runs the function of its name on
/// all servers.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            crate::case::run(super::$name).await;
        }
    )*};
}
pub(crate) use cases;

const ADMIN: &str = "sysadmin";
const PASSWORD: &str = "Passw0rd-of-admin";

/// The real server of the environment: base URL, admin's login and password.
fn real_server() -> Result<Option<(String, String, String)>> {
    let Ok(base) = std::env::var("GAGGLE_MATTERMOST_URL") else { return Ok(None) };
    let login = std::env::var("GAGGLE_MATTERMOST_ADMIN").context("GAGGLE_MATTERMOST_ADMIN")?;
    let file = std::env::var("GAGGLE_MATTERMOST_PASSWORD_FILE")
        .context("GAGGLE_MATTERMOST_PASSWORD_FILE")?;
    let password = std::fs::read_to_string(&file).with_context(|| file)?;
    Ok(Some((base, login, password.trim_end_matches('\n').to_owned())))
}

pub(crate) async fn simulated(version: Version) -> Result<(Simulator, World)> {
    let simulator = Simulator::start(Options { version, ..Options::default() }).await?;
    let rest = Rest::new(simulator.url())?;
    make_person(&rest, "", ADMIN, PASSWORD).await?.is(201).context("the first user")?;
    let world = World::make(simulator.url(), ADMIN, PASSWORD).await?;
    Ok((simulator, world))
}

/// Runs a case everywhere and panics with all that failed.
pub(crate) async fn run<F>(case: impl Fn(World) -> F)
where
    F: Future<Output = Result<()>>,
{
    let simulated = Version::ALL.map(async |version| {
        let (_simulator, world) = simulated(version).await?;
        case(world).await.with_context(|| format!("simulated {version:?}"))
    });
    let real = async {
        let Some((base, login, password)) = real_server()? else { return Ok(()) };
        case(World::make(&base, &login, &password).await?).await
    };
    let (mut results, real) = tokio::join!(join_all(simulated), real);
    results.push(real.context("the real server"));
    let failed: Vec<String> = (results.into_iter())
        .filter_map(|result| result.err().map(|error| format!("{error:#}")))
        .collect();
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

/// Says on the terminal, past the capture of test output, what did not run.
#[tokio::test]
async fn real_server_is_named_or_said_to_be_missing() {
    let line = match real_server().expect("the variables of the real server") {
        Some((base, ..)) => format!("conformance: also against {base}"),
        None => "conformance: NOT run against a real server; set GAGGLE_MATTERMOST_URL, \
                 GAGGLE_MATTERMOST_ADMIN and GAGGLE_MATTERMOST_PASSWORD_FILE (a server with \
                 EnableBotAccountCreation and EnableUserAccessTokens) to do so"
            .to_owned(),
    };
    writeln!(std::io::stderr(), "{line}").expect("stderr");
}
