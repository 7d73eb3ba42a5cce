//! The programs of a package, as ELF files: hardened, with the list of their
//! crates, and without a word about the machine on which they were built.
//!
//! Trust: the files are ours; one that cannot be read is refused.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use object::elf;
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};
use object::{Endianness, Object as _, ObjectSymbol as _};

type Header = elf::FileHeader64<Endianness>;
type Segment = elf::ProgramHeader64<Endianness>;

/// A program, and a crate that it cannot be without. The frontend's C code is
/// that of SQLite and ring.
const PROGRAMS: [(&str, &str, Language); 4] = [
    ("usr/bin/gaggle", "gaggle", Language::Rust),
    ("usr/lib/gaggle/gaggle-frontend", "rustls", Language::RustAndC),
    ("usr/lib/gaggle/gaggle-supervisor", "gaggle-launch", Language::Rust),
    ("usr/lib/gaggle/gaggle-worker", "landlock", Language::Rust),
];
/// Larger than any list of crates.
const LIST_LIMIT: usize = 8 * 1024 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Rust,
    RustAndC,
}

/// Looks at each program below `unpacked`; `places` are folders of the build.
///
/// # Errors
/// All that is wrong, in one sentence.
pub(super) fn check(unpacked: &Path, places: &[PathBuf]) -> Result<(), String> {
    let mut problems = Vec::new();
    for (path, part, language) in PROGRAMS {
        let data = fs::read(unpacked.join(path)).map_err(|error| format!("{path}: {error}"))?;
        let mut found = hardening(&data, language).map_err(|error| format!("{path}: {error}"))?;
        found.extend(missing_list(&data, part));
        found.extend(places.iter().filter_map(|place| named(&data, place)));
        problems.extend(found.into_iter().map(|problem| format!("{path}: {problem}")));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

fn hardening(data: &[u8], language: Language) -> object::Result<Vec<String>> {
    let header = Header::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    let kinds = || segments.iter().map(|segment| segment.p_type(endian));
    let loader = Loader::read(segments, endian, data)?;
    let at_once = loader.flags & elf::DF_BIND_NOW != 0 || loader.flags_1 & elf::DF_1_NOW != 0;
    let written_and_run = |segment: &Segment| {
        let both = elf::PF_W | elf::PF_X;
        segment.p_flags(endian) & both == both
    };
    let file = object::File::parse(data)?;
    let guarded = file.dynamic_symbols().any(|s| s.name() == Ok("__stack_chk_fail"));
    let position_independent =
        header.e_type(endian) == elf::ET_DYN && loader.flags_1 & elf::DF_1_PIE != 0;
    let checks = [
        (position_independent, "no PIE"),
        (kinds().any(|kind| kind == elf::PT_GNU_RELRO), "no RELRO"),
        (at_once, "symbols are not bound at the start, so RELRO is partial"),
        (kinds().any(|kind| kind == elf::PT_GNU_STACK), "says nothing of its stack"),
        (!segments.iter().any(written_and_run), "has memory that is written and run"),
        (!loader.names_folders, "has a search path for libraries of its own"),
        (language == Language::Rust || guarded, "no stack protector in its C code"),
    ];
    let failed = checks.into_iter().filter(|(fine, _)| !fine);
    Ok(failed.map(|(_, problem)| problem.to_owned()).collect())
}

/// What the file tells the dynamic loader.
#[derive(Default)]
struct Loader {
    flags: u32,
    flags_1: u32,
    names_folders: bool,
}

impl Loader {
    fn read(segments: &[Segment], endian: Endianness, data: &[u8]) -> object::Result<Self> {
        let mut loader = Self::default();
        for segment in segments {
            for entry in segment.dynamic(endian, data)?.unwrap_or_default() {
                match entry.tag32(endian) {
                    Some(elf::DT_FLAGS) => loader.flags = entry.val32(endian).unwrap_or(0),
                    Some(elf::DT_FLAGS_1) => loader.flags_1 = entry.val32(endian).unwrap_or(0),
                    Some(elf::DT_RPATH | elf::DT_RUNPATH) => loader.names_folders = true,
                    _ => {}
                }
            }
        }
        Ok(loader)
    }
}

/// The list of crates can be read back, and is this program's.
fn missing_list(data: &[u8], part: &str) -> Option<String> {
    match auditable_info::audit_info_from_slice(data, LIST_LIMIT) {
        Ok(list) if list.packages.iter().any(|package| package.name == part) => None,
        Ok(_) => Some(format!("its list of crates is without {part}")),
        Err(error) => Some(format!("no list of its crates: {error}")),
    }
}

fn named(data: &[u8], place: &Path) -> Option<String> {
    let name = place.as_os_str().as_bytes();
    let found = data.windows(name.len().max(1)).any(|window| window == name);
    found.then(|| format!("names {}, where it was built", place.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_hardened_is_told_from_what_is() {
        // This program itself is one that Rust made: hardened, and without a list.
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(hardening(&own, Language::Rust).unwrap(), Vec::<String>::new());
        let mut tampered = own.clone();
        // ET_EXEC in the place of ET_DYN.
        tampered[16] = 2;
        assert_eq!(hardening(&tampered, Language::Rust).unwrap(), ["no PIE"]);
        assert!(missing_list(&own, "gaggle").unwrap().contains("no list"));
        assert!(hardening(b"#!/bin/sh", Language::Rust).is_err());
    }

    #[test]
    fn a_place_of_the_build_is_found() {
        let place = Path::new("/home/somebody/gaggle");
        assert!(named(b"\0/home/somebody/gaggle/frontend/src\0", place).is_some());
        assert_eq!(named(b"\0/usr/src/gaggle/frontend/src\0", place), None);
    }
}
