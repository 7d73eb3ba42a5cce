//! An inbox never loses what is there, and takes nothing that could be something else.

use super::*;
use gaggle_ipc::files::Chunk;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

fn folder() -> (tempfile::TempDir, OwnedFd) {
    let folder = tempfile::tempdir().unwrap();
    let open = File::open(folder.path()).unwrap().into();
    (folder, open)
}

fn order(content: &[u8]) -> Vec<FileOrder> {
    let chunks = content.chunks(Chunk::MAX);
    let mut orders: Vec<_> =
        chunks.map(|bytes| FileOrder::Bytes(Chunk::new(bytes.to_vec()).unwrap())).collect();
    orders.push(FileOrder::Whole);
    orders
}

fn stored(folder: &OwnedFd, name: &str, content: &[u8]) -> Result<String, FileRefusal> {
    let (mut words, _heard) = Words::over(&order(content));
    match store(folder, Path::new("/in"), name, content.len() as u64, &mut words)? {
        FileNews::Stored { name, path } => {
            assert_eq!(path.as_str(), format!("/in/{name}"));
            Ok(name.into_string())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_there_whole_and_private_and_nothing_else_is() {
    let (path, folder) = folder();
    let content = vec![7; 100_000];
    assert_eq!(
        stored(&folder, "../../.ssh/authorized_keys", &content),
        Ok("authorized_keys".into())
    );
    let made = path.path().join("authorized_keys");
    assert_eq!(fs::read(&made).unwrap(), content);
    assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(path.path()).unwrap().count(), 1);
}

#[test]
fn what_is_there_stays_and_the_same_file_is_not_stored_twice() {
    let (path, folder) = folder();
    for (content, name) in [
        (&b"one"[..], "report.pdf"),
        (b"two", "report-2.pdf"),
        (b"three", "report-3.pdf"),
        (b"two", "report-2.pdf"),
        (b"one", "report.pdf"),
    ] {
        assert_eq!(stored(&folder, "report.pdf", content), Ok(name.into()));
    }
    assert_eq!(fs::read(path.path().join("report.pdf")).unwrap(), b"one");
    assert_eq!(fs::read_dir(path.path()).unwrap().count(), 3);
}

#[test]
fn a_link_in_the_place_of_a_file_is_neither_written_nor_read() {
    let (path, folder) = folder();
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    fs::write(&elsewhere, "same").unwrap();
    symlink(elsewhere.path(), path.path().join("a.txt")).unwrap();
    assert_eq!(stored(&folder, "a.txt", b"same"), Ok("a-2.txt".into()));
    assert_eq!(stored(&folder, "a.txt", b"other"), Ok("a-3.txt".into()));
    assert_eq!(fs::read(elsewhere.path()).unwrap(), b"same");
}

#[test]
fn what_breaks_off_or_has_another_size_leaves_nothing_behind() {
    let (path, folder) = folder();
    let whole = order(b"content");
    for (orders, size, why) in [
        (&whole[..1], 7, FileRefusal::Stopped),
        (&[whole[0].clone(), FileOrder::Stop][..], 7, FileRefusal::Stopped),
        (&whole[..], 6, FileRefusal::WrongSize),
        (&whole[..], 8, FileRefusal::WrongSize),
    ] {
        let (mut words, _heard) = Words::over(orders);
        let refused = store(&folder, Path::new("/in"), "a", size, &mut words);
        assert_eq!(refused, Err(why), "{size}");
        assert_eq!(fs::read_dir(path.path()).unwrap().count(), 0, "{size}");
    }
}

#[test]
fn room_is_given_for_what_was_taken() {
    let (_path, folder) = folder();
    let (mut words, heard) = Words::over(&order(&[1; 2 * Chunk::MAX]));
    store(&folder, Path::new("/in"), "a", 2 * Chunk::MAX as u64, &mut words).unwrap();
    let given: Vec<_> = heard.try_iter().collect();
    let room = |chunks| FileNews::Room { chunks };
    assert_eq!(given, [room(WINDOW), room(1), room(1)]);
}

#[test]
fn parts_that_nobody_writes_any_more_are_removed() {
    let (path, folder) = folder();
    let left = path.path().join(format!("{PART}left"));
    let written = path.path().join(format!("{PART}written"));
    fs::write(&left, "x").unwrap();
    fs::write(&written, "x").unwrap();
    let held = Flock::lock(File::open(&written).unwrap(), FlockArg::LockExclusive).unwrap();
    assert!(stored(&folder, "a", b"b").is_ok());
    assert!(!left.exists() && written.exists());
    drop(held);
    assert!(stored(&folder, "a", b"b").is_ok());
    assert!(!written.exists());
}
