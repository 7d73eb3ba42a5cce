//! What is explained, what is not, and how often.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use gaggle_ipc::launch::Profile;

use super::*;

/// A machine below a folder of the test's own: alice's home and bob's, and data
/// that alice may read and write.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        for folder in
            ["home/alice/workspace", "home/alice/.ssh", "home/bob", "data/reports", "data/old"]
        {
            fs::create_dir_all(machine.at(folder)).unwrap();
        }
        for file in [
            "home/alice/workspace/own",
            "home/alice/notes",
            "home/alice/.ssh/id",
            "home/bob/x",
            "data/reports/a",
            "data/reports/b",
            "data/old/c",
        ] {
            fs::write(machine.at(file), "").unwrap();
        }
        machine
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    fn environment(&self) -> Environment {
        Environment::of_alice(self.at("home/alice"))
    }

    /// A new worker's hints. The real machine's folders around this one do not
    /// count, wherever it lies.
    fn hints(&self, environment: &Environment) -> Hints {
        self.hints_in(environment, Entered { abi: 7 })
    }

    fn hints_in(&self, environment: &Environment, domain: Entered) -> Hints {
        let mut reach = Reach::new(environment);
        reach.never.retain(|folder| !self.at("").starts_with(folder));
        Hints { reach: Arc::new(reach), ..Hints::new(environment, domain) }
    }

    /// What is said of a refusal of `path` in a new worker.
    fn said(&self, path: &Path) -> Option<String> {
        self.hints(&self.environment()).first(&denied(path))
    }
}

fn denied(path: &Path) -> String {
    format!("cat: {}: Permission denied", path.display())
}

#[test]
fn the_sentence_names_the_place_and_the_setting() {
    let machine = Machine::new();
    let path = machine.at("data/reports");
    let path = path.display();
    let expected = format!(
        "The agent may not read `{path}`: it works in `~/workspace` alone. If it should, ask your admin to add \
         `\"read\": [\"{path}\"]` (or `\"write\"`) to your entry in `user_mapping.json`."
    );
    assert_eq!(machine.said(&machine.at("data/reports")), Some(expected));
}

#[test]
fn only_the_first_is_explained() {
    let machine = Machine::new();
    let hints = machine.hints(&machine.environment());
    assert!(hints.first("fine").is_none());
    assert!(hints.first(&denied(&machine.at("data/reports/a"))).is_some());
    assert!(hints.first(&denied(&machine.at("data/old/c"))).is_none());
}

#[test]
fn what_the_sandbox_does_not_refuse_is_not_explained() {
    let machine = Machine::new();
    let own = machine.at("home/alice/workspace/own");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o000)).unwrap();
    symlink(&own, machine.at("data/link")).unwrap();
    for path in [own, machine.at("data/link"), machine.at("nothing/there")] {
        assert_eq!(machine.said(&path), None, "{}", path.display());
    }
    let mut environment = machine.environment();
    environment.write = vec![machine.at("data")];
    assert_eq!(machine.hints(&environment).first(&denied(&machine.at("data/old/c"))), None);
    environment.profile = Profile::Full;
    assert_eq!(machine.hints(&environment).first(&denied(&machine.at("home/alice/notes"))), None);
}

#[test]
fn without_a_sandbox_nothing_is_blamed_on_it() {
    let machine = Machine::new();
    let refused = denied(&machine.at("data/old/c"));
    let in_domain = |abi| machine.hints_in(&machine.environment(), Entered { abi }).first(&refused);
    assert_eq!(in_domain(0), None);
    assert!(in_domain(3).is_some(), "the control");
}

#[test]
fn what_nobody_should_open_is_never_suggested() {
    let machine = Machine::new();
    symlink("/etc/passwd", machine.at("data/passwd")).unwrap();
    for path in [
        "home/bob/x",
        "home/bob",
        "home",
        "home/alice/.ssh/id",
        "home/alice",
        "data/passwd",
        "data/../data/old",
    ] {
        assert_eq!(machine.said(&machine.at(path)), None, "{path}");
    }
    let real = Hints::new(&machine.environment(), Entered { abi: 7 });
    for path in [
        "/",
        "/tmp",
        "/etc/passwd",
        "/etc/gaggle",
        "/etc/shadow",
        "/root",
        "/proc/1/environ",
        "/home/x",
        "/usr/lib",
        "/var/log",
        "/usr/lib/gaggle/goose",
        "/sys/fs/cgroup",
        "/dev/sda",
        "/run/gaggle/admin.sock",
        "/mnt",
        "/srv",
    ] {
        assert_eq!(real.first(&denied(Path::new(path))), None, "{path}");
    }
}

#[test]
fn files_of_one_folder_ask_for_the_folder_and_a_walk_for_nothing() {
    let machine = Machine::new();
    let lines = |paths: &[&str]| {
        paths.iter().map(|path| denied(&machine.at(path)) + "\n").collect::<String>()
    };
    let said = |text: &str| machine.hints(&machine.environment()).first(text);
    let folder = said(&lines(&["data/reports/a", "data/reports/b"])).unwrap();
    assert!(
        folder.contains(&format!("[\"{}\"]", machine.at("data/reports").display())),
        "{folder}"
    );
    assert_eq!(said(&lines(&["data/reports/a", "home/alice/notes"])), None);
}

#[test]
fn a_place_to_make_things_in_is_asked_for_with_write() {
    let machine = Machine::new();
    let data = machine.at("data");
    let new = machine.said(&data.join("new")).unwrap();
    assert!(new.contains(&format!("write to `{}`", data.display())), "{new}");
    let mut environment = machine.environment();
    environment.read = vec![data.clone()];
    let said = machine.hints(&environment).first(&denied(&data.join("old/c"))).unwrap();
    assert!(said.contains("\"write\": [") && said.contains("and what your admin added"), "{said}");
}

#[test]
fn a_port_that_is_not_given_is_explained_once_and_others_never() {
    let machine = Machine::new();
    let refused = "ssh: connect to host a.b port 22: Permission denied";
    assert_eq!(machine.hints(&machine.environment()).first(refused), None, "any port may be used");
    let mut environment = machine.environment();
    environment.connect_ports = Some(vec![443, 8080]);
    let hints = machine.hints(&environment);
    assert_eq!(hints.first("ssh: connect to host a.b port 443: Permission denied"), None);
    let goose = "Network error: Could not connect to 10.0.0.7:8443 — check your network";
    assert!(hints.of_provider(goose).unwrap().contains("443, 8080 alone"));
    assert_eq!(hints.of_provider("Network error: timed out"), None);
    assert_eq!(machine.hints(&machine.environment()).of_provider(goose), None, "any port");
    let said = hints.first(refused).unwrap();
    assert!(said.contains("port 22: it may connect to 443, 8080 alone"), "{said}");
    assert!(said.contains("`22` to `\"connect_ports\"`"), "{said}");
    assert_eq!(hints.first(refused), None);
    assert!(hints.first(&denied(&machine.at("data/old/c"))).is_some(), "places are another matter");
}
