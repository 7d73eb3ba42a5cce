//! Files of a thread, in and out, with the real worker and the real Goose.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test file")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use gaggle_ipc::files::{
    Chunk, Fate, FileNews, FileOrder, FilePlace, FileRefusal, MAX_LISTED, WINDOW,
};
use gaggle_ipc::session::{Before, FromWorker, ToWorker, TurnEnd};
use gaggle_ipc::{Text, TurnId};
use support::{Lab, Worker, as_account, eventually, thread};

const TURN: TurnId = TurnId(1000);

fn inbox(lab: &Lab) -> PathBuf {
    lab.workspace().join("inbox").join(thread('a').as_str())
}

fn outbox(lab: &Lab) -> PathBuf {
    lab.workspace().join("outbox").join(thread('a').as_str())
}

async fn order(worker: &Worker, file: u32, order: FileOrder) {
    worker.send(ToWorker::File { thread: thread('a'), turn: TURN, file, order }).await;
}

/// The next news of a file.
async fn news(worker: &Worker, wanted: u32) -> FileNews {
    loop {
        if let Some(FromWorker::File { file, news, .. }) = worker.receive().await
            && file == wanted
        {
            return news;
        }
    }
}

fn stored(name: &str, size: usize) -> FileOrder {
    FileOrder::Store { name: Text::new(name).unwrap(), size: size as u64 }
}

/// Stores a file as a frontend would.
async fn store(worker: &Worker, file: u32, name: &str, content: &[u8]) -> FileNews {
    order(worker, file, stored(name, content.len())).await;
    let mut chunks = content.chunks(Chunk::MAX);
    loop {
        let room = match news(worker, file).await {
            FileNews::Room { chunks } => chunks,
            last => return last,
        };
        for _ in 0..room {
            let Some(bytes) = chunks.next() else {
                order(worker, file, FileOrder::Whole).await;
                loop {
                    match news(worker, file).await {
                        FileNews::Room { .. } => {}
                        last => return last,
                    }
                }
            };
            order(worker, file, FileOrder::Bytes(Chunk::new(bytes.to_vec()).unwrap())).await;
        }
    }
}

