//! One virtual machine from its start to its end.
//!
//! Trust: what the machine prints decides about success, and nothing else. It
//! has no network, writes to none of our files, and ends with this program.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What the guest prints last when every test passed.
pub(super) const PASSED: &str = "ALL TESTS PASSED";

/// What a test prints that finds something missing: here nothing may be.
const NOT_RUN: &str = "NOT RUN:";

/// What is booted.
pub(super) struct Machine {
    /// For people.
    pub(super) title: String,
    /// The kernel, an ELF file.
    pub(super) kernel: PathBuf,
    /// The initial RAM disk.
    pub(super) initial: PathBuf,
    /// The kernel's command line, beside what every machine has.
    pub(super) command_line: String,
    /// More arguments of QEMU's.
    pub(super) devices: Vec<String>,
    /// Ended by then, whatever it does.
    pub(super) limit: Duration,
}

/// Boots it, shows what it says, and waits for its end.
///
/// # Errors
/// It did not say that every test passed.
pub(super) fn boot(machine: &Machine, kvm: bool) -> Result<(), String> {
    let began = Instant::now();
    eprintln!("== {}: booting", machine.title);
    let mut child = command(machine, kvm)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("qemu-system-x86_64: {error}"))?;
    let passed = watch(&mut child, began + machine.limit);
    // Over already, unless its time was.
    let _ = child.kill();
    let _ = child.wait();
    let seconds = began.elapsed().as_secs();
    eprintln!("== {}: over after {} min {} s", machine.title, seconds / 60, seconds % 60);
    match passed {
        Some(true) => Ok(()),
        Some(false) => Err(format!("{}: a test failed, or it did not get so far", machine.title)),
        None => Err(format!("{}: not over in {} s", machine.title, machine.limit.as_secs())),
    }
}

/// Prints its lines; whether the last word was said, `None` when it takes too long.
fn watch(child: &mut Child, until: Instant) -> Option<bool> {
    let output = BufReader::new(child.stdout.take()?);
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.split(b'\n').map_while(Result::ok) {
            let line = plain(&String::from_utf8_lossy(&line));
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let (mut passed, mut left_out) = (false, false);
    loop {
        match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                println!("{line}");
                passed |= line.contains(PASSED);
                left_out |= line.contains(NOT_RUN);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return Some(passed && !left_out),
            Err(mpsc::RecvTimeoutError::Timeout) => return None,
        }
    }
}

/// A console's line without what would move our cursor or clear our screen.
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut all = line.chars();
    while let Some(c) = all.next() {
        if c == '\x1b' {
            // Two characters; or, begun by a bracket, up to a letter.
            if all.next() == Some('[') {
                all.by_ref().find(|end| ('@'..='~').contains(end));
            }
        } else if !c.is_control() {
            text.push(c);
        }
    }
    text.trim_end().to_owned()
}

fn command(machine: &Machine, kvm: bool) -> Command {
    // Killed with this program, however that ends.
    let mut qemu = Command::new("setpriv");
    qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    qemu.args(if kvm {
        &["-accel", "kvm", "-cpu", "host"]
    } else {
        &["-accel", "tcg,thread=multi", "-cpu", "max"]
    });
    qemu.args(["-m", "6G", "-smp", "2", "-nographic", "-no-reboot", "-nic", "none"]);
    let line = format!("console=ttyS0 quiet panic=-1 {}", machine.command_line);
    qemu.arg("-kernel").arg(&machine.kernel).arg("-initrd").arg(&machine.initial);
    qemu.args(["-append", &line]).args(&machine.devices);
    qemu
}

/// A disk of which every boot sees its own copy.
pub(super) fn disk(image: &Path) -> Vec<String> {
    let drive = format!("file={},if=virtio,format=raw,snapshot=on", image.display());
    vec!["-drive".to_owned(), drive]
}

/// This machine's files, to be read.
pub(super) fn own_files() -> Vec<String> {
    [
        "-fsdev",
        "local,id=host,path=/,security_model=passthrough,readonly=on,multidevs=remap",
        "-device",
        "virtio-9p-pci,fsdev=host,mount_tag=host",
    ]
    .map(str::to_owned)
    .into()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_machine_that_boots_leaves_our_terminal_alone() {
        assert_eq!(plain("\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS\r"), "SeaBIOS");
        assert_eq!(plain("test a::b ... ok"), "test a::b ... ok");
        assert_eq!(plain("\x1b[2"), "");
    }
}
