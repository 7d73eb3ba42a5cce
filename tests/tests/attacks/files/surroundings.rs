//! What a login would read from a home has no say in an agent's surroundings.

use anyhow::{Result, ensure};
use gaggle_tests::lab::Lab;
use serde_json::json;

/// Where logins, shells and user managers look for variables.
const FILES: &[&str] = &[
    ".profile",
    ".bash_profile",
    ".bash_login",
    ".bashrc",
    ".bash_aliases",
    ".bash_logout",
    ".zshenv",
    ".zprofile",
    ".pam_environment",
    ".environment",
    ".config/environment.d/90.conf",
    ".config/fish/config.fish",
    ".xprofile",
    ".login_conf",
    ".ssh/environment",
    ".ssh/rc",
];

#[test]
fn c33_c34_files_of_a_login_set_nothing() -> Result<()> {
    // The whole home, so that it is not only the sandbox that keeps them unread.
    let full = json!({"account": "alice", "home": "full"});
    let Some(lab) = Lab::builder().entry("alice", full).start_if_possible()? else {
        return Ok(());
    };
    let alice = lab.person("alice")?.uid;
    let script = "cd /home/alice; for f; do mkdir -p ./$(dirname $f); \
                  printf 'CANARY=sang\\nexport CANARY\\nPATH=/home/alice/evil\\n' > $f; done";
    let planted = lab.namespace.run(alice, &[&["sh", "-c", script, "sh"], FILES].concat())?;
    ensure!(planted.status.success(), "{}", String::from_utf8_lossy(&planted.stderr));
    let ask = "echo canary=$CANARY. path=$PATH.; bash -c 'echo inner=$CANARY.'";
    let answer = lab.answer("alice", &format!("run: {ask}"))?;
    ensure!(answer.contains("canary=.") && answer.contains("inner=."), "{answer}");
    ensure!(!answer.contains("evil"), "{answer}");
    // The controls: a login does read them, and from the cage they can be read.
    let login = ["env", "HOME=/home/alice", "bash", "--login", "-c", "echo canary=$CANARY."];
    let login = lab.namespace.run(alice, &login)?;
    ensure!(String::from_utf8_lossy(&login.stdout).contains("canary=sang."), "{login:?}");
    let read = lab.answer("alice", "run: bash --login -c 'echo canary=$CANARY.'")?;
    ensure!(read.contains("canary=sang."), "{read}");
    Ok(())
}
