//! Steps at which a worker refuses to start, each by its own status.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;

use gaggle_ipc::launch::LaunchStep;
use support::Lab;

#[track_caller]
fn assert_refused((status, said): (Option<i32>, String), step: LaunchStep, word: &str) {
    assert_eq!(status, Some(step.exit_status().into()), "{said}");
    assert!(said.contains(step.name()) && said.contains(word), "{said}");
}

#[test]
fn below_the_floor_nothing_is_served() {
    let mut lab = Lab::new();
    lab.set("GAGGLE_LANDLOCK_FLOOR", "99");
    assert_refused(lab.refused_start(), LaunchStep::LandlockFloor, "landlock_floor");
}

#[test]
fn an_environment_that_cannot_be_read_is_refused() {
    let mut lab = Lab::new();
    lab.set("GAGGLE_PROFILE", "everything");
    assert_refused(lab.refused_start(), LaunchStep::WorkerEnvironment, "GAGGLE_PROFILE");
}

#[test]
fn a_key_is_never_named_with_its_value() {
    let mut lab = Lab::new();
    lab.set("GAGGLE_AGENT_ENV_LD_PRELOAD", "/home/s3cret.so");
    let refused = lab.refused_start();
    assert!(!refused.1.contains("s3cret"));
    assert_refused(refused, LaunchStep::WorkerEnvironment, "LD_PRELOAD");
}

#[test]
fn what_is_no_session_socket_is_refused() {
    let lab = Lab::new();
    let (stream, _peer) = UnixStream::pair().unwrap();
    assert_refused(lab.refused_start_on(stream.into()), LaunchStep::WorkerIdentity, "descriptor 3");
}

#[test]
fn a_goose_that_others_may_change_is_refused() {
    let mut lab = Lab::new();
    let goose = lab.programs().join("goose");
    fs::write(&goose, "").unwrap();
    fs::set_permissions(&goose, fs::Permissions::from_mode(0o777)).unwrap();
    lab.set("GAGGLE_GOOSE", goose);
    assert_refused(lab.refused_start(), LaunchStep::WorkerPrograms, "goose");
}

#[test]
fn something_in_gooses_home_is_refused() {
    let lab = Lab::new();
    fs::create_dir(lab.programs().join("goose-home/.agents")).unwrap();
    assert_refused(lab.refused_start(), LaunchStep::WorkerPrograms, "not empty");
}

#[test]
fn a_link_planted_for_the_next_worker_is_refused() {
    for place in ["workspace", ".local", ".cache/gaggle"] {
        let lab = Lab::new();
        let link = lab.home().join(place);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/etc", link).unwrap();
        assert_refused(lab.refused_start(), LaunchStep::WorkerFolders, place);
    }
}

/// Whoever runs the tests has capabilities or lacks what the supervisor sets.
#[test]
fn without_a_supervisor_the_supervised_role_is_refused() {
    let lab = Lab::new();
    let output = Command::new(lab.programs().join("gaggle-worker")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_refused((output.status.code(), said), LaunchStep::WorkerIdentity, "gaggle-supervisor");
}

#[test]
fn from_a_shell_it_explains_itself() {
    let lab = Lab::new();
    let worker = lab.programs().join("gaggle-worker");
    let help = Command::new(&worker).arg("--help").output().unwrap();
    assert!(help.status.success());
    assert!(String::from_utf8(help.stdout).unwrap().contains("started by gaggle-supervisor"));
    assert_eq!(Command::new(&worker).arg("--nonsense").status().unwrap().code(), Some(64));
}
