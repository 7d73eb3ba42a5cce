//! Debian's own kernels, fetched once and unpacked.
//!
//! Trust: Debian's archive, by apt's signatures.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;

use crate::container::root;
use crate::run;

/// A release of Debian with the kernel it came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Release {
    /// Debian 12: Landlock ABI 2
    #[value(name = "6.1")]
    Bookworm,
    /// Debian 13: Landlock ABI 6
    #[value(name = "6.12")]
    Trixie,
}

impl Release {
    /// The system that it is the kernel of.
    pub(super) fn root(self) -> root::Release {
        match self {
            Self::Bookworm => root::Release::Bookworm,
            Self::Trixie => root::Release::Trixie,
        }
    }

    /// Its name in Debian's archive.
    pub(super) fn suite(self) -> &'static str {
        self.root().suite()
    }

    /// Its name for people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Bookworm => "Debian 12, Linux 6.1",
            Self::Trixie => "Debian 13, Linux 6.12",
        }
    }
}

/// How a boot image holds the kernel: first bytes, and what unpacks it.
const PACKINGS: &[(&[u8], &[&str])] = &[
    (b"\x28\xb5\x2f\xfd", &["zstd", "-dcq"]),
    (b"\xfd7zXZ\0", &["xz", "-dcq", "--single-stream"]),
];

/// A kernel that can be booted.
pub(super) struct Kernel {
    /// The kernel itself, an ELF file.
    pub(super) image: PathBuf,
    /// `kernel/` of its modules.
    pub(super) modules: PathBuf,
}

/// The kernel of `release`, below `folder`.
///
/// # Errors
/// It cannot be fetched or unpacked.
pub(super) fn fetch(release: Release, folder: &Path) -> Result<Kernel, String> {
    let folder = folder.join(release.suite());
    let unpacked = folder.join("kernel");
    let image = unpacked.join("vmlinux");
    if !image.exists() {
        download(release, &folder, &unpacked)?;
        decompress(&only(&unpacked.join("boot"), "vmlinuz-")?, &image)?;
    }
    let lib = ["usr/lib/modules", "lib/modules"].map(|lib| unpacked.join(lib));
    let lib = lib.iter().find(|lib| lib.exists()).ok_or("the kernel has no modules")?;
    Ok(Kernel { image, modules: only(lib, "")?.join("kernel") })
}

fn download(release: Release, folder: &Path, unpacked: &Path) -> Result<(), String> {
    let apt = folder.join("apt");
    for part in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(part)).map_err(|error| error.to_string())?;
    }
    let script = format!(
        "set -e; cd {apt}
         echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian {suite} main' > sources.list
         own='-o Dir::Etc::sourcelist={apt}/sources.list -o Dir::Etc::sourceparts=/dev/null
              -o Dir::State::lists={apt}/lists -o Dir::Cache={apt}/cache -o APT::Sandbox::User=root'
         apt-get $own update -qq
         name=$(apt-cache $own depends linux-image-amd64 | sed -n 's/.*Depends: \\(linux-image-.*\\)/\\1/p' | head -n 1)
         apt-get $own download -qq $name
         rm -rf {kernel}; dpkg-deb -x linux-image-*.deb {kernel}
         rm linux-image-*.deb",
        apt = apt.display(),
        suite = release.suite(),
        kernel = unpacked.display()
    );
    eprintln!("fetching the kernel of Debian {}", release.suite());
    run::run(Command::new("sh").args(["-c", &script]))
}

/// The kernel inside of the boot image: QEMU starts it without the real-mode
/// code, which nested machines often cannot run.
fn decompress(boot_image: &Path, into: &Path) -> Result<(), String> {
    let bytes = fs::read(boot_image).map_err(|e| format!("{}: {e}", boot_image.display()))?;
    let found = PACKINGS.iter().find_map(|(magic, program)| {
        let at = bytes.windows(magic.len()).position(|window| window == *magic)?;
        Some((bytes.get(at..)?, program))
    });
    let (packed, program) = found.ok_or("the kernel is packed neither with zstd nor with xz")?;
    let part = into.with_extension("part");
    let target = fs::File::create(&part).map_err(|error| error.to_string())?;
    let (name, arguments) = program.split_first().ok_or("no program")?;
    let mut unpack = Command::new(name);
    unpack.args(arguments).stdin(Stdio::piped()).stdout(target).stderr(Stdio::null());
    let mut unpack = unpack.spawn().map_err(|error| format!("{name}: {error}"))?;
    if let Some(mut input) = unpack.stdin.take() {
        // It stops reading at the end of what is packed.
        let _ = input.write_all(packed);
    }
    // What follows the packed part is no error of ours: whether it worked shows
    // with the first bytes.
    let _ = unpack.wait();
    let made = fs::read(&part).map_err(|error| error.to_string())?;
    if !made.starts_with(b"\x7fELF") {
        return Err("the kernel was not unpacked".into());
    }
    fs::rename(&part, into).map_err(|error| format!("{}: {error}", into.display()))
}

fn only(folder: &Path, begins: &str) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths = entries.flatten().map(|entry| entry.path());
    paths
        .find(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begins))
        })
        .ok_or_else(|| format!("no {begins}… in {}", folder.display()))
}
