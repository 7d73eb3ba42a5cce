//! What a kernel starts with: busybox, the modules that reach its root, and the
//! script that goes there.
//!
//! Trust: what modules say of themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

use super::kernel::Kernel;

/// Packs the initial RAM disk into `folder`. `wanted` are modules by name, those
/// they depend on come with them; one that the kernel does not have as a module
/// is built into it. `more` are files beside the script `init`.
///
/// # Errors
/// A module cannot be unpacked, or there is no room.
pub(super) fn pack(
    folder: &Path,
    kernel: &Kernel,
    wanted: &[&str],
    init: &str,
    more: &[(&str, &str)],
) -> Result<PathBuf, String> {
    let disk = folder.join("disk");
    let packed = folder.join("initial.gz");
    let _ = fs::remove_dir_all(&disk);
    for part in ["bin", "modules", "proc", "sys", "dev", "host", "memory", "root"] {
        fs::create_dir_all(disk.join(part)).map_err(|e| format!("{}: {e}", disk.display()))?;
    }
    let order = modules(kernel, wanted, &disk.join("modules"))?;
    let write = |name: &str, text: &str| {
        fs::write(disk.join(name), text).map_err(|error| format!("{name}: {error}"))
    };
    write("init", init)?;
    write("order", &order.join("\n"))?;
    for (name, text) in more {
        write(name, text)?;
    }
    let script = "set -e; cd \"$0\"; cp \"$(command -v busybox)\" bin/busybox; chmod 755 init
         find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 > \"$1\"";
    run::run(Command::new("sh").args(["-c", script]).args([&disk, &packed]))?;
    Ok(packed)
}

/// Puts `wanted` and what they depend on into `target`; the order to load them.
fn modules(kernel: &Kernel, wanted: &[&str], target: &Path) -> Result<Vec<String>, String> {
    let mut all = BTreeMap::new();
    find(&kernel.modules, &mut all);
    let mut order = Vec::new();
    // The last first: what a module depends on is put before it.
    let mut open: Vec<(String, bool)> =
        wanted.iter().rev().map(|name| ((*name).to_owned(), false)).collect();
    while let Some((name, ready)) = open.pop() {
        let Some(path) = all.get(&name).filter(|_| !order.contains(&name)) else { continue };
        if ready {
            order.push(name);
            continue;
        }
        let module = unpacked(path)?;
        let needed = needed(&module);
        fs::write(target.join(format!("{name}.ko")), module).map_err(|e| format!("{name}: {e}"))?;
        open.push((name, true));
        open.extend(needed.into_iter().map(|name| (name, false)));
    }
    Ok(order)
}

/// All modules below `folder` by name.
fn find(folder: &Path, all: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, all);
        } else if let Some((name, _)) = entry.file_name().to_string_lossy().split_once(".ko") {
            all.insert(name.replace('-', "_"), path);
        }
    }
}

fn unpacked(path: &Path) -> Result<Vec<u8>, String> {
    if path.extension().is_some_and(|packing| packing == "xz") {
        let output = Command::new("xz").arg("-dc").arg(path).output();
        return output.map(|done| done.stdout).map_err(|error| format!("xz: {error}"));
    }
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// What a module says it needs: `depends=a,b` in its information.
fn needed(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let value = module.get(at + KEY.len()..).unwrap_or_default();
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value);
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::needed;

    #[test]
    fn a_module_names_what_it_depends_on() {
        assert_eq!(needed(b"x\0depends=mbcache,crc-16\0name=ext4\0"), ["mbcache", "crc_16"]);
        assert!(needed(b"x\0depends=\0name=crc16\0").is_empty());
        assert!(needed(b"nothing").is_empty());
    }
}
