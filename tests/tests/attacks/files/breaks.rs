//! Ways to spoil a file that only root may have written, and what must be said
//! of each.
//!
//! Trust: none of what is made here; each is what a careless admin or another
//! account would leave.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use anyhow::{Result, ensure};
use gaggle_tests::lab::spec::CONFIG;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::bench::Bench;

/// A row's way to break a file.
pub(super) struct Break {
    pub(super) id: &'static str,
    /// How; the file is at the path, as seen from outside.
    pub(super) by: fn(&Bench, &Path) -> Result<()>,
    /// What the refusal must say, beside the file's name.
    pub(super) says: &'static str,
}

fn mode(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}

fn move_aside(bench: &Bench, path: &Path) -> Result<()> {
    fs::create_dir(bench.aside())?;
    Ok(fs::rename(path, bench.aside().join("moved"))?)
}

fn device(bench: &Bench, path: &Path) -> Result<()> {
    // Mounted over it: a device file of its own could not be opened in a lab.
    let path = Path::new(CONFIG).join(path.strip_prefix(bench.config())?);
    let mount = ["mount", "--bind", "/dev/zero", path.to_str().unwrap_or_default()];
    ensure!(bench.lab.namespace.run(0, &mount)?.status.success(), "mount a device");
    Ok(())
}

/// C01 to C03, C05, C07, C08, C11 and L38.
pub(super) const BREAKS: &[Break] = &[
    Break { id: "c01", by: |_, path| mode(path, 0o666), says: "mode 0666 lets others write it" },
    Break { id: "c02", by: c02_group, says: "mode 0660 lets others write it" },
    Break { id: "c03", by: c03_owner, says: "uid 1234" },
    Break { id: "c05", by: c05_link, says: "a symbolic link" },
    Break { id: "c07", by: c07_two_names, says: "2 hard links" },
    Break { id: "l38", by: l38_name_of_bobs, says: "2 hard links" },
    Break { id: "c08 fifo", by: c08_fifo, says: "not a regular file" },
    Break { id: "c08 socket", by: c08_socket, says: "not a regular file" },
    Break { id: "c08 device", by: device, says: "not a regular file" },
    Break { id: "c08 folder", by: c08_folder, says: "not a regular file" },
    Break { id: "c11", by: c11_sparse, says: "larger than" },
];

fn c03_owner(_: &Bench, path: &Path) -> Result<()> {
    chown(path, Some(1234), None)?;
    // Readable, so that it is the owner that is found wrong.
    mode(path, 0o644)
}

fn c02_group(_: &Bench, path: &Path) -> Result<()> {
    chown(path, None, Some(1234))?;
    mode(path, 0o660)
}

fn c05_link(bench: &Bench, path: &Path) -> Result<()> {
    move_aside(bench, path)?;
    Ok(symlink("../aside/moved", path)?)
}

fn c07_two_names(bench: &Bench, path: &Path) -> Result<()> {
    fs::create_dir(bench.aside())?;
    Ok(fs::hard_link(path, bench.aside().join("second"))?)
}

/// Where the kernel does not protect links, anybody can make one.
fn l38_name_of_bobs(bench: &Bench, path: &Path) -> Result<()> {
    c07_two_names(bench, path)?;
    let bob = bench.lab.person("bob")?.uid;
    Ok(chown(bench.aside(), Some(bob), Some(bob))?)
}

fn c08_fifo(_: &Bench, path: &Path) -> Result<()> {
    fs::remove_file(path)?;
    Ok(mkfifo(path, Mode::from_bits_truncate(0o600))?)
}

fn c08_socket(_: &Bench, path: &Path) -> Result<()> {
    fs::remove_file(path)?;
    // The name stays when the listener is gone.
    UnixListener::bind(path)?;
    mode(path, 0o600)
}

fn c08_folder(_: &Bench, path: &Path) -> Result<()> {
    fs::remove_file(path)?;
    Ok(fs::create_dir(path)?)
}

fn c11_sparse(_: &Bench, path: &Path) -> Result<()> {
    Ok(File::options().write(true).open(path)?.set_len(10 << 30)?)
}