/// Reads a file as a frontend would.
async fn read(
    worker: &Worker,
    file: u32,
    place: FilePlace,
    path: &str,
) -> Result<Vec<u8>, FileRefusal> {
    let path = Text::new(path).unwrap();
    order(worker, file, FileOrder::Read { place, path, max: 1 << 30 }).await;
    let mut content = Vec::new();
    loop {
        match news(worker, file).await {
            FileNews::Opened { .. } => {
                order(worker, file, FileOrder::Room { chunks: WINDOW }).await;
            }
            FileNews::Bytes(chunk) => {
                content.extend(chunk.bytes());
                order(worker, file, FileOrder::Room { chunks: 1 }).await;
            }
            FileNews::Ended => return Ok(content),
            FileNews::Refused(why) => return Err(why),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_large_file_arrives_whole_and_is_the_accounts_alone() {
    let lab = Lab::new();
    let worker = lab.start().await;
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let FileNews::Stored { name, path } = store(&worker, 1, "../big.bin", &content).await else {
        panic!("not stored")
    };
    assert_eq!(name.as_str(), "big.bin");
    let made = inbox(&lab).join("big.bin");
    assert_eq!(path.as_str(), made.to_str().unwrap());
    assert!(fs::read(&made).unwrap() == content);
    let about = fs::metadata(&made).unwrap();
    assert_eq!(about.permissions().mode() & 0o7777, 0o600);
    assert_eq!(about.uid(), fs::metadata(lab.home()).unwrap().uid());
    // Again, as after a turn that is run once more.
    let again = store(&worker, 2, "big.bin", &content).await;
    assert_eq!(again, FileNews::Stored { name, path });
    assert_eq!(fs::read_dir(inbox(&lab)).unwrap().count(), 1);
    let back = read(&worker, 3, FilePlace::Inbox, "big.bin").await;
    assert!(back == Ok(content));
}

#[tokio::test]
async fn a_planted_link_is_not_followed_in_either_direction() {
    let lab = Lab::new();
    let worker = lab.start().await;
    let elsewhere = lab.home().join(".ssh");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("id"), "key").unwrap();
    for planted in [lab.workspace().join("inbox"), inbox(&lab)] {
        fs::create_dir_all(planted.parent().unwrap()).unwrap();
        symlink(&elsewhere, &planted).unwrap();
        let refused = store(&worker, 1, "authorized_keys", b"x").await;
        assert_eq!(refused, FileNews::Refused(FileRefusal::Link), "{}", planted.display());
        fs::remove_file(&planted).unwrap();
    }
    assert!(!elsewhere.join("authorized_keys").exists());
    symlink(elsewhere.join("id"), lab.workspace().join("id")).unwrap();
    symlink(&elsewhere, lab.workspace().join("keys")).unwrap();
    for path in ["id", "keys/id", "../.ssh/id"] {
        let refused = read(&worker, 2, FilePlace::Workspace, path).await;
        assert_eq!(refused, Err(FileRefusal::Link), "{path}");
    }
    // The control: a file of the same bytes, without a link.
    let control = lab.workspace().join("own");
    fs::write(&control, "key").unwrap();
    assert_eq!(read(&worker, 3, FilePlace::Workspace, "own").await, Ok(b"key".to_vec()));
    let whole = control.to_str().unwrap();
    assert_eq!(read(&worker, 4, FilePlace::Workspace, whole).await, Ok(b"key".to_vec()));
}

#[tokio::test]
async fn what_opens_a_file_may_no_more_than_an_agent() {
    let lab = Lab::new();
    let worker = lab.start().await;
    // A hard link made outside the sandbox leads to no rule of the workspace's.
    let out = as_account(&format!(
        "cd {} && mkdir -p inbox && chmod 500 inbox",
        lab.workspace().display()
    ));
    assert!({ out }.status().unwrap().success());
    let refused = store(&worker, 1, "a", b"x").await;
    assert_eq!(refused, FileNews::Refused(FileRefusal::NotAllowed));
    fs::set_permissions(lab.workspace().join("inbox"), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(store(&worker, 2, "a", b"x").await, FileNews::Stored { .. }), "the control");
}

#[tokio::test]
async fn a_file_that_is_given_up_leaves_nothing_and_the_next_one_goes_on() {
    let lab = Lab::new();
    let worker = lab.start().await;
    order(&worker, 1, stored("a", 1 << 30)).await;
    assert_eq!(news(&worker, 1).await, FileNews::Room { chunks: WINDOW });
    order(&worker, 1, FileOrder::Bytes(Chunk::new(vec![1; 100]).unwrap())).await;
    order(&worker, 1, FileOrder::Stop).await;
    loop {
        match news(&worker, 1).await {
            FileNews::Room { .. } => {}
            last => break assert_eq!(last, FileNews::Refused(FileRefusal::Stopped)),
        }
    }
    eventually("it is gone", || fs::read_dir(inbox(&lab)).unwrap().count() == 0).await;
    assert!(matches!(store(&worker, 2, "a", b"x").await, FileNews::Stored { .. }));
}

#[tokio::test]
async fn more_than_there_is_room_for_ends_that_file_alone() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    order(&worker, 1, stored("a", 1 << 30)).await;
    let chunk = Chunk::new(vec![1; Chunk::MAX]).unwrap();
    for _ in 0..200 {
        order(&worker, 1, FileOrder::Bytes(chunk.clone())).await;
    }
    loop {
        match news(&worker, 1).await {
            FileNews::Room { .. } => {}
            last => break assert_eq!(last, FileNews::Refused(FileRefusal::Stopped)),
        }
    }
    assert_eq!(worker.play(thread('b'), "!!say here").await.answer(), "here");
}

#[tokio::test]
async fn many_files_at_once_are_done_or_refused_and_turns_go_on() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    for file in 0..40 {
        order(&worker, file, stored("a", 1 << 20)).await;
    }
    assert_eq!(news(&worker, 39).await, FileNews::Refused(FileRefusal::Busy));
    assert_eq!(worker.play(thread('a'), "!!say here").await.answer(), "here");
    for file in 0..40 {
        order(&worker, file, FileOrder::Stop).await;
    }
    assert!(worker.hang_up().await.success());
}

#[tokio::test]
async fn an_image_of_the_inbox_reaches_the_model() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(vec![9; 2 * Chunk::MAX]);
    store(&worker, 1, "cat.png", &png).await;
    store(&worker, 2, "liar.png", b"not an image").await;
    let names = ["cat.png", "liar.png", "gone.png", "../../../etc/passwd"];
    for name in names {
        let name = Text::new(name).unwrap();
        worker.send(ToWorker::PromptImage { thread: thread('a'), turn: TurnId(1), name }).await;
    }
    let turn = worker.prompt_after(thread('a'), "!!say seen\n", None, Before::Complete).await;
    let played = worker.end_of(turn).await;
    assert_eq!(played.answer(), "seen");
    let said = lab.model.last_conversation();
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(&png);
    assert!(said.contains(&encoded), "the image is not in {said:.500}");
    assert_eq!(said.matches("image_url").count(), 2, "one block, which says it twice");
    let notices = played.messages.iter().filter(|m| matches!(m, FromWorker::Notice { .. }));
    assert_eq!(notices.count(), 3, "{:?}", played.messages);
}

