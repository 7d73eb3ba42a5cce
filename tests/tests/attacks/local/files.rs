//! What a person's worker and agent leave in the home, for others to read.
//!
//! Trust: none in the mode of the home, which is often 0755.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use anyhow::Result;
use gaggle_tests::lab::Lab;

use super::outsider::{Act, held};

#[test]
fn l09_nobody_else_reads_the_workspace_or_what_an_agent_wrote() -> Result<()> {
    let Some(lab) = Lab::builder().start_if_possible()? else { return Ok(()) };
    let (alice, bob) = (lab.person("alice")?.uid, lab.person("bob")?.uid);
    let make = "run: echo secret > report; mkdir folder; echo secret > folder/deep; \
                echo secret > /tmp/there; echo made";
    assert_eq!(lab.answer("alice", make)?, "made");
    fs::set_permissions(lab.namespace.seen("/home/alice"), Permissions::from_mode(0o755))?;
    let acts: Vec<Act> = [
        "ls /home/alice/workspace",
        "cat /home/alice/workspace/report",
        "cat /home/alice/workspace/folder/deep",
        "echo more >> /home/alice/workspace/report",
        "ls /home/alice/.local/share/goose",
        "ls /home/alice/.local/state/goose",
        "find /home/alice/.local/share/goose -name '*.db' | xargs head -c 1 | grep -q .",
    ]
    .map(|act| ("L09", act.to_owned()))
    .into();
    held(&lab, bob, alice, &acts)?;
    let workspace = lab.namespace.seen("/home/alice/workspace");
    let modes = [(".", 0o700), ("report", 0o600), ("folder", 0o700), ("folder/deep", 0o600)];
    for (name, wanted) in modes {
        let file = fs::metadata(workspace.join(name))?;
        assert_eq!((file.mode() & 0o777, file.uid()), (wanted, alice), "{name}");
    }
    // The control: the home itself he does see into now.
    assert!(lab.namespace.run(bob, &["ls", "/home/alice"])?.status.success());
    Ok(())
}
