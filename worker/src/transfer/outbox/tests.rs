//! An outbox gives plain files, says of all else why not, and follows nothing.

use super::super::reading;
use super::*;
use nix::unistd::mkfifo;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

/// A folder with one of everything.
fn filled() -> (tempfile::TempDir, OwnedFd) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.txt"), "content").unwrap();
    fs::write(at("empty"), "").unwrap();
    fs::create_dir(at("folder")).unwrap();
    fs::create_dir(at("sent")).unwrap();
    fs::write(at("sent/a.txt"), "older").unwrap();
    symlink("/etc/passwd", at("link")).unwrap();
    symlink(at("folder"), at("link-to-folder")).unwrap();
    fs::write(at("folder/inner"), "x").unwrap();
    fs::write(at("one"), "x").unwrap();
    fs::hard_link(at("one"), at("two")).unwrap();
    mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
    drop(UnixListener::bind(at("socket")).unwrap());
    let open = File::open(folder.path()).unwrap().into();
    (folder, open)
}

fn reads(folder: &OwnedFd, path: &str, max: u64) -> Result<Vec<u8>, FileRefusal> {
    let (mut words, heard) = Words::over(&[]);
    let last = reading::read(folder, Path::new(path), max, &mut words)?;
    assert_eq!(last, FileNews::Ended);
    let pieces = heard.try_iter().filter_map(|news| match news {
        FileNews::Bytes(chunk) => Some(chunk.bytes().to_vec()),
        _ => None,
    });
    Ok(pieces.flatten().collect())
}

#[test]
fn each_entry_is_offered_or_unfit_for_its_own_reason() {
    let (_path, folder) = filled();
    let (mut words, heard) = Words::over(&[]);
    assert_eq!(list(&folder, MAX_LISTED, &mut words), Ok(FileNews::Ended));
    let found: Vec<_> = heard
        .try_iter()
        .map(|news| match news {
            FileNews::Offered { name, size, .. } => (name.into_string(), Ok(size)),
            FileNews::Unfit { name, why } => (name.into_string(), Err(why)),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        ("a.txt", Ok(7)),
        ("empty", Ok(0)),
        ("folder", Err(FileRefusal::NotFile)),
        ("link", Err(FileRefusal::Link)),
        ("link-to-folder", Err(FileRefusal::Link)),
        ("one", Err(FileRefusal::ManyNames)),
        ("pipe", Err(FileRefusal::NotFile)),
        ("socket", Err(FileRefusal::NotFile)),
        ("two", Err(FileRefusal::ManyNames)),
    ];
    assert_eq!(found, expected.map(|(name, found)| (name.to_owned(), found)));
}

#[test]
fn no_more_are_named_than_were_asked_for() {
    let (_path, folder) = filled();
    let (mut words, heard) = Words::over(&[]);
    list(&folder, 2, &mut words).unwrap();
    assert_eq!(heard.try_iter().count(), 2);
}

#[test]
fn only_a_plain_file_below_the_folder_is_read() {
    let (_path, folder) = filled();
    assert_eq!(reads(&folder, "a.txt", 7), Ok(b"content".to_vec()));
    assert_eq!(reads(&folder, "folder/inner", 7), Ok(b"x".to_vec()));
    assert_eq!(reads(&folder, "folder/../a.txt", 7), Ok(b"content".to_vec()));
    assert_eq!(reads(&folder, "empty", 0), Ok(Vec::new()));
    for (path, why) in [
        ("a.txt/x", FileRefusal::Missing),
        ("none", FileRefusal::Missing),
        ("", FileRefusal::BadName),
        ("..", FileRefusal::BadName),
        ("folder/..", FileRefusal::BadName),
        ("../etc/passwd", FileRefusal::Link),
        ("/etc/passwd", FileRefusal::Link),
        ("link", FileRefusal::Link),
        ("link-to-folder/inner", FileRefusal::Link),
        ("folder", FileRefusal::NotFile),
        ("pipe", FileRefusal::NotFile),
        ("socket", FileRefusal::NotFile),
        ("one", FileRefusal::ManyNames),
    ] {
        assert_eq!(reads(&folder, path, 7), Err(why), "{path:?}");
    }
    assert_eq!(reads(&folder, "a.txt", 6), Err(FileRefusal::TooLarge));
}

#[test]
fn what_is_set_aside_is_kept_and_never_over_anything() {
    let (path, folder) = filled();
    let at = |name: &str| path.path().join(name);
    assert_eq!(set_aside(&folder, "a.txt", Fate::Sent), Ok(FileNews::Ended));
    assert_eq!(fs::read_to_string(at("sent/a.txt")).unwrap(), "older");
    assert_eq!(fs::read_to_string(at("sent/a-2.txt")).unwrap(), "content");
    assert_eq!(set_aside(&folder, "link", Fate::NotSent), Ok(FileNews::Ended));
    assert!(at("not-sent/link").is_symlink());
    for (name, why) in [
        ("../x", FileRefusal::BadName),
        ("sent", FileRefusal::BadName),
        ("..", FileRefusal::BadName),
        ("none", FileRefusal::Missing),
    ] {
        assert_eq!(set_aside(&folder, name, Fate::Sent), Err(why), "{name}");
    }
}

#[test]
fn nothing_is_moved_over_a_planted_link() {
    let (path, folder) = filled();
    fs::rename(path.path().join("sent"), path.path().join("kept")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), path.path().join("sent")).unwrap();
    let refused = set_aside(&folder, "a.txt", Fate::Sent);
    assert!(matches!(refused, Err(FileRefusal::Link | FileRefusal::Missing)), "{refused:?}");
    assert!(path.path().join("a.txt").exists());
    assert_eq!(elsewhere.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_changed_file_has_another_stamp() {
    let (path, folder) = filled();
    let of = || match offer(&folder, Text::new("a.txt").unwrap()) {
        FileNews::Offered { stamp, .. } => stamp,
        other => panic!("{other:?}"),
    };
    let before = of();
    assert_eq!(of(), before);
    fs::write(path.path().join("a.txt"), "changed").unwrap();
    let file = File::options().write(true).open(path.path().join("a.txt")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_ne!(of(), before);
}