#[tokio::test]
async fn the_agent_knows_its_outbox_and_what_is_there_is_named_at_the_end() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let filled = |m: &FromWorker| matches!(m, FromWorker::OutboxFilled { .. });
    let played = worker.play(thread('a'), "!!say nothing").await;
    assert!(lab.model.system_prompt().contains("GAGGLE_OUTBOX"), "{}", lab.model.system_prompt());
    assert!(!played.messages.iter().any(filled));
    let run = r#"!!run mkdir -p "$GAGGLE_OUTBOX" && cd "$GAGGLE_OUTBOX" && echo for you > a.txt && ln -s /etc/passwd link && mkfifo pipe"#;
    let played = worker.play(thread('a'), run).await;
    let at = played.messages.iter().position(filled);
    assert_eq!(at, Some(played.messages.len() - 2), "right before the end: {:?}", played.messages);
    order(&worker, 1, FileOrder::List { most: MAX_LISTED }).await;
    let mut named = Vec::new();
    loop {
        match news(&worker, 1).await {
            FileNews::Offered { name, size, .. } => named.push((name.into_string(), Ok(size))),
            FileNews::Unfit { name, why } => named.push((name.into_string(), Err(why))),
            last => break assert_eq!(last, FileNews::Ended),
        }
    }
    let expected =
        [("a.txt", Ok(8)), ("link", Err(FileRefusal::Link)), ("pipe", Err(FileRefusal::NotFile))];
    assert_eq!(named, expected.map(|(name, found)| (name.to_owned(), found)));
    assert_eq!(read(&worker, 2, FilePlace::Outbox, "a.txt").await, Ok(b"for you\n".to_vec()));
    assert_eq!(read(&worker, 3, FilePlace::Outbox, "link").await, Err(FileRefusal::Link));
    assert_eq!(read(&worker, 4, FilePlace::Outbox, "pipe").await, Err(FileRefusal::NotFile));
    for (file, name, fate) in [(5, "a.txt", Fate::Sent), (6, "link", Fate::NotSent)] {
        order(&worker, file, FileOrder::SetAside { name: Text::new(name).unwrap(), fate }).await;
        assert_eq!(news(&worker, file).await, FileNews::Ended);
    }
    assert!(
        outbox(&lab).join("sent/a.txt").exists() && outbox(&lab).join("not-sent/link").is_symlink()
    );
}

#[tokio::test]
async fn what_opens_files_has_no_keys_and_a_cancel_does_not_wait_for_files() {
    let lab = Lab::new();
    let mut worker = lab.start().await;
    let turn = worker.prompt(thread('a'), "!!hang").await;
    worker.until(|m| matches!(m, FromWorker::TurnStarted { .. })).await;
    order(&worker, 1, stored("a", 1 << 30)).await;
    assert_eq!(news(&worker, 1).await, FileNews::Room { chunks: WINDOW });
    let chunk = Chunk::new(vec![1; Chunk::MAX]).unwrap();
    for _ in 0..WINDOW {
        order(&worker, 1, FileOrder::Bytes(chunk.clone())).await;
    }
    let (transfer, environment) = transfer_of(&worker);
    assert!(!environment.contains("sk-of-this-test"), "{transfer}: {environment}");
    worker.send(ToWorker::Cancel { thread: thread('a'), turn }).await;
    assert_eq!(*worker.end_of(turn).await.end(), TurnEnd::Cancelled);
}

/// The command line and environment of the process that opens a file.
fn transfer_of(worker: &Worker) -> (String, String) {
    let own = worker.child.id();
    let text = |pid: &str, file: &str| {
        fs::read(format!("/proc/{pid}/{file}")).map(|b| String::from_utf8_lossy(&b).into_owned())
    };
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().into_string().unwrap();
        let Ok(stat) = text(&pid, "stat") else { continue };
        let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap().to_owned();
        let line = text(&pid, "cmdline").unwrap_or_default();
        if line.contains("file-transfer") && parent == own.to_string() {
            return (line, text(&pid, "environ").unwrap());
        }
    }
    panic!("no process opens a file");
}
